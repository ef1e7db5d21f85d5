/// What is known of the gear of a bus over restarts: address, random address and identity belong together. It is what lets a gear
/// keep its address and its name, and what lets a commissioning that was cut off go on.
struct CommissioningTable: Sendable, Equatable {
    /// Key of the bus's memory.
    static let memoryKey = "commissioning"

    struct Record: Sendable, Equatable {
        var address: UInt8
        var random: UInt32
        var signature: GearIdentity?
        /// It was given this address to be asked who it is, and has no place of its own yet.
        var isPending = false
    }

    private static let version: UInt8 = 1
    /// Address, flags, random address, article, number.
    private static let size = 1 + 1 + 3 + 6 + 8

    var records: [Record] = []

    init() {}

    /// Anything malformed counts as nothing known.
    init(_ bytes: [UInt8]?) {
        guard let bytes, bytes.first == Self.version, (bytes.count - 1) % Self.size == 0 else { return }
        for start in stride(from: 1, to: bytes.count, by: Self.size) {
            let row = Array(bytes[start..<start + Self.size])
            guard row[0] < 64 else { continue }
            records.append(
                Record(
                    address: row[0], random: row[2..<5].reduce(0) { $0 << 8 | UInt32($1) },
                    signature: row[1] & 1 != 0
                        ? GearIdentity(gtin: Array(row[5..<11]), number: Array(row[11..<19])) : nil,
                    isPending: row[1] & 2 != 0))
        }
    }

    var bytes: [UInt8] {
        records.reduce(into: [Self.version]) { bytes, record in
            bytes.append(record.address)
            bytes.append((record.signature == nil ? 0 : 1) | (record.isPending ? 2 : 0))
            bytes += [16, 8, 0].map { UInt8(truncatingIfNeeded: record.random >> UInt32($0)) }
            bytes += record.signature?.bytes ?? [UInt8](repeating: 0, count: 14)
        }
    }

    func record(at address: UInt8) -> Record? { records.first { $0.address == address && !$0.isPending } }
    func address(of signature: GearIdentity) -> UInt8? {
        records.first { $0.signature == signature && !$0.isPending }?.address
    }

    /// Replaces what was known of this address, and of this gear elsewhere.
    mutating func put(_ record: Record) {
        records.removeAll {
            // Who is pending at an address says nothing of whose address that is.
            $0.isPending == record.isPending
                && ($0.address == record.address || (record.signature != nil && $0.signature == record.signature))
        }
        records.append(record)
    }
}

extension GearIdentity {
    /// Six bytes of article number, eight of identification number.
    fileprivate var bytes: [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: gtin >> (40 - 8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }
}
