import Normalization
import Telemetry
import Testing

@Suite struct WindowTests {
    /// 2026-06-10T12:00:00Z.
    static let noon = 1_781_092_800.0
    static let quarter = 900.0

    static func rules(
        _ values: [ReadingPeriod.Kind] = [.register], points: [String] = [VirtualMeter.energy],
        every: Duration = .seconds(900), only: Bool = false
    ) -> DeviceRules {
        DeviceRules(
            rating: VirtualMeter.rating, windows: [WindowOptions(every: every, points: points, values: values)],
            windowsOnly: only)
    }

    static func meter(_ rules: DeviceRules = WindowTests.rules()) -> VirtualMeter {
        VirtualMeter(rules: rules, bootedAt: Int64(noon) - 100_000)
    }

    func windows(_ meter: VirtualMeter) -> [Reading] { meter.readings.filter { $0.period != nil } }

    @Test(
        arguments: [
            // Reads, in seconds from the boundary: which one is taken, and what it is worth.
            ([-400.0, 0.3], 0.3, "good"), ([-4.0, 7.0], -4.0, "good"), ([-9.0, 2.0], 2.0, "good"),
            ([-10.0], -10.0, "good"), ([-10.5], -10.5, "offPeriod"), ([-600.0, -200.0], -200.0, "offPeriod"),
            ([0.0], 0.0, "good"), ([10.0], 10.0, "good"),
        ])
    func `the register is the reading nearest the boundary`(reads: [Double], taken: Double, quality: String) throws {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 890)
        for (index, offset) in reads.enumerated() {
            meter.read("10\(index + 1)", serial: "A", at: Self.noon + offset)
        }
        meter.tick(at: Self.noon + 10.1)
        let found = try #require(windows(meter).last)
        #expect(found.period == ReadingPeriod(start: Int64(Self.noon) - 900, end: Int64(Self.noon), kind: .register))
        #expect(meter.utc(found) == Self.noon + taken)
        #expect(found.quality.short == quality)
        #expect(found.epoch == 1)
        #expect(found.keep == .billing)
    }

    @Test func `a read after the boundary closes the period at once`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 5)
        #expect(windows(meter).isEmpty)
        meter.read("100.1", serial: "A", at: Self.noon + 0.2)
        #expect(windows(meter).map(\.value?.description) == ["100.1"])
        meter.tick(at: Self.noon + 20)
        #expect(windows(meter).count == 1)
    }

    @Test func `a register that is not good waits for a better one`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 60)
        meter.read("0", serial: "A", at: Self.noon + 0.2)
        meter.read("100.1", serial: "A", at: Self.noon + 5)
        #expect(windows(meter).map(\.value?.description) == ["100.1"])
        #expect(windows(meter).map(\.quality) == [.good])
    }

    @Test func `every period gives one reading, with its reason when it is bad`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 60)
        meter.read(nil, quality: .bad(.wrongDevice), at: Self.noon - 5)
        meter.tick(at: Self.noon + 11)
        meter.read(nil, quality: .bad(.communication), at: Self.noon + 100)
        meter.tick(at: Self.noon + 911)
        // The driver says bad once; the periods after it are bad for the same reason.
        meter.tick(at: Self.noon + 3 * 900 + 11)
        #expect(windows(meter).map(\.quality.short) == ["offPeriod"] + Array(repeating: "communication", count: 3))
        #expect(windows(meter).map(\.value) == [.number(ExactDecimal(100)), nil, nil, nil])
        #expect(windows(meter).compactMap { $0.period?.end } == (0...3).map { Int64(Self.noon) + $0 * 900 })
        #expect(windows(meter).dropFirst().allSatisfy { meter.utc($0) == Double($0.period?.end ?? 0) })
    }

    @Test func `a driver that is gone over several boundaries leaves bad periods`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 1)
        _ = meter.normalizer.lost(reason: .configuration, at: meter.instant(Self.noon + 30))
        meter.tick(at: Self.noon + 2 * 900 + 11)
        #expect(windows(meter).map(\.quality) == [.good, .bad(.configuration), .bad(.configuration)])
    }

    @Test func `the next tick is when the tolerance of the open period ends`() throws {
        var meter = Self.meter()
        #expect(meter.normalizer.nextTick(clock: meter.clock) == BootInstant(nanoseconds: 0))
        meter.tick(at: Self.noon + 1)
        let next = try #require(meter.normalizer.nextTick(clock: meter.clock))
        #expect(next > meter.instant(Self.noon + 910))
        #expect(next < meter.instant(Self.noon + 910.001))
        meter.isTrusted = false
        #expect(meter.normalizer.nextTick(clock: meter.clock) == nil)
        #expect(DeviceNormalizer(device: "m", points: []).nextTick(clock: meter.clock) == nil)
    }

    @Test func `before the clock is trusted one event names the windows and none begins`() {
        var meter = Self.meter()
        meter.isTrusted = false
        for second in stride(from: 0.0, through: 4_000, by: 100) {
            meter.read("100", serial: "A", at: Self.noon + second)
            meter.tick(at: Self.noon + second + 50)
        }
        #expect(windows(meter).isEmpty)
        #expect(meter.events.map(\.active) == [true])
        #expect(meter.events[0].kind == EventKind.windowsWaiting)
        #expect(meter.events[0].detail["windows"] == ["active_energy_import every 900 s"])
        meter.isTrusted = true
        meter.tick(at: Self.noon + 4_200)
        meter.read("100", serial: "A", at: Self.noon + 4_500.1)
        #expect(meter.events.map(\.active) == [true, false])
        #expect(Set(meter.events.map(\.id)) == ["windows:feeder-a"])
        #expect(windows(meter).map(\.quality) == [.good])
        #expect(windows(meter)[0].period?.end == Int64(Self.noon) + 4_500)
    }

    @Test(arguments: [(Duration.seconds(9), "good"), (.seconds(10), "offPeriod"), (nil, "offPeriod")])
    func `a window is good only while the clock's error is below billing_error`(error: Duration?, quality: String) {
        var meter = Self.meter()
        meter.error = error
        meter.read("100", serial: "A", at: Self.noon - 1)
        meter.tick(at: Self.noon + 11)
        #expect(windows(meter).map(\.quality.short) == [quality])
    }

    @Test func `a clock set forward leaves the jumped periods bad, each once`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon + 300)
        // An hour later by the clock, ten seconds by the meter.
        meter.bootedAt += 3_600
        meter.read("100.1", serial: "A", at: Self.noon + 3_910)
        meter.read("100.2", serial: "A", at: Self.noon + 4_500)
        #expect(windows(meter).compactMap { $0.period?.end } == (1...5).map { Int64(Self.noon) + $0 * 900 })
        #expect(
            windows(meter).map(\.quality.short)
                == ["offPeriod", "discontinuity", "discontinuity", "discontinuity", "good"])
    }

    @Test func `a clock set back gives no period twice`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon + 1)
        meter.read("100.1", serial: "A", at: Self.noon + 901)
        meter.bootedAt -= 1_200
        for second in stride(from: -200.0, through: 2_800, by: 100) {
            meter.read("101", serial: "A", at: Self.noon + second)
            meter.tick(at: Self.noon + second + 50)
        }
        let ends = windows(meter).compactMap { $0.period?.end }
        #expect(ends == [900, 1_800, 2_700].map { Int64(Self.noon) + $0 })
    }

    @Test(arguments: [false, true])
    func `a clock that was years ahead does not stop the windows for years`(isRestarted: Bool) throws {
        var meter = Self.meter()
        let years = Int64(8 * 365 * 86_400)
        meter.bootedAt += years
        meter.read("100", serial: "A", at: Self.noon + Double(years))
        if isRestarted { try meter.restart() }
        meter.bootedAt -= years
        meter.read("100", serial: "A", at: Self.noon + 10)
        meter.read("100", serial: "A", at: Self.noon + 900)
        #expect(windows(meter).compactMap { $0.period?.end } == [Int64(Self.noon) + 900])
    }

    @Test(arguments: [false, true])
    func `a restart in the middle of a period loses nothing of it`(isReboot: Bool) throws {
        var meter = Self.meter(Self.rules([.register, .average, .minimum, .maximum], points: ["active_power"]))
        for second in stride(from: 0.0, to: 450, by: 10) {
            meter.read(nil, power: second == 100 ? "50" : "100", at: Self.noon + second)
        }
        try meter.restart(rebootAt: isReboot ? Int64(Self.noon) + 440 : nil)
        for second in stride(from: 450.0, through: 900, by: 10) {
            meter.read(nil, power: second == 700 ? "400" : "200", at: Self.noon + second)
        }
        let found = windows(meter).filter { $0.period?.start == Int64(Self.noon) }
        #expect(found.map(\.period?.kind) == [.register, .average, .minimum, .maximum])
        // (450 s of 100 W less 10 s of 50 W, 450 s of 200 W and 10 s of 200 W more) / 900 s
        #expect(found.map { $0.value?.description ?? "" } == ["200", "151.667", "50", "400"])
        #expect(found.map(\.quality) == [.good, .good, .good, .good])
        #expect(found.map(meter.utc) == [900, 900, 100, 700].map { Self.noon + $0 })
        #expect(found.allSatisfy { $0.unit == "W" && $0.keep == .billing && $0.epoch == 0 })
    }

    @Test func `a restart over several boundaries gives each period once`() throws {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 1)
        meter.tick(at: Self.noon + 20)
        try meter.restart(rebootAt: Int64(Self.noon) + 3_000)
        meter.read("100.5", serial: "A", at: Self.noon + 3_100)
        meter.read("100.6", serial: "A", at: Self.noon + 3_600)
        #expect(windows(meter).compactMap { $0.period?.end } == (0...4).map { Int64(Self.noon) + $0 * 900 })
        #expect(
            windows(meter).map(\.quality.short) == ["good", "communication", "communication", "communication", "good"])
    }

    @Test func `a gateway that was away for months names the oldest periods in one event`() throws {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 1)
        meter.tick(at: Self.noon + 20)
        let back = Self.noon + 60 * 86_400
        try meter.restart(rebootAt: Int64(back) - 30)
        meter.tick(at: back)
        #expect(windows(meter).count == 1 + 3_999)
        let event = try #require(meter.events.last)
        #expect(event.kind == EventKind.windowsMissing)
        #expect(event.detail["from"]?.text == "2026-06-10T12:00:00.000Z")
        let missing = try #require(event.detail["missing"]?.number?.integer)
        #expect(missing == 60 * 96 - 4_000)
        #expect(windows(meter)[1].period?.start == Int64(Self.noon) + missing * 900)
    }

    @Test(
        arguments: [
            // Reads every 10 s before this second of the period: the average's quality.
            (900.0, "good"), (860.0, "good"), (700.0, "offPeriod"), (10.0, "offPeriod"),
        ])
    func `an average of which too little is covered is uncertain`(until: Double, quality: String) throws {
        var meter = Self.meter(Self.rules([.average], points: ["active_power"]))
        for second in stride(from: 0.0, to: until, by: 10) {
            meter.read(nil, power: "100", at: Self.noon + second)
        }
        meter.tick(at: Self.noon + 911)
        let found = try #require(windows(meter).last)
        #expect(found.value?.description == "100")
        #expect(found.quality.short == quality)
        meter.tick(at: Self.noon + 1_811)
        #expect(windows(meter).last?.quality == .bad(.communication))
    }

    @Test func `an average weighs each value by how long it lasted`() throws {
        var meter = Self.meter(Self.rules([.average, .maximum], points: ["active_power"], every: .seconds(60)))
        for (second, power) in [(0.0, "10.5"), (10, "20"), (40, "-5.25")] {
            meter.read(nil, power: power, at: Self.noon + second)
        }
        meter.tick(at: Self.noon + 70.1)
        // (10 × 10.5 + 30 × 20 - 20 × 5.25) / 60
        #expect(windows(meter).map { $0.value?.description ?? "" } == ["10", "20"])
    }

    @Test func `registers as they came go along, in a window too`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", raw: [0x43, 0x66], at: Self.noon - 1)
        meter.tick(at: Self.noon + 11)
        #expect(meter.readings.filter { $0.point == VirtualMeter.energy }.map(\.raw) == [[0x43, 0x66], [0x43, 0x66]])
    }

    @Test func `a household's meter leaks nothing but its windows`() {
        var meter = Self.meter(Self.rules(only: true))
        for second in stride(from: 0.0, through: 1_800, by: 10) {
            meter.read("48151.62", power: "2300", serial: "A", at: Self.noon + second)
        }
        #expect(meter.readings.count == 2)
        #expect(meter.readings.allSatisfy { $0.period != nil && $0.point == VirtualMeter.energy })
        #expect(meter.normalizer.latest.allSatisfy { $0.value == nil })
        #expect(meter.normalizer.latest(of: "active_power")?.quality == .good)
    }

    @Test func `the register of a window carries the epoch under which it was read`() {
        var meter = Self.meter()
        meter.read("100", serial: "A", at: Self.noon - 5)
        // The new meter answers after the boundary, within the tolerance, but not nearer.
        meter.read("3", serial: "B", at: Self.noon + 8)
        #expect(windows(meter).map(\.epoch) == [1])
        meter.tick(at: Self.noon + 911)
        #expect(windows(meter).map(\.epoch) == [1, 2])
    }

    @Test(
        arguments: [
            (WindowOptions(every: .seconds(7), points: ["active_power"]), PointProblem.Code.windowDoesNotFit),
            (WindowOptions(every: .seconds(700), points: ["active_power"]), .windowDoesNotFit),
            (WindowOptions(every: .seconds(900), points: ["serial_number"]), .windowDoesNotFit),
            (WindowOptions(every: .seconds(900), points: ["active_energy"]), .unknownPoint),
            (
                WindowOptions(every: .seconds(900), points: ["active_energy_import"], values: [.average]),
                .windowDoesNotFit
            ),
        ])
    func `a window that does not fit is named`(options: WindowOptions, code: PointProblem.Code) {
        let device = DeviceNormalizer(
            device: "m", points: VirtualMeter.points, rules: DeviceRules(windows: [options]))
        #expect(device.problems.map(\.code) == [code])
    }

    @Test func `a window without points is of all counters`() {
        var meter = Self.meter(Self.rules(points: []))
        meter.read("100", power: "5", serial: "A", at: Self.noon - 1)
        meter.tick(at: Self.noon + 11)
        #expect(windows(meter).map(\.point) == [VirtualMeter.energy])
    }
}
