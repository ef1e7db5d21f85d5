import Configuration
import Telemetry
import Testing

struct LightingFaultsTests {
    private func text(_ faults: String) -> String { LoadingTests.head + LoadingTests.night + "  faults:\n" + faults }

    @Test func `without a word the limits are those of the documentation`() throws {
        let faults = try #require(
            load(yaml: LoadingTests.head + LoadingTests.night).configuration?.lighting?.faults)
        #expect(faults.lampFailure == 2)
        #expect(faults.gearFailure == 2)
        #expect(faults.communication.count == 5)
        #expect(faults.communication.of == 6)
        #expect(faults.dayBurner == .seconds(300))
        #expect(faults.cycling.count == 3)
        #expect(faults.cycling.within == .seconds(3600))
        #expect(faults.dimming.percent == ExactDecimal(10))
        #expect(faults.dimming.time == .seconds(60))
        #expect(faults.lampPower.percent == ExactDecimal(20))
        #expect(faults.lampPower.time == .seconds(600))
        #expect(faults.feeder.percent == ExactDecimal(5))
        #expect(faults.feeder.time == .seconds(600))
        #expect(faults.feederDead == .seconds(60))
        #expect(faults.settle == .seconds(60))
        #expect(faults.gradient == ExactDecimal("1.1"))
        #expect(faults.standby == ExactDecimal("0.5"))
    }

    @Test func `the table of the documentation is what is in force by itself`() throws {
        let page = try #require(Fixtures.text(Fixtures.package + "/docs/lighting.md"))
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "  faults:"))
        let section = lines[(start + 1)...].prefix { $0 != "```" }.joined(separator: "\n") + "\n"
        let result = load(yaml: text(section))
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        let faults = try #require(result.configuration?.lighting?.faults)
        #expect(faults == load(yaml: LoadingTests.head + LoadingTests.night).configuration?.lighting?.faults)
    }

    @Test func `each limit can be set`() throws {
        let result = load(
            yaml: text(
                """
                    lamp_failure: 3 polls
                    gear_failure: 1 poll
                    communication: 3 of 10 polls
                    day_burner: 1min
                    cycling: 5 in 30min
                    dimming: 2.5% for 10s
                    lamp_power: 50% for 1h
                    feeder: {deviation: 2%, for: 5min, dead: 10s}
                    settle: 90s
                    power: {gradient: 1, standby: 300 mW}

                """))
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        let faults = try #require(result.configuration?.lighting?.faults)
        #expect(faults.lampFailure == 3)
        #expect(faults.gearFailure == 1)
        #expect(faults.communication.count == 3)
        #expect(faults.communication.of == 10)
        #expect(faults.dayBurner == .seconds(60))
        #expect(faults.cycling.count == 5)
        #expect(faults.cycling.within == .seconds(1800))
        #expect(faults.dimming.percent == ExactDecimal("2.5"))
        #expect(faults.dimming.time == .seconds(10))
        #expect(faults.lampPower.percent == ExactDecimal(50))
        #expect(faults.lampPower.time == .seconds(3600))
        #expect(faults.feeder.percent == ExactDecimal(2))
        #expect(faults.feeder.time == .seconds(300))
        #expect(faults.feederDead == .seconds(10))
        #expect(faults.settle == .seconds(90))
        #expect(faults.gradient == ExactDecimal(1))
        #expect(faults.standby == ExactDecimal("0.3"))
    }

    @Test(arguments: [
        ("lamp_failure: 2", "does not count polls"), ("lamp_failure: 0 polls", "whole number from 1 to 60"),
        ("communication: 7 of 6", "whole number from 1 to 6"), ("communication: 5/6", "no part of a number of polls"),
        ("day_burner: 5m", "no unit of time"), ("day_burner: 0s", "shorter than"),
        ("cycling: 3", "no number in a time"),
        ("cycling: 3 in 2d", "out of range"), ("dimming: 10%", "no percentage for a time"),
        ("dimming: 200% for 60s", "out of range"), ("feeder: 5%", "a map of keys belongs"),
        ("feeder: {deviation: 5}", "has no unit"), ("settel: 60s", "did you mean \"settle\""),
        ("power: {gradient: 0.5}", "out of range"), ("power: {standby: 3 V}", "not a unit of what this is"),
    ])
    func `a wrong limit is named at its place and leaves its rule at the default`(line: String, words: String) throws {
        let result = load(yaml: text("    \(line)\n"))
        #expect(result.diagnostics.count == 1, "\(result.diagnostics)")
        let diagnostic = try #require(result.diagnostics.first)
        #expect(diagnostic.description.contains(words), "\(diagnostic)")
        #expect(diagnostic.position.line == 13)
        let lighting = try #require(result.configuration?.lighting)
        // No alarm and no lamp goes with a typing error.
        #expect(lighting.faults.communication.count == 5)
        #expect(lighting.faults.communication.of == 6)
        #expect(lighting.group("street")?.schedule == .calendar("standard"))
    }
}
