internal import DriverKit
internal import Telemetry

/// One product's registers, as its profile states them.
struct ModbusProfile: Sendable {
    enum Kind: String, Sendable {
        /// Registers at addresses that the profile lists.
        case registers
        /// The device says itself what it has where (SunSpec information models).
        case sunspec
    }

    /// What a meter does with its transformers' ratios.
    enum Ratio: String, Sendable {
        /// It has been told them and gives primary values.
        case applied
        /// It gives secondary values; the site's `ct_ratio` and `vt_ratio` are multiplied here.
        case secondary
        /// It gives secondary values and has the ratios in registers.
        case registers = "ct_and_vt_registers"
    }

    /// What registers between values do when they are read along.
    enum Gaps: String, Sendable {
        /// Exception 2.
        case error
        case zeros
        case readable
        /// Nobody knows: treated as `error`.
        case unknown

        var mayBeRead: Bool { self == .zeros || self == .readable }
    }

    struct Limits: Sendable {
        var maximumRegisters = 125
        /// Sizes to fall back to, largest first, when a product refuses more after all.
        var shrinkTo: [Int] = []
        var gaps = Gaps.unknown
        var isEvenOnly = false
        /// Silence before each request to this product, beyond the line's.
        var pause: Duration = .zero
        /// Longest wait for an answer; nil: the bus's.
        var timeout: Duration?
        /// What it usually takes to begin an answer, for predictions before anything was measured.
        var latency: Duration = .milliseconds(20)
        /// The profile says so itself.
        var isLatencyStated = false
        var ratio = Ratio.applied
    }

    struct RegisterRange: Sendable, Hashable {
        let table: RegisterTable
        let range: ClosedRange<Int>
    }

    /// What the product leaves the factory with on a network.
    struct Network: Sendable, Hashable {
        var port = HostAddress.standardPort
        var unit: Int?
    }

    var name: String
    var kind = Kind.registers
    var version = "1"
    var medium = ""
    var models: [String] = []
    var description = ""
    var evidence: [String] = []
    /// Where sources differ, and what was chosen.
    var disputes: [String] = []
    var status = "unverified"
    var base = ProfileNumbers.Base.wire
    var serial: SerialSettings?
    /// Unit address from the factory.
    var factoryUnit: Int?
    var network: Network?
    var limits = Limits()
    /// All must hold; empty: nothing is known.
    var identification: [Identification] = []
    var neverRead: [RegisterRange] = []
    var values: [ProfileValue] = []
    /// SunSpec models whose points it has.
    var informationModels: [Int] = []
    var tests: [ProfileTest] = []

    /// Named in what the driver remembers: another version forgets what was learned of an earlier one.
    var identity: String { "\(name)@\(version)" }
}
