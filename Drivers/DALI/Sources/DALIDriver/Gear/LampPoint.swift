internal import Telemetry

/// Answer to QUERY STATUS, IEC 62386-102 clause 9.16.
struct GearStatus: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    static let gearFailure = GearStatus(rawValue: 1 << 0)
    static let lampFailure = GearStatus(rawValue: 1 << 1)
    static let lampOn = GearStatus(rawValue: 1 << 2)
    static let limitError = GearStatus(rawValue: 1 << 3)
    static let fadeRunning = GearStatus(rawValue: 1 << 4)
    /// Mains came back and no level was ordered since.
    static let powerCycleSeen = GearStatus(rawValue: 1 << 7)
}

/// What a lamp can tell: a row of ``LampPoint/table``. Names are those of a profile and of the readings upstream.
struct LampPoint: Sendable {
    /// Which query answers it.
    enum Source: Sendable, Hashable {
        case status(GearStatus)
        case actualLevel
        /// A field of a memory bank.
        case memory(bank: UInt8, field: String)
        /// A bit of the answer to QUERY FAILURE STATUS of device type 6.
        case ledFailure(bit: UInt8)
        /// The whole of that answer.
        case ledFailureStatus
        /// QUERY COLOUR VALUE of device type 8: Tc, its coolest and its warmest.
        case colourTemperature(ColourQuery)
        /// GTIN and identification number of memory bank 0, as one text.
        case identity
    }

    struct Row: Sendable {
        let name: String
        let source: Source
        let kind: PointDescriptor.Kind
        let unit: String
        /// Read so often unless profile or device say otherwise; nil: as the profile's other points.
        let interval: Duration?
        let conversion: Conversion
    }

    /// Between what stands in the gear and what is sent.
    enum Conversion: Sendable, Hashable {
        case none
        /// Seconds to hours, cut to hundredths: whole seconds are no decimal fraction of an hour.
        case hours
    }

    private let place: Int

    private init(place: Int) { self.place = place }

    var row: Row { Self.table[place] }
    var source: Source { row.source }

    /// A row that this driver's own code names.
    private static func known(_ name: String) -> LampPoint {
        guard let point = LampPoint(rawValue: name) else { preconditionFailure("no point \(name) in the table") }
        return point
    }

    static let level = known("level")
    static let on = known("on")
    static let lampFailure = known("lamp_failure")
    static let gearFailure = known("gear_failure")
    static let powerCycled = known("power_cycled")
    static let limitError = known("limit_error")
    static let fadeRunning = known("fade_running")
    static let colourTemperature = known("colour_temperature")
    static let identity = known("identity")

    var isOfStatus: Bool { if case .status = source { true } else { false } }
    var isOfLevel: Bool { source == .actualLevel }
    /// Read by each poll.
    var isPolled: Bool { isOfStatus || isOfLevel }
    /// Read by the sweep through what polling leaves free. Who the gear is, the engine reads as it looks after the gear's settings.
    var isSwept: Bool { !isPolled && source != .identity }

    func descriptor(interval: Duration) -> PointDescriptor {
        switch self {
        case .level:
            PointDescriptor(
                name: rawValue, kind: .gauge, unit: "%", isWritable: true, minimum: .zero, maximum: ExactDecimal(100),
                interval: interval)
        case .colourTemperature:
            PointDescriptor(
                name: rawValue, kind: .gauge, unit: "K", isWritable: true,
                minimum: ExactDecimal(ColourTemperature.writable.lowerBound),
                maximum: ExactDecimal(ColourTemperature.writable.upperBound), interval: interval)
        default:
            PointDescriptor(
                name: rawValue, kind: row.kind, unit: row.unit, isWritable: self == .on,
                obis: Quantity(name: rawValue)?.obis, interval: interval, isIdentity: self == .identity)
        }
    }

    /// As it is sent, of what a field of a memory bank holds.
    func converted(_ value: Value?) -> Value? {
        guard row.conversion == .hours, case .number(let seconds)? = value, let whole = seconds.integer else {
            return value
        }
        return .number(ExactDecimal(mantissa: whole / 36, exponent: -2).normalized)
    }
}

extension LampPoint: RawRepresentable, Hashable, CaseIterable {
    private static let places = Dictionary(uniqueKeysWithValues: table.enumerated().map { ($1.name, $0) })

    static let allCases: [LampPoint] = table.indices.map(LampPoint.init(place:))

    var rawValue: String { row.name }

    init?(rawValue: String) {
        guard let place = Self.places[rawValue] else { return nil }
        self.init(place: place)
    }

    static func == (a: LampPoint, b: LampPoint) -> Bool { a.place == b.place }
    func hash(into hasher: inout Hasher) { hasher.combine(place) }
}
