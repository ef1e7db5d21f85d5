import Normalization
import Telemetry
import Testing

/// A day of a meter's life: spike, zero, reset at noon, exchange at three, rollover at six; with the gateway awake, and with the
/// gateway off across each of them.
@Suite struct DayOfAMeterTests {
    static let midnight: Int64 = 1_781_049_600  // 2026-06-10T00:00:00Z
    static let minute: Int64 = 60

    static func clock(_ hour: Int64, _ minute: Int64) -> Int64 { hour * 3_600 + minute * 60 }

    /// Hundredths of a kW.h that the site has used since midnight: 6 kW, all day.
    static func used(_ second: Int64) -> Int64 { second / 6 }

    /// What the meter shows, and its serial number. Reset at 12:00:30; at 15:00:30 meter B, which stands at 99981.50 and passes
    /// 100000 at 18:05:30.
    static func meter(_ second: Int64) -> (register: ExactDecimal, serial: String) {
        let hundredths: Int64
        switch second {
        case ..<(clock(12, 0) + 30): hundredths = 471_150 + used(second)
        case ..<(clock(15, 0) + 30): hundredths = used(second) - used(clock(12, 0) + 30)
        default:
            hundredths = (9_998_150 + used(second) - used(clock(15, 0) + 30)) % 10_000_000
        }
        return (ExactDecimal(mantissa: hundredths, exponent: -2), second < clock(15, 0) + 30 ? "A" : "B")
    }

    static let rules = DeviceRules(
        rating: VirtualMeter.rating,
        windows: [WindowOptions(every: .seconds(900), points: [VirtualMeter.energy])])

    /// Reads every minute of the day but for the hours in `off`; after each of those the gateway has rebooted.
    static func live(off: [Range<Int64>], odd: [Int64: String]) throws -> VirtualMeter {
        var meter = VirtualMeter(rules: rules, bootedAt: midnight - 5_000)
        var wasOff = false
        for second in stride(from: -minute, through: 86_400 + minute, by: Int(minute)) {
            if off.contains(where: { $0.contains(second) }) {
                wasOff = true
                continue
            }
            let now = Double(midnight + second)
            if wasOff {
                try meter.restart(rebootAt: midnight + second - 25)
                meter.tick(at: now - 5)
                wasOff = false
            }
            let (register, serial) = Self.meter(second)
            meter.read(odd[second] ?? register.description, serial: serial, at: now)
            meter.tick(at: now + 30)
        }
        return meter
    }

    /// `good 1` × 48 and so on.
    static func runs(_ readings: [Reading]) -> [String] {
        var runs: [(String, Int)] = []
        for reading in readings {
            let word = "\(reading.quality.short) \(reading.epoch)"
            if runs.last?.0 == word { runs[runs.count - 1].1 += 1 } else { runs.append((word, 1)) }
        }
        return runs.map { "\($0.0) × \($0.1)" }
    }

    static func windows(_ meter: VirtualMeter) -> [Reading] {
        meter.readings.filter { reading in
            reading.period.map { $0.end > midnight && $0.end <= midnight + 86_400 } ?? false
        }
    }

    /// Every difference that a receiver makes is what the site really used in that quarter hour.
    static func check(_ meter: VirtualMeter, missing: [(Int64, Int64)]) {
        let windows = windows(meter)
        #expect(windows.count == 96)
        #expect(windows.compactMap { $0.period?.end } == (1...96).map { midnight + $0 * 900 })
        let profile = Receiver(windows).profile
        let quarter = ExactDecimal(mantissa: 150, exponent: -2)
        #expect(profile.values.allSatisfy { $0 == quarter })
        let absent = (2...96).map { midnight + $0 * 900 }.filter { profile[$0] == nil }
        #expect(absent.map { $0 - midnight } == missing.map { clock($0.0, $0.1) })
    }

    @Test func `the gateway is awake`() throws {
        let odd = [Self.clock(9, 7): "57711.50", Self.clock(10, 22): "0", Self.clock(10, 30): "0"]
        let meter = try Self.live(off: [], odd: odd)
        #expect(
            meter.tale.map(Self.plain)
                == [
                    // 09:07 a spike of 53 MW.h, once
                    "counter_implausible 4766.1 > 57711.50 epoch 1",
                    // 10:22 and 10:30 a zero, once each
                    "counter_implausible 4773.6 > 0 epoch 1",
                    "counter_implausible 4774.4 > 0 epoch 1",
                    // 12:00:30 reset; 12:01 reads 0.05 and waits for 12:02
                    "counter_reset 4783.50 > 0.15 epoch 2",
                    // 15:00:30 meter B
                    "meter_exchanged 17.95 > 99981.55 epoch 3",
                    // 18:05:30 its register ends
                    "counter_rollover 99999.95 > 0.05 epoch 4",
                ].map { Self.plain($0) })
        // At 10:30 the register at the boundary is the zero: implausible, and no energy in the two quarter hours beside it.
        #expect(
            Self.runs(Self.windows(meter)) == [
                "good 1 × 41", "implausible 1 × 1", "good 1 × 6", "good 2 × 12", "good 3 × 12", "good 4 × 24",
            ])
        Self.check(meter, missing: [(10, 30), (10, 45), (12, 15), (15, 15), (18, 15)])
    }

    @Test func `the gateway is off across each of them`() throws {
        let off = [
            Self.clock(8, 46)..<Self.clock(9, 7), Self.clock(10, 1)..<Self.clock(10, 22),
            Self.clock(11, 31)..<Self.clock(12, 31), Self.clock(14, 31)..<Self.clock(15, 31),
            Self.clock(17, 31)..<Self.clock(18, 31),
        ]
        // The first reading after the gateway came back is the odd one.
        let odd = [Self.clock(9, 7): "57711.50", Self.clock(10, 22): "0"]
        let meter = try Self.live(off: off, odd: odd)
        #expect(
            meter.tale.map(Self.plain)
                == [
                    "counter_implausible 4764 > 57711.50 epoch 1",
                    "counter_implausible 4771.50 > 0 epoch 1",
                    // 12:31 reads 3.05 with the same serial number and waits for 12:32
                    "counter_reset 4780.50 > 3.15 epoch 2",
                    "meter_exchanged 14.95 > 99984.55 epoch 3",
                    "counter_rollover 99996.45 > 2.55 epoch 4",
                ].map { Self.plain($0) })
        #expect(
            Self.runs(Self.windows(meter)) == [
                "good 1 × 35", "communication 1 × 1", "good 1 × 4", "communication 1 × 1", "good 1 × 5",
                "communication 1 × 4", "good 2 × 8", "communication 2 × 4", "good 3 × 8", "communication 3 × 4",
                "good 4 × 22",
            ])
        Self.check(
            meter,
            missing: [
                (9, 0), (9, 15), (10, 15), (10, 30), (11, 45), (12, 0), (12, 15), (12, 30), (12, 45), (14, 45), (15, 0),
                (15, 15), (15, 30), (15, 45), (17, 45), (18, 0), (18, 15), (18, 30), (18, 45),
            ])
    }

    /// Trailing zeros apart: 4763.00 and 4763 are one register.
    static func plain(_ text: String) -> String {
        text.split(separator: " ").map { word in
            ExactDecimal(word).map { $0.normalized.approximation.description } ?? String(word)
        }.joined(separator: " ")
    }

    @Test(
        arguments: [
            // Europe/Berlin, local midnight to local midnight.
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 92), ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 100),
            ("2026-06-09T22:00:00Z", "2026-06-10T22:00:00Z", 96),
        ])
    func `a local day has 92, 96 or 100 quarter hours`(from: String, to: String, count: Int) throws {
        let begin = try #require(UTCInstant(from)).seconds
        let end = try #require(UTCInstant(to)).seconds
        var meter = VirtualMeter(rules: Self.rules, bootedAt: begin - 7_200)
        for (index, second) in stride(from: begin - 900, through: end + 900, by: 900).enumerated() {
            meter.read("\(100 + index)", serial: "A", at: Double(second) + 0.4)
        }
        let windows = meter.readings.filter { $0.period.map { $0.start >= begin && $0.end <= end } ?? false }
        #expect(windows.count == count)
        #expect(windows.allSatisfy { $0.quality == .good })
        #expect(Set(windows.compactMap { $0.period?.start }).count == count)
        #expect(Receiver(windows).profile.count == count - 1)
        #expect(Receiver(windows).profile.values.allSatisfy { $0 == ExactDecimal(1) })
    }
}
