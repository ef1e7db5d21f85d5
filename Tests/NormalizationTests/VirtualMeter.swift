import Normalization
import Telemetry
import Testing

/// A meter, its gateway and their clock, none of them real: what is read when is up to the test.
struct VirtualMeter {
    static let energy = "active_energy_import"
    static let power = "active_power"
    static let points = [
        PointDescriptor(
            name: energy, kind: .counter, unit: "kW.h", rollover: ExactDecimal(100_000), interval: .seconds(10),
            basis: "scale 0.01"),
        PointDescriptor(name: power, kind: .gauge, unit: "W", interval: .seconds(10)),
        PointDescriptor(name: "serial_number", kind: .text, unit: "", isIdentity: true),
    ]
    static let rating = MeterRating(value: ExactDecimal(63), unit: "A")

    var normalizer: DeviceNormalizer
    var points: [PointDescriptor]
    var rules: DeviceRules
    var boot = 1
    /// When this boot began, in seconds since 1970.
    var bootedAt: Int64
    var isTrusted = true
    var error: Duration? = .milliseconds(20)
    var readings: [Reading] = []
    var events: [Event] = []
    var wantedIdentity = 0

    init(
        points: [PointDescriptor] = VirtualMeter.points, rules: DeviceRules = DeviceRules(rating: VirtualMeter.rating),
        bootedAt: Int64 = 1_000_000
    ) {
        self.points = points
        self.rules = rules
        self.bootedAt = bootedAt
        normalizer = DeviceNormalizer(device: "feeder-a", points: points, rules: rules)
    }

    var clock: NormalizerClock {
        NormalizerClock(
            boot: "boot-\(boot)", offset: bootedAt * 1_000_000_000, isTrusted: isTrusted, error: error,
            billingError: .seconds(10))
    }

    func instant(_ seconds: Double) -> BootInstant {
        BootInstant(nanoseconds: Int64(seconds * 1e9) - bootedAt * 1_000_000_000)
    }

    func utc(_ reading: Reading) -> Double { Double(reading.acquired.nanoseconds) / 1e9 + Double(bootedAt) }

    /// What one exchange with the meter brings, at `seconds` since 1970.
    @discardableResult
    mutating func read(
        _ energy: String?, power: String? = nil, serial: String? = nil, quality: Quality = .good, raw: [UInt8] = [],
        at seconds: Double
    ) -> NormalizerOutput {
        var samples: [Sample] = []
        func add(_ name: String, _ value: Value?, _ quality: Quality, _ raw: [UInt8] = []) {
            guard let index = points.firstIndex(where: { $0.name == name }) else { return }
            samples.append(
                Sample(point: index, value: value, quality: quality, acquired: instant(seconds), raw: raw))
        }
        if let energy, let number = ExactDecimal(energy) { add(Self.energy, .number(number), quality, raw) }
        if energy == nil, quality.grade == .bad { add(Self.energy, nil, quality) }
        if let power, let number = ExactDecimal(power) { add(Self.power, .number(number), .good) }
        if let serial { add("serial_number", .text(serial), .good) }
        return keep(normalizer.normalize(samples, clock: clock))
    }

    @discardableResult
    mutating func tick(at seconds: Double) -> NormalizerOutput {
        keep(normalizer.tick(at: instant(seconds), clock: clock))
    }

    /// The daemon ends and starts again; with `rebootAt` the whole gateway, whose boot clock begins anew.
    mutating func restart(rebootAt: Int64? = nil, points newPoints: [PointDescriptor]? = nil) throws {
        let state = normalizer.state
        if let rebootAt {
            boot += 1
            bootedAt = rebootAt
        }
        if let newPoints { points = newPoints }
        // As the daemon does it: the state is there before the driver has said which points there are.
        normalizer = DeviceNormalizer(device: "feeder-a", points: [])
        try normalizer.restore(state, clock: clock)
        normalizer.reconfigure(points: points, rules: rules)
    }

    private mutating func keep(_ output: NormalizerOutput) -> NormalizerOutput {
        readings += output.readings
        events += output.events
        if output.wantsIdentity { wantedIdentity += 1 }
        return output
    }

    /// `good 1`, `uncertain implausible 2`: quality and epoch of the counter's readings, windows aside.
    var course: [String] {
        readings.filter { $0.point == Self.energy && $0.period == nil }.map {
            $0.quality.grade == .good ? "good \($0.epoch)" : "\($0.quality.short) \($0.epoch)"
        }
    }

    /// `counter_reset 4711.5 > 0.3 epoch 2`.
    var tale: [String] {
        events.filter { $0.point == Self.energy }.map { event in
            let before = event.detail["before"]?.number?.description ?? "?"
            let after = event.detail["after"]?.number?.description ?? "?"
            return "\(event.kind) \(before) > \(after) epoch \(event.detail["epoch"]?.number?.description ?? "?")"
        }
    }
}

extension Quality {
    var short: String { grade == .good ? "good" : reason.name }
}

/// What a receiver makes of the readings (docs/counters.md): differences of good registers within one epoch, nothing else.
struct Receiver {
    private(set) var total = ExactDecimal.zero
    /// Energy by the period's end, in seconds since 1970. A period without a sound difference is absent.
    private(set) var profile: [Int64: ExactDecimal] = [:]

    init(_ readings: [Reading], point: String = VirtualMeter.energy) {
        let good = readings.filter { $0.point == point && $0.quality == .good }
        var last: Reading?
        for reading in good where reading.period == nil {
            if let energy = Self.difference(last, reading) { total = total.adding(energy) ?? total }
            last = reading
        }
        last = nil
        for reading in good {
            guard let period = reading.period, period.kind == .register else { continue }
            if last?.period?.end == period.start { profile[period.end] = Self.difference(last, reading) }
            last = reading
        }
    }

    private static func difference(_ a: Reading?, _ b: Reading) -> ExactDecimal? {
        guard let a, a.epoch == b.epoch, let before = a.value?.number else { return nil }
        return b.value?.number?.subtracting(before)
    }
}
