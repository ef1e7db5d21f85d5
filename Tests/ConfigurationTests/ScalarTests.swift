import Telemetry
import Testing

@testable import Configuration

struct ScalarTests {
    private func result<Parsed>(_ parse: () throws(ScalarProblem) -> Parsed) -> Result<Parsed, ScalarProblem> {
        do throws(ScalarProblem) { return .success(try parse()) } catch { return .failure(error) }
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("5s", .seconds(5)), ("1.5s", .milliseconds(1500)),
        ("15min", .seconds(900)),
        ("2h", .seconds(7200)), ("40d", .seconds(3_456_000)), ("15 min", .seconds(900)), ("0s", .zero),
        ("0.1ms", .microseconds(100)),
    ])
    func `durations carry their unit`(text: String, duration: Duration) throws {
        #expect(try ScalarParser.duration(text) == duration)
    }

    @Test(arguments: ["10", "", "s", "10m", "10 sec", "1e3s", "--5s", "99999999999999d", "0.0000001ms", "5s5s", "١٠s"])
    func `what is no duration is refused`(text: String) {
        #expect(throws: ScalarProblem.self) { try ScalarParser.duration(text) }
    }

    @Test(
        arguments: [
            ("512MB", 512_000_000), ("4KiB", 4096), ("2GB", 2_000_000_000), ("1.5kB", 1500), ("1 GiB", 1_073_741_824),
            ("7B", 7),
        ] as [(String, Int64)])
    func `sizes carry their unit`(text: String, bytes: Int64) throws {
        #expect(try ScalarParser.size(text) == bytes)
    }

    @Test(arguments: ["512", "512 M", "512mb", "0.5B", "99999999999GB"])
    func `what is no size is refused`(text: String) {
        #expect(throws: ScalarProblem.self) { try ScalarParser.size(text) }
    }

    @Test func `quantities are exact and need a known unit`() throws {
        #expect(try ScalarParser.quantity("5 W").description == "5 W")
        #expect(try ScalarParser.quantity("2.50 m3/h").value == ExactDecimal(mantissa: 25, exponent: -1))
        #expect(try ScalarParser.quantity("0.1kW.h").unit.symbol == "kW.h")
        guard case .failure(let slip) = result({ () throws(ScalarProblem) in try ScalarParser.quantity("5 kWh") })
        else {
            Issue.record("kWh is no unit")
            return
        }
        #expect(slip.hint == "did you mean \"kW.h\"?")
        #expect(throws: ScalarProblem.self) { try ScalarParser.quantity("5") }
        #expect(throws: ScalarProblem.self) { try ScalarParser.quantity("W") }
    }

    @Test func `percent, ppm, rates and spans`() throws {
        #expect(try ScalarParser.percent("50%") == ExactDecimal(50))
        #expect(try ScalarParser.percent("12.5 %") == ExactDecimal(mantissa: 125, exponent: -1))
        #expect(throws: ScalarProblem.self) { try ScalarParser.percent("50") }
        #expect(try ScalarParser.partsPerMillion("20 ppm") == 20)
        #expect(throws: ScalarProblem.self) { try ScalarParser.partsPerMillion("20") }
        #expect(try ScalarParser.rate("5000/s") == 5000)
        #expect(try ScalarParser.rate("120/min") == 2)
        #expect(throws: ScalarProblem.self) { try ScalarParser.rate("5000") }
        #expect(try ScalarParser.durationRange("0..10min") == DurationRange(shortest: .zero, longest: .seconds(600)))
        #expect(
            try ScalarParser.durationRange("5s..10min") == DurationRange(shortest: .seconds(5), longest: .seconds(600)))
        #expect(throws: ScalarProblem.self) { try ScalarParser.durationRange("10min..5s") }
        #expect(throws: ScalarProblem.self) { try ScalarParser.durationRange("10min") }
    }

    @Test(arguments: [
        ("23:00", DailyTime.clock(seconds: 82_800)), ("24:00", .clock(seconds: 86_400)), ("00:00", .clock(seconds: 0)),
        ("05:30:15", .clock(seconds: 19_815)),
        ("sunset", .sunset(offset: .zero)), ("sunset + 10min", .sunset(offset: .seconds(600))),
        ("sunrise - 10min", .sunrise(offset: .seconds(-600))), ("sunrise+1h", .sunrise(offset: .seconds(3600))),
    ])
    func `times of day`(text: String, time: DailyTime) throws {
        #expect(try ScalarParser.dailyTime(text) == time)
        #expect(try ScalarParser.dailyTime(time.description) == time)
    }

    @Test(arguments: [
        "24:01", "25:00", "5:00", "23:60", "2300", "sunset 10min", "sunset + 10", "sunset + 13h", "sunset + -5min",
        "noon",
        "12:00:60", "",
    ])
    func `what is no time of day is refused`(text: String) {
        #expect(throws: ScalarProblem.self) { try ScalarParser.dailyTime(text) }
    }

    @Test(arguments: [
        ("intervall", "interval"), ("intreval", "interval"), ("devcies", "devices"), ("profil", "profile"),
        ("stop-bits", "stop_bits"),
    ])
    func `a misspelt key finds the known one`(word: String, meant: String) {
        #expect(Spelling.nearest(to: word, among: ["interval", "devices", "profile", "stop_bits", "bus"]) == meant)
    }

    @Test func `a strange word finds nothing`() {
        #expect(Spelling.nearest(to: "elephant", among: ["interval", "devices", "bus"]) == nil)
    }

    @Test(arguments: [
        ("active_power", true), ("voltage.L1-L2", true), ("active_energy_import.T2", true),
        ("active_power.ch2.L1", true),
        ("Active Power", false), ("", false), (".L1", false), ("voltage.", false), ("voltage..L1", false),
    ])
    func `names of points`(name: String, isPoint: Bool) {
        #expect(Names.isPoint(name) == isPoint)
    }

    @Test func `hosts and ports`() throws {
        #expect(try HostAndPort("192.0.2.1:502").port == 502)
        #expect(try HostAndPort("[2001:db8::1]:502").host == "2001:db8::1")
        #expect(try HostAndPort("broker.example", standard: 1883).port == 1883)
        for text in ["192.0.2.1", ":502", "host:0", "host:65536", "host:x", "[::1:502", "[::1]502", "a b:1"] {
            #expect(throws: ScalarProblem.self, "\(text)") { try HostAndPort(text) }
        }
    }
}
