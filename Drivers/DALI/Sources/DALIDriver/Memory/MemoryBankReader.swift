/// Reads fields of one memory bank of one gear, in units of at most 100 ms of bus between which anything else may go.
///
/// Pure: ``next(_:)`` says what to send, ``received(_:)`` takes what came of it. A location without an answer is asked for again,
/// with the registers set anew: a gear that missed a frame has not moved on.
struct MemoryBankReader {
    enum Step: Sendable, Hashable {
        /// Frames that must follow each other without another of ours in between.
        case exchange([DALIRequest])
        case finished
    }

    enum Result: Sendable, Hashable {
        case read(BankImage)
        /// The gear answers, and has no such bank.
        case absent
        /// The gear does not answer at all.
        case silent
        /// Two gear answer at once.
        case collision
        case failed(DALIFailure)
    }

    /// Silence counts when it is no accident.
    static let attempts = 2
    /// A bank that cannot be frozen is read until each value came out the same twice running, so often at most.
    static let passes = 4
    /// Two readings of a value that moves differ by no more than this; a torn one is off by a whole byte.
    static let largestStep: UInt64 = 255
    static let frozen: UInt8 = 0xAA
    static let released: UInt8 = 0xFF
    static let lockLocation: UInt8 = 2

    enum Phase: Sendable, Hashable {
        case lastLocation
        case presence
        case freeze
        case data
        case release
        case finished
    }

    /// What the exchange under way is for.
    enum Unit: Sendable, Hashable {
        /// Sets the registers only.
        case registers
        case reads([UInt8], after: Int)
        case write(UInt8)
        case presence
    }

    let bank: MemoryBank
    let address: ShortAddress
    let priority: FramePriority
    private let wanted: [BankField]
    /// Freezing is a write, if only to the gear's working memory.
    private let mayFreeze: Bool

    private(set) var result: Result?
    var image: BankImage
    private var phase: Phase
    private var unit: Unit?
    private var open: [UInt8] = []
    private var tries: [UInt8: Int] = [:]
    /// Whether the bank is frozen by us; nil: not yet tried.
    private var isFrozen = false
    /// A byte came with silence: what DTR0 is now nobody knows.
    private var distrusts = false
    private var pass = 0
    private var unsettled: [BankField] = []
    private var previous: [UInt8: UInt8] = [:]

    /// - Parameters:
    ///   - fields: those to be read; nil for all of the bank.
    ///   - lastLocation: when it is known from an earlier reading of this gear.
    ///   - mayFreeze: false on a gateway that must write nothing: the values are then compared over two readings.
    init(
        _ bank: MemoryBank, of address: ShortAddress, fields: [BankField]? = nil, lastLocation: UInt8? = nil,
        mayFreeze: Bool = true, priority: FramePriority = .polling
    ) {
        self.bank = bank
        self.address = address
        self.priority = priority
        self.mayFreeze = mayFreeze
        wanted = fields ?? bank.fields
        image = BankImage(lastLocation: lastLocation ?? 0)
        phase = .lastLocation
        open = [0]
        if lastLocation != nil { beginReading() }
    }

    /// - Parameter registers: what DTR0 and DTR1 hold; nil where nobody follows them, each unit then sets both.
    mutating func next(_ registers: TransferRegisters?) -> Step {
        let known = distrusts ? nil : registers
        switch phase {
        case .finished: return .finished
        case .presence:
            unit = .presence
            return .exchange([.gear(address, .queryControlGearPresent, priority: priority)])
        case .lastLocation, .data: return .exchange(read(known, isTracked: registers != nil))
        case .freeze: return .exchange(write(Self.frozen, known, isTracked: registers != nil))
        case .release: return .exchange(write(Self.released, known, isTracked: registers != nil))
        }
    }

    /// - Parameter outcomes: of the exchange's frames in order; they end at the first that did not reach the bus.
    mutating func received(_ outcomes: [DALIOutcome]) {
        if case .error(let failure)? = outcomes.last {
            end(.failed(failure))
            return
        }
        switch unit {
        case .registers: distrusts = false
        case .presence: receivedPresence(outcomes.last ?? .none)
        case .write(let value):
            distrusts = false
            isFrozen = value == Self.frozen
            if value == Self.frozen { phase = .data } else { end(.read(image)) }
        case .reads(let locations, let skipped):
            for (location, outcome) in zip(locations, outcomes.dropFirst(skipped)) where phase != .finished {
                distrusts = false
                guard take(outcome, of: location) else { break }
            }
        case nil: break
        }
        unit = nil
    }

    // MARK: units

    private mutating func read(_ registers: TransferRegisters?, isTracked: Bool) -> [DALIRequest] {
        guard let location = open.first else { preconditionFailure("reading with nothing to read") }
        let set = setting(location, registers)
        // Two settings and a reading are more than 100 ms.
        if set.count > 1, isTracked {
            unit = .registers
            return chained(set)
        }
        var locations = [location]
        // Two readings fit into a unit, behind a setting only one.
        if set.isEmpty, open.count > 1, open[1] == location + 1 { locations.append(open[1]) }
        unit = .reads(locations, after: set.count)
        return chained(set + locations.map { _ in .gear(address, .readMemoryLocation, priority: priority) })
    }

    private mutating func write(_ value: UInt8, _ registers: TransferRegisters?, isTracked: Bool) -> [DALIRequest] {
        let set = setting(Self.lockLocation, registers)
        if !set.isEmpty, isTracked {
            unit = .registers
            return chained(set)
        }
        unit = .write(value)
        return chained(
            set + [
                .gear(address, .enableWriteMemory, priority: priority),
                .special(.writeMemoryLocationNoReply, value, priority: priority),
            ])
    }

    private func setting(_ location: UInt8, _ registers: TransferRegisters?) -> [DALIRequest] {
        if let registers, registers.holds(bank: bank.number, location: location, of: address) { return [] }
        let offset = DALIRequest.special(.dataTransferRegister0, location, priority: priority)
        if let registers, registers.holds(bank: bank.number) { return [offset] }
        return [.special(.dataTransferRegister1, bank.number, priority: priority), offset]
    }

    /// The first frame waits its turn, the others follow directly.
    private func chained(_ requests: [DALIRequest]) -> [DALIRequest] {
        requests.enumerated().map { place, request in
            DALIRequest(
                request.frame, isSentTwice: request.isSentTwice, priority: place == 0 ? priority : .continuation,
                expectsReply: request.expectsReply)
        }
    }

    // MARK: what came

    /// - Returns: whether what came behind it in the same unit is of the location it should be of.
    private mutating func take(_ outcome: DALIOutcome, of location: UInt8) -> Bool {
        if case .reply(let byte) = outcome {
            tries = [:]
            open.removeFirst()
            if phase == .lastLocation {
                image.lastLocation = byte
                beginReading()
            } else {
                keep(byte, at: location)
            }
            return true
        }
        distrusts = true
        tries[location, default: 0] += 1
        guard tries[location, default: 0] >= Self.attempts else { return false }
        if outcome == .collision {
            end(.collision)
        } else {
            phase = .presence
        }
        return false
    }

    private mutating func receivedPresence(_ outcome: DALIOutcome) {
        tries = [:]
        switch outcome {
        case .reply where image.lastLocation == 0 && open == [0]: end(.absent)
        case .reply:
            // It is there and has nothing at this location.
            phase = .data
            if !open.isEmpty { open.removeFirst() }
            if open.isEmpty { endPass() }
        case .collision: end(.collision)
        case .none, .error: end(.silent)
        }
    }

    private mutating func keep(_ byte: UInt8, at location: UInt8) {
        if location == Self.lockLocation, bank.consistency == .latch {
            if isFrozen, byte != Self.frozen {
                // It would not be frozen: as on a gateway that must not write.
                isFrozen = false
                unsettled = tearing
            } else if !isFrozen {
                image.isFrozenByOther = byte == Self.frozen
            }
        } else {
            image.bytes[location] = byte
        }
        if open.isEmpty { endPass() }
    }

    // MARK: course

    private var present: [BankField] {
        wanted.filter { $0.first <= image.lastLocation }
    }

    private var tearing: [BankField] { present.filter(\.canTear) }

    private mutating func beginReading() {
        let isLatch = bank.consistency == .latch
        open = Self.locations(of: present, upTo: image.lastLocation, with: isLatch ? Self.lockLocation : nil)
        guard !open.isEmpty, !present.isEmpty else {
            end(.read(image))
            return
        }
        let freezes = isLatch && mayFreeze && !tearing.isEmpty
        unsettled = isLatch && !freezes ? tearing : []
        phase = freezes ? .freeze : .data
    }

    private mutating func endPass() {
        pass += 1
        if pass > 1 { unsettled.removeAll(where: isSettled) }
        if !unsettled.isEmpty, pass < Self.passes {
            previous = image.bytes
            open = Self.locations(of: unsettled, upTo: image.lastLocation, with: nil)
            return
        }
        image.torn = Set(unsettled)
        if isFrozen { phase = .release } else { end(.read(image)) }
    }

    private func isSettled(_ field: BankField) -> Bool {
        func number(_ bytes: [UInt8: UInt8]) -> UInt64 {
            field.locations.reduce(0) { $0 << 8 | UInt64(bytes[$1] ?? 0) }
        }
        let (now, before) = (number(image.bytes), number(previous))
        return max(now, before) - min(now, before) <= Self.largestStep
    }

    private mutating func end(_ result: Result) {
        self.result = result
        phase = .finished
        unit = nil
    }

    private static func locations(of fields: [BankField], upTo last: UInt8, with extra: UInt8?) -> [UInt8] {
        var locations = Set(fields.flatMap(\.locations).filter { $0 <= last })
        if let extra { locations.insert(extra) }
        return locations.sorted()
    }
}
