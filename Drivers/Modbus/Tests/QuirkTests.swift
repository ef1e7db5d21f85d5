import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// What meters of the field do (the register collection's list of quirks), each shown with a device that does it.
@Suite struct `Quirks of meters` {
    struct Example: Sendable, CustomTestStringConvertible {
        let quirk: String
        var head = ""
        let lines: String
        let answers: [(String, [UInt16])]
        var site = "{}"
        let expected: [String: String]
        var testDescription: String { quirk }
    }

    static func values(_ lines: String...) -> String { lines.map { "  - {\($0)}" }.joined(separator: "\n") }

    static let numbers: [Example] = [
        Example(
            quirk: "1 one-based numbers of the manual", head: "numbers: {base: one_based}",
            lines: values("quantity: frequency, at: 3110, as: f32, unit: Hz"),
            answers: [("holding 3109", [0x4248, 0])], expected: ["frequency": "50"]),
        Example(
            quirk: "2 the same address holds other things in the other table",
            lines: values(
                "quantity: voltage, phase: L1, table: input, at: 0, as: f32, unit: V",
                "quantity: demand_time, table: holding, at: 0, as: f32, unit: min"),
            answers: [("input 0", [0x4366, 0]), ("holding 0", [0x4170, 0])],
            expected: ["voltage.L1": "230", "demand_time": "15"]),
        Example(
            quirk: "12 word order per value, not per device", head: "numbers: {word_order: high_first}",
            lines: values(
                "quantity: current, phase: L1, at: 0, as: u32, scale: 0.001, unit: A",
                "quantity: active_energy_import, at: 2, as: u64, word_order: low_first, scale: 0.00001, unit: kW.h"),
            answers: [("holding 0", [0, 1_500, 0xE240, 1, 0, 0])],
            expected: ["current.L1": "1.500", "active_energy_import": "1.23456"]),
        Example(
            quirk: "12 all four bytes reversed (Xintai)", head: "numbers: {word_order: low_first, byte_order: swapped}",
            lines: values("quantity: water_volume, at: 1, as: f32, unit: m3"),
            answers: [("holding 1", [0x1E85, 0x0B3F])], expected: ["water_volume": "0.54499996"]),
        Example(
            quirk: "12 bytes swapped within registers",
            lines: values("quantity: water_volume, at: 1, as: u32, byte_order: swapped, unit: m3"),
            answers: [("holding 1", [0x3412, 0x7856])], expected: ["water_volume": "305419896"]),
        Example(
            quirk: "13 decimal base 10000 (PM800)",
            lines: values(
                "quantity: active_energy_net, at: 1715, as: u64, codec: mod10000, word_order: low_first, scale: 0.001, unit: kW.h"
            ),
            answers: [("holding 1715", [4_321, 8_765, 12, 0])], expected: ["active_energy_net": "1287654.321"]),
        Example(
            quirk: "13 a group of four digits that is none",
            lines: values("quantity: active_energy_net, at: 1715, as: u48, codec: decimal_groups, unit: kW.h"),
            answers: [("holding 1715", [0, 0, 10_000])], expected: ["active_energy_net": "bad outOfRange"]),
        Example(
            quirk: "13 sign and magnitude (PM800)",
            lines: values(
                "quantity: power_factor, at: 1162, as: u16, codec: sign_magnitude, scale: 0.001, unit: \"1\""),
            answers: [("holding 1162", [0x83D4])], expected: ["power_factor": "-0.980"]),
        Example(
            quirk: "13 Iskra T5",
            lines: values("quantity: voltage, phase: L1, at: 107, as: u32, codec: iskra_t5, unit: V"),
            answers: [("holding 107", [0xFD03, 0x8270])], expected: ["voltage.L1": "230.000"]),
        Example(
            quirk: "13 Iskra T6", lines: values("quantity: active_power, at: 140, as: u32, codec: iskra_t6, unit: W"),
            answers: [("holding 140", [0xFFFF, 0xFF9C])], expected: ["active_power": "-10.0"]),
        Example(
            quirk: "13 BCD of 48 bits", lines: values("quantity: gas_volume, at: 4, as: bcd48, scale: 0.001, unit: m3"),
            answers: [("holding 4", [0x0012, 0x3456, 0x7890])], expected: ["gas_volume": "1234567.890"]),
        Example(
            quirk: "13 UTF-16 text (Socomec)",
            lines: values("quantity: manufacturer, at: 0xC350, as: \"text_utf16[8]\""),
            answers: [("holding 0xC350", [0x53, 0x4F, 0x43, 0x4F, 0x4D, 0x45, 0x43, 0])],
            expected: ["manufacturer": "SOCOMEC"]),
        Example(
            quirk: "13 a text stands in reading order whatever the numbers do",
            head: "numbers: {word_order: low_first}",
            lines: values("quantity: serial_number, at: 20480, as: \"text[3]\""),
            answers: [("holding 20480", [0x4142, 0x4344, 0x4500])], expected: ["serial_number": "ABCDE"]),
        Example(
            quirk: "13 integer plus float fraction (UniFlo, TUF-2000M)", head: "numbers: {word_order: low_first}",
            lines: values("quantity: water_volume, at: 8, as: i32, plus: {at: 10, as: f32}, unit: m3"),
            answers: [("holding 8", [0x0400, 0, 0, 0x3E80])], expected: ["water_volume": "1024.25"]),
        Example(
            quirk: "13 vendor date-time of four registers (Schneider)",
            lines: values("quantity: clock, at: 1844, as: \"words[4]\", codec: schneider_datetime"),
            answers: [("holding 1844", [26, 0x0B15, 0x0F1E, 12_345])], expected: ["clock": "2026-11-21T15:30:12"]),
        Example(
            quirk: "13 vendor date-time of three registers (PM800)",
            lines: values("quantity: clock, at: 1842, as: \"words[3]\", codec: pm800_datetime"),
            answers: [("holding 1842", [0x0B15, 0x7E0F, 0x1E0C])], expected: ["clock": "2026-11-21T15:30:12"]),
        Example(
            quirk: "13 vendor date-time of six registers (Countis Ci)",
            lines: values(
                "quantity: clock, at: 1536, as: \"words[6]\", codec: datetime_registers, word_order: low_first"),
            answers: [("holding 1536", [12, 30, 15, 21, 11, 26])], expected: ["clock": "2026-11-21T15:30:12"]),
        Example(
            quirk: "14 the installer chose another word order",
            lines: values("quantity: voltage, phase: L1, at: 0, as: f32, unit: V"),
            answers: [("holding 0", [0, 0x4366])], site: "{word_order: low_first}", expected: ["voltage.L1": "230"]),
        Example(
            quirk: "15 seven digits of a float, then the integer copy",
            lines: values(
                "quantity: active_energy_import, at: 0, as: f32, scale: 0.001, unit: kW.h",
                "quantity: active_energy_total, at: 2, as: u32, scale: 0.001, unit: kW.h"),
            answers: [("holding 0", [0x4B7F, 0xFFFF, 0x0100, 0x0001])],
            expected: ["active_energy_import": "16777.215", "active_energy_total": "16777.217"]),
        Example(
            quirk: "16 a scale of seven digits (Wiren Board)",
            lines: values("quantity: current, phase: L1, at: 0, as: u32, scale: 1.52588e-07, unit: A"),
            answers: [("holding 0", [0x0200, 0])], expected: ["current.L1": "5.120003670016"]),
    ]

    static let computed: [Example] = [
        Example(
            quirk: "17 exponent in a register (PM800)",
            lines: values(
                "quantity: active_power, at: 1142, as: i16, unit: kW, scale_from: {at: 3213, as: i16, kind: exponent10}"
            ),
            answers: [("holding 1142", [0xFB2E]), ("holding 3213", [0xFFFE])], expected: ["active_power": "-12.34"]),
        Example(
            quirk: "17 scaler code (Countis Ci)",
            lines: values(
                "quantity: pulse_counter, channel: 1, at: 768, as: u32, unit: \"1\", scale_from: {at: 263, as: u16, kind: table, map: {0: 0.01, 1: 0.1, 2: 1}}"
            ),
            answers: [("holding 263", [1]), ("holding 768", [0, 42])], expected: ["pulse_counter.ch1": "4.2"]),
        Example(
            quirk: "17 a scaler code that nobody knows",
            lines: values(
                "quantity: pulse_counter, channel: 1, at: 768, as: u32, unit: \"1\", scale_from: {at: 263, as: u16, kind: table, map: {0: 0.01}}"
            ),
            answers: [("holding 263", [7]), ("holding 768", [0, 42])],
            expected: ["pulse_counter.ch1": "bad configuration"]),
        Example(
            quirk: "17 pulses per unit as a divisor (Saia H104D)",
            lines: values(
                "quantity: pulse_counter, at: 27, as: u32, unit: \"1\", scale_from: {at: 35, as: u16, kind: divisor, stride: 1}, instances: {count: 2, stride: 2}"
            ),
            answers: [("holding 27", [0, 12_345, 0, 10]), ("holding 35", [1_000, 3])],
            expected: ["pulse_counter.ch1": "12.345", "pulse_counter.ch2": "bad outOfRange"]),
        Example(
            quirk: "18 ratio registers of a meter that tells secondary values (Chint)",
            head:
                "limits: {ratio: ct_and_vt_registers}\nratios:\n  ct: {at: 6, as: u16}\n  vt: {at: 7, as: u16, scale: 0.1}",
            lines: values(
                "quantity: current, phase: L1, at: 0x2006, as: f32, scale: 0.001, unit: A",
                "quantity: active_power, at: 0x2008, as: f32, scale: 0.1, unit: W",
                "quantity: power_factor, at: 0x200A, as: f32, scale: 0.001, unit: \"1\""),
            answers: [
                ("holding 6", [40, 10]), ("holding 0x2006", [0x459C, 0x4000, 0x447A, 0, 0x447A, 0]),
            ],
            expected: ["current.L1": "200", "active_power": "4000", "power_factor": "1"]),
        Example(
            quirk: "18 numerator, multiplier and denominator (EPM2200)",
            lines: values(
                "quantity: current, phase: L1, at: 1011, as: f32, unit: A, times: [{at: 40015, as: u16}, {at: 40016, as: u16}], over: [{at: 40017, as: u16}]"
            ),
            answers: [("holding 40015", [200, 1, 5]), ("holding 1011", [0x4000, 0])], expected: ["current.L1": "80"]),
        Example(
            quirk: "19 the unit is a code (Sontex)",
            lines: values(
                "quantity: heat_energy, at: 102, as: f32, unit: kW.h, unit_from: {at: 100, as: u16, map: {0: kW.h, 1: MW.h, 2: GJ}}"
            ),
            answers: [("holding 100", [1]), ("holding 102", [0x42F6, 0xE979])], expected: ["heat_energy": "123456"]),
        Example(
            quirk: "19 a unit that does not convert",
            lines: values(
                "quantity: heat_energy, at: 102, as: f32, unit: kW.h, unit_from: {at: 100, as: u16, map: {0: kW.h, 2: GJ}}"
            ),
            answers: [("holding 100", [2]), ("holding 102", [0x42F6, 0xE979])],
            expected: ["heat_energy": "bad configuration"]),
        Example(
            quirk: "19 the site says that the meter is set to GJ",
            lines: values(
                "quantity: heat_energy, at: 102, as: f32, unit: kW.h, unit_from: {at: 100, as: u16, map: {0: kW.h, 2: GJ}}"
            ),
            answers: [("holding 100", [2]), ("holding 102", [0x42F6, 0xE979])], site: "{units: {heat_energy: GJ}}",
            expected: ["heat_energy": "123.456"]),
        Example(
            quirk: "19 the unit is a text (VLM20)",
            lines: values(
                "quantity: volume_total, table: input, at: 524, as: u32, unit: m3, unit_from: {table: input, at: 2036, as: \"text[6]\", map: {m3: m3, L: L}}"
            ),
            answers: [("input 2036", [0x4C00, 0, 0, 0, 0, 0]), ("input 524", [0, 2_500])],
            expected: ["volume_total": "2.5"]),
        Example(
            quirk: "19 a meter that counts in tens of litres",
            lines: values(
                "quantity: water_volume, at: 0, as: u32, unit: m3, unit_from: {at: 2, as: u16, map: {5: 10 L}}"),
            answers: [("holding 0", [0, 1_234, 5])], expected: ["water_volume": "12.34"]),
        Example(
            quirk: "20 four-quadrant power factor (Schneider)",
            lines: values(
                "quantity: power_factor, at: 0, as: f32, codec: pf_four_quadrant, unit: \"1\"",
                "quantity: power_factor, phase: L1, at: 2, as: f32, codec: pf_four_quadrant, unit: \"1\"",
                "quantity: power_factor, phase: L2, at: 4, as: f32, codec: pf_four_quadrant, unit: \"1\"",
                "quantity: power_factor, phase: L3, at: 6, as: i16, scale: 0.001, codec: pf_four_quadrant, unit: \"1\""),
            answers: [("holding 0", [0x3F00, 0, 0x3FC0, 0, 0xBFC0, 0, 1_250])],
            expected: [
                "power_factor": "0.5", "power_factor.L1": "0.5", "power_factor.L2": "-0.5", "power_factor.L3": "0.750",
            ]),
        Example(
            quirk: "20 beyond the code there is no factor",
            lines: values("quantity: power_factor, at: 0, as: f32, codec: pf_four_quadrant, unit: \"1\""),
            answers: [("holding 0", [0x4020, 0])], expected: ["power_factor": "bad outOfRange"]),
        Example(
            quirk: "21 the sign is in another register (Conto D2)",
            lines: values(
                "quantity: active_power, at: 8196, as: u32, unit: W, sign_from: {at: 8198, as: u16, negative_when: nonzero}"
            ),
            answers: [("holding 8196", [0, 500, 1])], expected: ["active_power": "-500"]),
        Example(
            quirk: "21 import less export (TQ EM300, DZG)",
            lines: values(
                "quantity: active_power, at: 0, as: u32, scale: 0.1, unit: W, minus: active_power_export",
                "quantity: active_power_export, at: 2, as: u32, scale: 0.1, unit: W"),
            answers: [("holding 0", [0, 100, 0, 350])],
            expected: ["active_power": "-25.0", "active_power_export": "35.0"]),
        Example(
            quirk: "21 the same, mounted the other way round",
            lines: values(
                "quantity: active_power, at: 0, as: u32, scale: 0.1, unit: W, minus: active_power_export",
                "quantity: active_power_export, at: 2, as: u32, scale: 0.1, unit: W",
                "quantity: active_power_import, at: 0, as: u32, scale: 0.1, unit: W"),
            answers: [("holding 0", [0, 100, 0, 350])], site: "{invert: true}",
            expected: ["active_power": "25.0", "active_power_export": "10.0", "active_power_import": "35.0"]),
        Example(
            quirk: "22 kW here, W on its sibling",
            lines: values("quantity: active_power, at: 0, as: f32, unit: kW"),
            answers: [("holding 0", [0x3FC0, 0])], expected: ["active_power": "1.5"]),
        Example(
            quirk: "23 frequency told as 500 by some firmware",
            lines: values("quantity: frequency, at: 0, as: u16, unit: Hz, auto_scale: {above: 100, factor: 0.1}"),
            answers: [("holding 0", [500])], expected: ["frequency": "50.0"]),
        Example(
            quirk: "23 and as 50 by others",
            lines: values("quantity: frequency, at: 0, as: u16, unit: Hz, auto_scale: {above: 100, factor: 0.1}"),
            answers: [("holding 0", [50])], expected: ["frequency": "50"]),
    ]

    static let validity: [Example] = [
        Example(
            quirk: "24 sentinels of every width",
            head: "defaults_for_values:\n  absent: [0xFFFF, 0x7FFFFFFF, 0xFFFEFFFE, 0x80000000]",
            lines: values(
                "quantity: voltage, phase: L1, at: 0, as: u16, unit: V",
                "quantity: active_power, at: 1, as: i32, unit: W",
                "quantity: current, phase: L1, at: 3, as: u32, unit: A",
                "quantity: active_power, phase: L1, at: 5, as: i32, unit: W",
                "quantity: current, phase: L2, at: 7, as: u32, unit: A"),
            answers: [("holding 0", [0xFFFF, 0x7FFF, 0xFFFF, 0xFFFE, 0xFFFE, 0x8000, 0, 0, 0xFFFF])],
            expected: [
                "voltage.L1": "bad deviceReported", "active_power": "bad deviceReported",
                "current.L1": "bad deviceReported", "active_power.L1": "bad deviceReported", "current.L2": "65535",
            ]),
        Example(
            quirk: "24 NaN and infinity are no numbers",
            lines: values(
                "quantity: voltage, phase: L1, at: 0, as: f32, unit: V",
                "quantity: voltage, phase: L2, at: 2, as: f32, unit: V",
                "quantity: voltage, phase: L3, at: 4, as: f64, unit: V"),
            answers: [("holding 0", [0x7FC0, 0, 0xFF80, 0, 0x7FF8, 0, 0, 0])],
            expected: [
                "voltage.L1": "bad outOfRange", "voltage.L2": "bad outOfRange", "voltage.L3": "bad outOfRange",
            ]),
        Example(
            quirk: "24 0 for an accumulator that is not there",
            lines: values("quantity: active_energy_import, at: 0, as: u32, absent: [0], unit: W.h"),
            answers: [("holding 0", [0, 0])], expected: ["active_energy_import": "bad deviceReported"]),
        Example(
            quirk: "24 a scale that is not implemented",
            lines: values(
                "quantity: voltage, phase: L1, at: 0, as: i16, unit: V, scale_from: {at: 1, as: i16, kind: exponent10, absent: 0x8000}"
            ),
            answers: [("holding 0", [2_300, 0x8000])], expected: ["voltage.L1": "bad deviceReported"]),
        Example(
            quirk: "24 outside of what it can be",
            lines: values("quantity: voltage, phase: L1, at: 0, as: u16, unit: V, valid: [0, 400]"),
            answers: [("holding 0", [6_000])], expected: ["voltage.L1": "bad outOfRange"]),
        Example(
            quirk: "25 signal quality gates the value (TUF-2000M)",
            lines: values(
                "quantity: water_flow, at: 0, as: f32, word_order: low_first, unit: m3/h, good_when: {at: 91, as: u16, low_byte_above: 40}"
            ),
            answers: [("holding 91", [0x0528]), ("holding 0", [0, 0x4000])],
            expected: ["water_flow": "bad deviceReported"]),
        Example(
            quirk: "25 and lets it pass",
            lines: values(
                "quantity: water_flow, at: 0, as: f32, word_order: low_first, unit: m3/h, good_when: {at: 91, as: u16, low_byte_above: 40}"
            ),
            answers: [("holding 91", [0x0529]), ("holding 0", [0, 0x4000])], expected: ["water_flow": "2"]),
        Example(
            quirk: "25 pipe empty (Xintai)",
            lines: values(
                "quantity: water_flow, at: 5, as: u16, unit: m3/h, good_when: {at: 7, as: u16, equals: 0x00AA}"),
            answers: [("holding 5", [3, 0, 0x0055])], expected: ["water_flow": "bad deviceReported"]),
        Example(
            quirk: "25 a status bit (BOVE)",
            lines: values(
                "quantity: water_flow, at: 1, as: u32, scale: 0.01, word_order: low_first, unit: L/h, good_when: {at: 0x14, as: u16, mask: 0x0004}"
            ),
            answers: [("holding 0x14", [0x0024]), ("holding 1", [100, 0])],
            expected: ["water_flow": "bad deviceReported"]),
        Example(
            quirk: "25 a helper that has not come yet",
            lines: values("quantity: water_flow, at: 1, as: u16, unit: L/h, good_when: {at: 91, as: u16, above: 3}"),
            answers: [("holding 1", [100])], expected: [:]),
        Example(
            quirk: "29 a computed total is marked and never silent",
            lines: values(
                "quantity: active_power, sum_of: [L1, L2, L3], unit: W",
                "quantity: active_power, phase: L1, at: 0, as: i16, unit: W",
                "quantity: active_power, phase: L2, at: 1, as: i16, unit: W",
                "quantity: active_power, phase: L3, at: 2, as: i16, unit: W"),
            answers: [("holding 0", [100, 0xFFFF, 2])],
            expected: [
                "active_power": "101", "active_power.L1": "100", "active_power.L2": "-1", "active_power.L3": "2",
            ]),
    ]

    static let meaning: [Example] = [
        Example(
            quirk: "28 tariffs every 12 registers (Orno)",
            lines: values(
                "quantity: active_energy_import, at: 0x0130, as: f32, unit: kW.h, instances: {stride: 12, tariffs: [1, 2]}"
            ),
            answers: [("holding 0x0130", [0x3F80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x4000, 0])],
            expected: ["active_energy_import.T1": "1", "active_energy_import.T2": "2"]),
        Example(
            quirk: "30 channels and phases on a grid (WB-MAP12E)",
            lines: values(
                "quantity: current, at: 0x16, as: u16, unit: A, instances: [{stride: 0x1000, channels: [1, 2]}, {stride: 2, phases: [L1, L2]}]"
            ),
            answers: [("holding 0x16", [1, 0, 2]), ("holding 0x1016", [3, 0, 4])],
            expected: ["current.ch1.L1": "1", "current.ch1.L2": "2", "current.ch2.L1": "3", "current.ch2.L2": "4"]),
        Example(
            quirk: "31 flags and codes",
            lines: values(
                "quantity: error_status, at: 0, as: u16, bits: {0x0004: pipe_empty, 0x0020: battery_low}",
                "quantity: phase_sequence, at: 1, as: u16, enum: {0: L1-L2-L3, 0xFFFF: L1-L3-L2}"),
            answers: [("holding 0", [0x0020, 0xFFFF])],
            expected: ["pipe_empty": "false", "battery_low": "true", "phase_sequence": "L1-L3-L2"]),
        Example(
            quirk: "31 alarms in coils (FP-93B)",
            lines: values("quantity: wet_steam_alarm, table: coil, at: 11"), answers: [("coil 10", [0, 1])],
            expected: ["wet_steam_alarm": "true"]),
        Example(
            quirk: "31 two numbers in one register",
            lines: values("quantity: signal_quality, at: 91, as: u16, mask: 0x00FF, unit: \"\""),
            answers: [("holding 91", [0x0563])], expected: ["signal_quality": "99"]),
        Example(
            quirk: "33 a register of newer firmware only (Wiren Board)",
            lines: values(
                "quantity: firmware_version, at: 250, as: \"text[4]\"",
                "quantity: current_peak, at: 10, as: u16, unit: A, only_when: {firmware: \">=2.3.0\"}",
                "quantity: voltage_peak, at: 11, as: u16, unit: V, only_when: {firmware: \">=2.10\"}"),
            answers: [("holding 250", [0x322E, 0x392E, 0x3100, 0]), ("holding 10", [7, 8])],
            expected: ["firmware_version": "2.9.1", "current_peak": "7", "voltage_peak": "bad notSupported"]),
        Example(
            quirk: "33 a value of one wiring only (EM24)",
            lines: values(
                "quantity: type_code, at: 20, as: u16, enum: {0: 3P4W, 1: 3P3W}",
                "quantity: voltage, phase: L1, at: 21, as: u16, unit: V, only_when: {type_code: [3P4W, 1P]}"),
            answers: [("holding 20", [1, 230])], expected: ["type_code": "3P3W", "voltage.L1": "bad notSupported"]),
        Example(
            quirk: "a pulse is worth what the site says",
            lines: values("quantity: pulse_counter, at: 0, as: u32, unit: \"1\", pulse: true"),
            answers: [("holding 0", [0, 1_100])],
            site: "{pulse: {per: 0.01 m3, start: 250.5, at: 1000, quantity: water_volume}}",
            expected: ["water_volume": "251.50"]),
        Example(
            quirk: "a product of more than 18 digits is no value",
            lines: values("quantity: active_energy_import, at: 0, as: u64, scale: 1.234567, unit: kW.h"),
            answers: [("holding 0", [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF])],
            expected: ["active_energy_import": "bad outOfRange"]),
    ]

    @Test(arguments: numbers + computed + validity + meaning)
    func `a meter does it and the value is right`(_ example: Example) throws {
        let bench = try QuirkBench(example.lines, head: example.head)
        #expect(bench.problems.isEmpty)
        #expect(
            try bench.values(example.answers, site: example.site) == example.expected.mapValues(QuirkBench.short))
    }
}
