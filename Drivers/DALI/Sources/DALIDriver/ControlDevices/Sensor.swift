internal import DriverProtocol
internal import Telemetry

/// One instance of a control device: what the configuration says of it and what it told.
struct Sensor {
    /// As for gear: one lost frame is noise, three are a fault.
    static let missesUntilOffline = 3

    struct Point {
        let kind: SensorPoint
        let interval: Duration
        var quality: Quality?
        var value: Value?
        /// A value that does not change is told this often all the same.
        var due = BootInstant(nanoseconds: .min)
    }

    struct Wish: Sendable, Hashable {
        let setting: SensorSetting
        let value: UInt8
    }

    let index: UInt32
    let name: String
    let kind: SensorKind
    /// Of the control device: not the same numbers as those of the gear.
    let address: ShortAddress
    let instance: UInt8
    let wishes: [Wish]
    var points: [Point]

    private(set) var condition = DriverDeviceState.Condition.unknown
    private(set) var detail = ""
    private(set) var misses = 0
    private(set) var requests: UInt64 = 0
    private(set) var failures: UInt64 = 0
    private(set) var lastAnswer: BootInstant?
    /// What is not as it should be although the sensor answers: said as long as it lasts.
    var complaint = ""

    init(
        index: UInt32, name: String, kind: SensorKind, address: ShortAddress, instance: UInt8, wishes: [Wish],
        points: [Point]
    ) {
        self.index = index
        self.name = name
        self.kind = kind
        self.address = address
        self.instance = instance
        self.wishes = wishes
        self.points = points
    }

    var interval: Duration { points.map(\.interval).min() ?? .seconds(60) }
    var text: String { "control device \(address.number), instance \(instance)" }

    /// Whether an event is of this sensor.
    func sends(_ event: ControlDeviceEvent) -> Bool {
        switch event.source {
        case .deviceInstance(address, instance): true
        case .device(address, kind.instanceType): true
        default: false
        }
    }

    // MARK: values

    func values(ofEvent information: UInt16) -> [SensorPoint: Value] {
        switch kind {
        case .light: [.illuminance: Self.percent(UInt64(information), of: 1023)]
        case .occupancy:
            [
                .occupied: .flag(OccupancyInformation(rawValue: information).contains(.occupied)),
                .movement: .flag(OccupancyInformation(rawValue: information).contains(.movement)),
            ]
        }
    }

    /// Of an input value: the highest bits of its bytes count, as many as the resolution says (IEC 62386-103 clause 9.6).
    func values(ofInput bytes: [UInt8], resolution: Int) -> [SensorPoint: Value] {
        switch kind {
        case .light:
            let bits = min(resolution, 8 * bytes.count)
            let whole = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let value = whole >> UInt64(8 * bytes.count - bits)
            return [.illuminance: Self.percent(value, of: (1 << UInt64(bits)) - 1)]
        case .occupancy:
            let first = bytes.first ?? 0
            return [.occupied: .flag(first & 0x80 != 0), .movement: .flag(first & 0x40 != 0)]
        }
    }

    private static func percent(_ value: UInt64, of largest: UInt64) -> Value {
        .number(ExactDecimal(mantissa: Int64((value * 10_000 + largest / 2) / largest), exponent: -2).normalized)
    }

    /// What is news, or due, of these values.
    mutating func samples(_ values: [SensorPoint: Value], at now: BootInstant) -> [Sample] {
        var samples: [Sample] = []
        for place in points.indices {
            guard let value = values[points[place].kind] else { continue }
            let isNews = points[place].value != value || points[place].quality != .good
            guard isNews || points[place].due <= now else { continue }
            points[place].value = value
            points[place].quality = .good
            points[place].due = now.advanced(by: points[place].interval / 2)
            samples.append(Sample(point: place, value: value, quality: .good, acquired: now))
        }
        return samples
    }

    /// Every point as bad, once.
    mutating func samples(bad reason: Quality.Reason, at now: BootInstant) -> [Sample] {
        var samples: [Sample] = []
        for place in points.indices where points[place].quality != .bad(reason) {
            points[place].quality = .bad(reason)
            points[place].value = nil
            samples.append(Sample(point: place, value: nil, quality: .bad(reason), acquired: now))
        }
        return samples
    }

    // MARK: health

    mutating func answered(at now: BootInstant) {
        requests += 1
        misses = 0
        lastAnswer = now
        condition = complaint.isEmpty ? .online : .failing
        detail = complaint
    }

    /// - Returns: whether it counts as offline.
    mutating func missed(_ sentence: String) -> Bool {
        requests += 1
        failures += 1
        misses += 1
        detail = sentence
        if misses >= Self.missesUntilOffline { condition = .offline }
        if condition != .offline { condition = .failing }
        return condition == .offline
    }

    /// Interface or bus are away: nothing is known of the sensor behind them.
    mutating func lose(_ sentence: String) {
        condition = .unknown
        detail = sentence
    }
}
