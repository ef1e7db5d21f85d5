/// Who a control gear is: its GTIN and identification number, unique in the world (IEC 62386-102 clause 9.10.6).
struct GearIdentity: Sendable, Hashable, CustomStringConvertible {
    let tradeItemNumber: UInt64
    let number: UInt64

    init(tradeItemNumber: UInt64, number: UInt64) {
        self.tradeItemNumber = tradeItemNumber
        self.number = number
    }

    /// `<GTIN>/<number>`, both decimal; leading zeros do not matter.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let first = UInt64(parts[0]), first <= Self.noTradeItem, let second = UInt64(parts[1])
        else { return nil }
        self.init(tradeItemNumber: first, number: second)
    }

    var description: String { "\(tradeItemNumber)/\(number)" }

    /// False for gear whose maker left the number empty: it cannot be told from its brothers.
    var isUnique: Bool {
        number != 0 && number != .max && number != UInt64(UInt32.max) && tradeItemNumber != Self.noTradeItem
    }

    private static let noTradeItem: UInt64 = 0xFFFF_FFFF_FFFF
}

/// Reads a gear's identity, firmware and hardware version out of memory bank 0, by either layout.
///
/// Pure, in units of at most 100 ms when the registers are followed, as ``MemoryBankReader``.
struct GearIdentityReader {
    enum Result: Sendable, Hashable {
        case identity(GearIdentity, firmware: String?, version: UInt8)
        /// It answers and says nothing of itself.
        case unknown
        case silent
        case collision
        case failed(DALIFailure)
    }

    /// QUERY VERSION NUMBER of gear made after IEC 62386-102:2009.
    static let versionOf2009: UInt8 = 1

    let address: ShortAddress
    let priority: FramePriority
    private(set) var result: Result?
    private var version: UInt8?
    private var tries = 0
    private var reader: MemoryBankReader?

    init(_ address: ShortAddress, priority: FramePriority = .polling) {
        self.address = address
        self.priority = priority
    }

    mutating func next(_ registers: TransferRegisters?) -> MemoryBankReader.Step {
        guard result == nil else { return .finished }
        guard version != nil else {
            return .exchange([.gear(address, .queryVersionNumber, priority: priority)])
        }
        return reader?.next(registers) ?? .finished
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        if version == nil {
            receivedVersion(outcomes.last ?? .none)
            return
        }
        reader?.received(outcomes)
        switch reader?.result {
        case .read(let image)?: result = read(image)
        case .absent?: result = .unknown
        case .silent?: result = .silent
        case .collision?: result = .collision
        case .failed(let failure)?: result = .failed(failure)
        case nil: break
        }
    }

    private mutating func receivedVersion(_ outcome: DALIOutcome) {
        tries += 1
        switch outcome {
        case .reply(let value):
            version = value
            let bank: MemoryBank = value <= Self.versionOf2009 ? .unitOf2009 : .unit
            let fields = ["gtin", "identification_number", "firmware_version"].compactMap(bank.field)
            reader = MemoryBankReader(bank, of: address, fields: fields, priority: priority)
        case .error(let failure): result = .failed(failure)
        case .none where tries >= MemoryBankReader.attempts: result = .silent
        case .collision where tries >= MemoryBankReader.attempts: result = .collision
        case .none, .collision: break
        }
    }

    private func read(_ image: BankImage) -> Result {
        guard let version, let bank = reader?.bank, let item = number("gtin", bank, image),
            let own = number("identification_number", bank, image)
        else { return .unknown }
        let firmware = bank.field("firmware_version").flatMap { image.read($0).value }?.description
        return .identity(GearIdentity(tradeItemNumber: item, number: own), firmware: firmware, version: version)
    }

    private func number(_ name: String, _ bank: MemoryBank, _ image: BankImage) -> UInt64? {
        guard case .text(let digits)? = bank.field(name).flatMap({ image.read($0).value }) else { return nil }
        return UInt64(digits)
    }
}
