import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Mistakes in profiles` {
    @Test(arguments: [
        (
            "as: u32, unit: V, codec: mod1000",
            "mod1000 is no codec; expected one of \(NumberCoding.names.keys.sorted().joined(separator: ", ")); did you mean mod10000?"
        ),
        ("as: f32, unit: V, codec: iskra_t5", "iskra_t5 needs as: u32"),
        ("as: \"words[3]\", unit: V", "words[3] needs a codec that says what it is"),
        (
            "as: u16, unit: V, scale_from: {at: 2, as: i16}",
            "the key kind is missing; expected exponent10, factor, divisor or table"
        ),
        ("as: u16, unit: V, times: [ct_ratio]", "voltage.L1 needs ct_ratio, which is no value of this profile"),
        ("as: u16, unit: V, minus: voltage.L1", "voltage.L1 needs voltage.L1: that never ends"),
        (
            "as: u16, unit: V, good_when: {at: 3, as: u16}",
            "one of low_byte_above, high_byte_above, above, below, equals, one_of and mask must say what is good"
        ),
        ("as: u16, unit: V, good_when: {at: 3, as: u16, abowe: 3}", "unknown key abowe"),
        ("as: u16, unit: V, valid: [400, 0]", "expected the least and the largest valid number, such as [0, 400]"),
        ("as: u16, unit: V, instances: {stride: 2}", "count, channels, phases or tariffs must say what is repeated"),
        ("as: u16, unit: V, instances: {count: 4, stride: 0x8000}", "an instance lies outside of the registers"),
        ("as: u16, unit: V, alone: true, group: a", "alone and group exclude each other"),
        (
            "as: u16, unit: V, plus: {at: 200, as: u16}",
            "voltage.L1 and what is added to it takes 201 registers, more than the 125 of one request"
        ),
        (
            "as: u16, unit: V, writable: true, minimum: 0, maximum: 9, offset: 1",
            "a value that is made of several registers is never written"
        ),
        ("as: f32, unit: V, rollover: by_width", "by_width needs u16, u32 or u48"),
        ("as: u16, unit: V, only_when: {firmware: \">=new\"}", "\">=new\" names no version such as 2.3.0"),
        ("as: u16, unit: V, unit_from: {at: 3, as: u16, map: {0: kg}}", "none of the units converts to V"),
    ])
    func `each mistake gets its sentence`(_ keys: String, _ sentence: String) throws {
        let bench = try QuirkBench("  - {quantity: voltage, phase: L1, at: 0, \(keys)}")
        #expect(bench.problems.contains(sentence), "\(bench.problems)")
    }

    @Test func `a circle of values is named`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: active_power_import, at: 0, as: u16, unit: W, plus: active_power_export",
                "quantity: active_power_export, at: 1, as: u16, unit: W, plus: active_power_import"))
        #expect(
            bench.problems == [
                "active_power_import needs active_power_export needs active_power_import: that never ends"
            ])
    }

    @Test func `a sum of another unit is refused`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: active_power, sum_of: [L1, L2], unit: kW",
                "quantity: active_power, phase: L1, at: 0, as: u16, unit: W",
                "quantity: active_power, phase: L2, at: 1, as: u16, unit: W"))
        #expect(bench.problems.first == "active_power is in kW, its part active_power.L1 in W")
    }

    @Test(arguments: [
        (
            "{ct_ratio: 3}",
            "quirk multiplies by the ratio itself: set it in the meter, not here, or every value is counted twice"
        ),
        (
            "{pulse: {per: 0.01 m3}}",
            "the profile has no pulse input, so there is nothing that pulse could be applied to"
        ),
        ("{units: {voltage: kV}}", "voltage is never in kV, says quirk"),
        ("{units: {volume: m3}}", "quirk has no volume"),
        ("{sunspec_model: 203}", "quirk is no SunSpec profile"),
    ])
    func `what the site cannot say of this profile is refused`(_ site: String, _ sentence: String) throws {
        let bench = try QuirkBench("  - {quantity: voltage, phase: L1, at: 0, as: u16, unit: V}")
        let node = try MiniYAML.parse(site)
        #expect(throws: ProfileBench.Problem(reason: sentence)) { try ProfileBench(bench.profile, site: node) }
    }

    @Test func `facts and basis tell what a bill depends on`() throws {
        let text = """
            driver: modbus
            status: field_tested
            limits: {ratio: secondary}
            values:
              - {quantity: active_energy_import, at: 0, as: u32, scale: 0.01, unit: kW.h}
              - {quantity: active_energy_export, at: 2, as: u32, scale: 0.01, unit: kW.h}
              - {quantity: serial_number, at: 4, as: u32, kind: text}
            """
        let answer = BusConfiguration(try configure(text, devices: ["{address: 1, ct_ratio: 200/5, invert: true}"]))
            .answer
        let device = try #require(answer.devices.first)
        #expect(
            device.facts.map { "\($0.name) \($0.value)" } == [
                "profile_status field_tested", "ct_ratio 40", "invert true",
            ])
        #expect(device.points[0].basis == "u32 × 0.4 kW.h, inverted")
        #expect(device.points.map(\.identity) == [false, false, true])
    }
}

enum QuirksLines {
    static func values(_ lines: String...) -> String { lines.map { "  - {\($0)}" }.joined(separator: "\n") }
}
