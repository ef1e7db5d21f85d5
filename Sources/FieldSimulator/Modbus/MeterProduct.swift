/// What a register that no value lies on answers, inside the product's map. Outside it is exception 2.
public enum GapBehaviour: Sendable, Hashable {
    case zeros
    case refused
    /// Every word is filled with this number ("not available").
    case filled(UInt16)
}

/// The physics that a product needs.
public enum ModelKind: Sendable, Hashable {
    case feeder(phases: Int)
    case heat
    case water
    case none
}

/// One product of a manufacturer as it behaves on the wire.
///
/// Register lists follow the public sources gathered for the profile library; where a document leaves the behaviour open
/// the choice is stated beside it.
public struct MeterProduct: Sendable {
    public let identifier: String
    public let title: String
    public let model: ModelKind
    public let functions: Set<UInt8>
    /// The most registers in one request; one more is exception 3.
    public let largestRequest: Int
    public let gaps: GapBehaviour
    /// The parts of each table that belong to the map, so that a hole inside can be told from a place outside.
    public let ranges: [RegisterTable: [ClosedRange<UInt16>]]
    /// An odd number of registers is exception 3 (Eastron).
    public let evenOnly: Bool
    /// A request for exactly one register answers with this code, wherever it points (Eastron).
    public let singleRegisterCode: UInt16?
    /// Both register tables show the same values (Janitza).
    public let tablesShared: Bool
    /// From the end of the request's silence to the first byte of the answer, nanoseconds.
    public let latency: Int64
    public let points: [RegisterPoint]

    public static func named(_ identifier: String) -> MeterProduct? { all.first { $0.identifier == identifier } }

    /// Every product that the simulator can be.
    public static var all: [MeterProduct] {
        [.sdm120, .sdm630, .umg96rm, .b23, .multicalHC003, .boveWater, .cabinetIO]
    }
}

extension MeterProduct {
    static let milliseconds: Int64 = 1_000_000

    /// `name.L1`, `name.L2`, `name.L3` one after the other.
    static func phases(
        _ name: String, _ table: RegisterTable, _ address: UInt16, _ encoding: RegisterEncoding, factor: Double = 1
    ) -> [RegisterPoint] {
        (0..<3).map {
            RegisterPoint(
                "\(name).L\($0 + 1)", table, address + UInt16($0 * encoding.width), encoding, factor: factor)
        }
    }

    /// One list of several; a long chain of `+` between array literals takes Swift 6.2's type checker for ever.
    static func list(_ parts: [RegisterPoint]...) -> [RegisterPoint] { parts.flatMap { $0 } }

    /// `name.1`, `name.2` ... one word or bit after the other from address 0.
    private static func row(
        _ name: String, _ table: RegisterTable, count: UInt16, writable: Bool = false,
        initial: (UInt16) -> Double = { _ in 0 }
    ) -> [RegisterPoint] {
        (0..<count).map { address in
            RegisterPoint(
                "\(name).\(address + 1)", table, address, .unsigned16, writable: writable, initial: initial(address))
        }
    }

    /// A cabinet's input and output module: coils for contactors, contacts for doors and fuses, and words to write.
    static let cabinetIO = MeterProduct(
        identifier: "cabinet-io", title: "Input and output module of a cabinet", model: .none,
        functions: [1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23, 43], largestRequest: 125, gaps: .refused,
        ranges: [.coil: [0...7], .discrete: [0...7], .input: [0...7], .holding: [0...15]], evenOnly: false,
        singleRegisterCode: nil, tablesShared: false, latency: 2 * milliseconds,
        points: list(
            row("output", .coil, count: 8, writable: true),
            row("contact", .discrete, count: 8) { $0 == 0 ? 1 : 0 },
            row("analogue", .input, count: 8) { 100 + Double($0) },
            row("setting", .holding, count: 16, writable: true)))
}
