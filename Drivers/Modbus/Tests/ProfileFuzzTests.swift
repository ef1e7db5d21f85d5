import DriverKit
import DriverProtocol
import Glibc
import Telemetry
import Testing

@testable import ModbusDriver

/// Random numbers that are the same in each run.
struct ProfileDice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // xorshift64*
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

/// Profiles that nobody would write: each must be refused in words or read, and never stop the driver.
@Suite struct `Profiles gone wrong` {
    /// Enough for each kind of damage at each key; `scripts/soak` sets CANDELA_SOAK_SECONDS for more.
    static let rounds = 60

    static let seeds = [
        """
        driver: modbus
        version: 2
        status: verified
        medium: electricity
        models: [A, B]
        evidence: [manual]
        numbers: {base: one_based, table: holding, word_order: low_first, byte_order: normal}
        serial: {baud: 9600, parity: none, stop_bits: 1, unit_id: 1}
        tcp: {port: 502, unit_id: 1}
        limits: {max_registers: 50, shrink_to: [20, 8], gaps: readable, pause: 40ms, timeout: 500ms, ratio: ct_and_vt_registers}
        ratios: {ct: {at: 7, as: u16}, vt: [{at: 8, as: u16, scale: 0.1}]}
        identify:
          - {at: 12, as: u16, alone: true, equals: {341: M}}
        never_read: [0x4000-0x4001]
        defaults_for_values: {absent: [0xFFFF, 0x7FFFFFFF], every: slow}
        values:
          - {quantity: active_power, sum_of: [L1, L2], unit: W}
          - {quantity: active_power, at: 100, as: i32, scale: 0.1, unit: W, instances: {stride: 2, phases: [L1, L2]}}
          - {quantity: heat_energy, at: 110, as: f32, unit: kW.h, unit_from: {at: 112, as: u16, map: {0: kW.h, 1: 10 MW.h}}}
          - {quantity: water_volume, at: 120, as: i32, plus: {at: 122, as: f32}, unit: m3, good_when: {at: 130, as: u16, mask: 4}}
          - {quantity: power_factor, at: 140, as: f32, codec: pf_four_quadrant, unit: "1", valid: [-1, 1]}
          - {quantity: voltage, phase: L1, at: 150, as: i16, unit: V, scale_from: {at: 151, as: i16, kind: exponent10}, group: v}
          - {quantity: pulse_counter, at: 160, as: u32, unit: "1", pulse: true, rollover: by_width}
          - {quantity: firmware_version, at: 170, as: "text[4]"}
          - {quantity: current, at: 180, as: u16, unit: A, only_when: {firmware: ">=2.3"}, sign_from: {at: 181, as: u16, negative_when: [1, 2]}}
          - {quantity: frequency, at: 190, as: u16, unit: Hz, auto_scale: {above: 100, factor: 0.1}, times: [power_factor], over: [{at: 191, as: u16}]}
          - {quantity: error_status, at: 200, as: u16, bits: {1: pipe_empty}}
        tests:
          - {read: [{at: 150, count: 2}, {at: 8, count: 1}], answer: ["00 E6 00 00", "00 0A"], expect: {voltage.L1: 230}}
        """,
        """
        driver: modbus
        kind: sunspec
        status: unverified
        models: [1, 203, 213]
        """,
    ]

    private static let scalars: [String] = [
        "", "0", "-1", "65535", "65536", "4294967296", "9223372036854775807", "-9223372036854775808", "1e400", "1e-400",
        "0x", "0xFFFFFFFFFFFFFFFF", "NaN", "u16", "f64", "text[125]", "words[126]", "text_utf16[0]", "L1", "sum",
        "total", "kW.h", "low_first", "by_width", "active_power", "active_power.L1", "..", "\u{0}", "💡", "10 L",
        "250/0",
        "-0.0", "00", "by_width\n", "999999999999999999999999999999", ">=9", "mod10000", "hex", "60000ms", "1e18",
    ]

    private static func damaged(_ node: DriverNode, _ dice: inout ProfileDice, odds: UInt64, depth: Int = 0)
        -> DriverNode
    {
        var node = node
        if UInt64.random(in: 0..<odds, using: &dice) == 0 || depth > 12 {
            let scalar = scalars.randomElement(using: &dice) ?? ""
            switch UInt64.random(in: 0..<6, using: &dice) {
            case 0: node.number = scalar
            case 1: node.flag = true
            case 2: node.null = DriverNode.Null()
            case 3: node.list = DriverNode.List()
            case 4: node.map = DriverNode.Map()
            default: node.text = scalar
            }
            return node
        }
        switch node.value {
        case .map(var map)?:
            for index in map.entries.indices {
                map.entries[index].value = damaged(map.entries[index].value, &dice, odds: odds, depth: depth + 1)
                if UInt64.random(in: 0..<odds * 2, using: &dice) == 0 {
                    map.entries[index].key = scalars.randomElement(using: &dice) ?? ""
                }
            }
            if !map.entries.isEmpty, UInt64.random(in: 0..<odds, using: &dice) == 0 {
                map.entries.remove(at: Int.random(in: 0..<map.entries.count, using: &dice))
            }
            if let any = map.entries.randomElement(using: &dice), UInt64.random(in: 0..<odds, using: &dice) == 0 {
                map.entries.append(any)
            }
            node.map = map
        case .list(var list)?:
            for index in list.items.indices {
                list.items[index] = damaged(list.items[index], &dice, odds: odds, depth: depth + 1)
            }
            if let any = list.items.randomElement(using: &dice), UInt64.random(in: 0..<odds, using: &dice) == 0 {
                list.items.append(contentsOf: Array(repeating: any, count: Int.random(in: 1...20, using: &dice)))
            }
            node.list = list
        default: break
        }
        return node
    }

    /// Reads it, makes a device of it and lets it decode.
    private static func use(_ content: DriverNode, _ dice: inout ProfileDice) -> Bool {
        let diagnostics = Diagnostics()
        let profile = ProfileTaskArguments.read("fuzz", content, diagnostics)
        ProfileLint(profile: profile, diagnostics: diagnostics, library: [profile]).check()
        guard !diagnostics.hasErrors(.profile, name: "fuzz"), let bench = try? ProfileBench(profile) else {
            return false
        }
        var decoder = bench.device.decoder
        for block in bench.device.plan.blocks(bench.device.points) {
            let words = (0..<block.count).map { _ in UInt16.random(in: 0...0xFFFF, using: &dice) }
            let answer: ModbusAnswer = block.table.isBits ? .bits(words.map { $0 & 1 == 1 }) : .words(words)
            for value in decoder.decode(answer, block) {
                #expect((value.decoded.value == nil) == (value.decoded.quality.grade == .bad))
            }
        }
        return true
    }

    @Test(.timeLimit(.minutes(15)))
    func `damaged profiles are refused in words or read, and never stop the driver`() throws {
        let seeds = try Self.seeds.map { try MiniYAML.parse($0) }
        var dice = ProfileDice(state: 0x9E37_79B9_7F4A_7C15)
        let seconds = getenv("CANDELA_SOAK_SECONDS").flatMap { Int64(String(cString: $0)) }
        let end = BootClock.now().advanced(by: .seconds(seconds ?? 0))
        var (used, round) = (0, 0)
        for seed in seeds {
            let diagnostics = Diagnostics()
            _ = ProfileTaskArguments.read("fuzz", seed, diagnostics)
            #expect(diagnostics.all.map(\.message).isEmpty)
            #expect(Self.use(seed, &dice))
        }
        while seconds == nil ? round < Self.rounds : BootClock.now() < end {
            round += 1
            let seed = seeds[round % 8 == 0 ? 1 : 0]
            if Self.use(Self.damaged(seed, &dice, odds: [40, 400, 2_000][round % 3]), &dice) { used += 1 }
        }
        // Some must come through, or only the refusals would be exercised.
        #expect(used > 0)
        if seconds != nil { print("profiles: \(round) damaged, \(used) of them usable") }
    }
}
