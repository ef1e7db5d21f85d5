internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// How long a scan takes, from the bus's own times: what is asked of every address, and of each gear that answers.
struct ScanEstimate {
    /// Presence, version, physical minimum, level and status, random address H, M, L; GTIN, identification number and the two checks.
    private static let questions = 1 + 4 + 3 + 6 + 8 + 2
    /// DTR1 and DTR0, before each of the two.
    private static let settings = 4
    /// QUERY DEVICE TYPE of gear with one type; of gear with several (D4i) it and QUERY NEXT DEVICE TYPE again as one piece.
    private static let types = (one: 1, several: 7)
    /// Of the bus's time, at most: a scan and the polls take turns.
    private static let largestShare = 0.5

    private let cost: BusCost
    private let addresses: Int
    private let known: [Gear]
    /// Share of the bus that polling takes meanwhile.
    private let polling: Double

    init(_ addresses: [ShortAddress], _ configuration: BusConfiguration, gear: [Gear]) {
        cost = BusCost(kind: configuration.kind ?? InterfaceKind.all[0])
        self.addresses = addresses.count
        known = gear.filter { addresses.contains($0.address) }
        polling = min(Self.largestShare, LampPlan(configuration).load)
    }

    /// More than an address at which nobody is.
    private func more(isD4i: Bool) -> Duration {
        let types = isD4i ? Self.types.several : Self.types.one
        return cost.answered * (Self.questions + types) + cost.sent * Self.settings
            - cost.silent() * GearInquiry.attempts
    }

    /// Every address asked twice, whether anybody is without one, and every address of control devices.
    private var empty: Duration {
        cost.silent() * (addresses * GearInquiry.attempts + 1) + cost.silent(bits: 24) * addresses
    }

    private func shared(_ duration: Duration) -> Double { duration.inSeconds / (1 - polling) }

    /// For an address that the configuration does not name and that somebody has.
    var eachStranger: Double { shared(more(isD4i: true)) }

    /// When just the gear of the configuration answers; a profile with more than status and level is one of D4i gear.
    var seconds: Double {
        shared(known.reduce(empty) { $0 + more(isD4i: $1.points.contains { $0.kind.isSwept }) })
    }

    func seconds(strangers: Int) -> Double { seconds + eachStranger * Double(strangers) }

    var line: String {
        let base = "asking \(addresses) addresses: about \(Int64(seconds.rounded())) s"
        guard known.count < addresses else { return base }
        return "\(base), and \(ExactDecimal(mantissa: Int64((eachStranger * 10).rounded()), exponent: -1)) s more for each gear"
            + (known.isEmpty ? "" : " that the configuration does not name")
    }

    var json: JSONValue {
        ["line": .string(line), "seconds": seconds.json, "each_gear_seconds": eachStranger.json]
    }
}
