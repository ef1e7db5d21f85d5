import Configuration
import DriverProtocol
import Normalization
import Telemetry

/// One device as the daemon sees it: what it is, how it does, and its newest values.
struct DeviceRecord: Sendable {
    enum Condition: String, Sendable, Hashable {
        case unknown
        case online
        case failing
        case offline
        /// Not usable as configured.
        case disabled
    }

    /// The devices of the gateway's configuration, kept once for all, and which of them this is: a copy in each record is half as large as
    /// the record.
    private let configurations: [DeviceConfiguration]
    private let place: Int
    var configuration: DeviceConfiguration { configurations[place] }
    /// As the driver knows it in its messages.
    let index: UInt32
    var points: [PointDescriptor] = []
    var normalizer: DeviceNormalizer
    var condition: Condition = .unknown
    /// The last failure in words.
    var detail = ""
    var address = ""
    var profileVersion = ""
    /// Of the installation, as the driver names them: ratios, pulses, inversion.
    var facts: [DriverFact] = []
    var isLamp = false
    var requests: UInt64 = 0
    var failures: UInt64 = 0
    var missedIntervals: UInt64 = 0
    var lastAnswer: BootInstant?
    /// Which meter it said it is: the serial number.
    var serial: String?
    /// When it was asked for out of turn.
    var identityAsked: BootInstant?
    /// What the outbox was given of the normaliser's memory is older than what it remembers.
    var isStateOwed = false
    var stateGiven: BootInstant?

    var name: String { configurations[place].name }
    var isHousehold: Bool { configuration.privacy == .household }

    /// - Parameters:
    ///   - configurations: of all devices.
    ///   - place: of this one among them.
    init(configurations: [DeviceConfiguration], place: Int, index: UInt32) {
        self.configurations = configurations
        self.place = place
        self.index = index
        normalizer = DeviceNormalizer(device: configurations[place].name, points: [])
    }

    func pointIndex(_ name: String) -> Int? { points.firstIndex { $0.name == name } }

    /// Takes the driver's description of the device; what the normaliser remembers of points that stay is kept.
    ///
    /// - Parameters:
    ///   - points: those of `description`.
    ///   - fault: why it cannot be used, in the driver's words.
    mutating func take(
        _ description: DriverDeviceDescription, points: [PointDescriptor], fault: String?, like twin: DeviceNormalizer?
    ) {
        self.points = points
        address = description.address
        profileVersion = description.profileVersion
        facts = description.facts
        isLamp = description.isLamp
        if description.usable {
            if condition == .disabled { condition = .unknown }
        } else {
            condition = .disabled
            detail = fault ?? "its driver cannot use it as configured"
        }
        normalizer.reconfigure(points: points, options: pointOptions, rules: rules, like: twin)
    }

    /// A driver that names no point by which a device is known: then its serial number is it.
    static func identified(_ points: [PointDescriptor]) -> [PointDescriptor] {
        guard !points.contains(where: \.isIdentity) else { return points }
        return points.map { point in
            guard point.name == "serial_number" else { return point }
            return PointDescriptor(
                name: point.name, kind: point.kind, unit: point.unit, isWritable: point.isWritable,
                minimum: point.minimum, maximum: point.maximum, rollover: point.rollover, obis: point.obis,
                interval: point.interval, basis: point.basis, isDerived: point.isDerived, isIdentity: true)
        }
    }

    /// Notes which meter it said it is.
    ///
    /// - Returns: whether that is news.
    mutating func noteIdentity() -> Bool {
        guard let told = normalizer.serial, told != serial else { return false }
        serial = told
        return true
    }

    /// What the configuration wants of each point the device really has.
    private var pointOptions: [String: PointOptions] {
        var options: [String: PointOptions] = [:]
        for point in points {
            guard let wanted = configuration.points[point.name] else {
                if let keep = configuration.keep { options[point.name] = PointOptions(keep: keep) }
                continue
            }
            let threshold: PointOptions.ChangeThreshold? =
                switch wanted.reportOnChange {
                case nil: nil
                case .absolute(let quantity)?: .absolute(quantity.value, unit: quantity.unit.symbol)
                case .relative(let percent)?: .relative(percent: percent)
                }
            options[point.name] = PointOptions(
                reportOnChange: threshold, reportAtLeast: wanted.reportAtLeast, keep: wanted.keep ?? configuration.keep)
        }
        return options
    }

    private var rules: DeviceRules {
        DeviceRules(
            rating: configuration.rating.map {
                MeterRating(value: $0.value, unit: $0.unit.symbol, phases: phases)
            },
            windows: configuration.windows.map { window in
                WindowOptions(
                    every: window.every, points: window.points, values: window.values.map(Self.kind),
                    tolerance: configuration.windowTolerance)
            },
            windowsOnly: configuration.windowsOnly)
    }

    private static func kind(_ value: WindowConfiguration.Value) -> ReadingPeriod.Kind {
        switch value {
        case .register: .register
        case .average: .average
        case .minimum: .minimum
        case .maximum: .maximum
        }
    }

    /// How many conductors the meter measures: one where it gives a voltage or current and none of a second phase.
    private var phases: Int {
        let names = points.map { $0.name.split(separator: ".") }
        if names.contains(where: { $0.contains("L2") || $0.contains("L12") || $0.contains("L23") }) { return 3 }
        return names.contains { $0.first == "voltage" || $0.first == "current" } ? 1 : 3
    }
}
