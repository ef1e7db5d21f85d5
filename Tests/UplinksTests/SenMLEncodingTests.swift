import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Uplinks

private func decimal(_ text: String) -> Value {
    guard case .number(let number)? = try? JSONValue(parsing: Array(text.utf8)) else { return .text("no number") }
    return .number(number)
}

struct SenMLEncodingTests {
    private static let everyKind = batch(
        .readings([
            reading(n: 57_311, value: decimal("1234.5")),
            reading("feeder-a", "frequency", n: 57_312, value: nil, unit: "Hz", quality: .bad(.communication)),
            Reading(
                device: "feeder-a", point: "active_energy_import.T2", n: 57_313,
                acquired: BootInstant(nanoseconds: 900_250_000_000), value: decimal("12345.67"), unit: "kW.h",
                quality: .uncertain(.implausible), keep: .billing, epoch: 2,
                period: ReadingPeriod(start: 1_795_277_700, end: 1_795_278_600, kind: .average), raw: [0x46, 0x40]),
            reading("lamp-001", "on", n: 1, value: .flag(true), unit: ""),
            reading("lamp-001", "level", n: 2, value: decimal("60"), unit: "%"),
            reading("heat-b2", "volume_flow", n: 1, value: decimal("0.123"), unit: "m3/h"),
            reading("heat-b2", "serial", n: 2, value: .text("A\"1\n"), unit: ""),
        ]))

    private func text(_ batch: Batch, _ context: EncodingContext = context()) -> [String] {
        SenMLEncoding(.json).encode(batch: batch, context: context).map { String(decoding: $0.payload, as: UTF8.self) }
    }

    @Test func `a pack looks as documented`() {
        #expect(
            text(Self.everyKind) == [
                #"[{"bver":26,"bn":"ruhrort-017/","bt":1795277045.25,"format":1,"stream":"0198c0de-0000-7000-8000-000000000001","sequence":1042,"devices":"00c0ffee00c0ffee","n":"feeder-a/active_power","u":"W","v":1234.5,"number":57311},"#
                    + #"{"n":"feeder-a/frequency/quality","vs":"bad","number":57312,"quality":"bad","reason":"communication"},"#
                    + #"{"n":"feeder-a/active_energy_import.T2","u":"kWh","v":12345.67,"number":57313,"quality":"uncertain","reason":"implausible","epoch":2,"start":1795277700,"end":1795278600,"window":"average","raw":"4640","t":655},"#
                    + #"{"n":"lamp-001/on","vb":true,"number":1},{"n":"lamp-001/level","u":"/","v":0.6,"number":2},"#
                    + #"{"n":"heat-b2/volume_flow","unit":"m3/h","v":0.123,"number":1},{"n":"heat-b2/serial","vs":"A\"1\n","number":2}]"#
            ])
    }

    @Test func `a pack without secondary units is of the plain version, and holdover is said`() {
        let pack = text(batch(.readings([reading(n: 1, value: decimal("230.1"), unit: "V")])), context(.holdover))
        #expect(
            pack == [
                #"[{"bn":"ruhrort-017/","bt":1795277045.25,"format":1,"stream":"0198c0de-0000-7000-8000-000000000001","sequence":1042,"devices":"00c0ffee00c0ffee","clock":"holdover","n":"feeder-a/active_power","u":"V","v":230.1,"number":1}]"#
            ])
    }

    @Test func `an untrusted clock names no time, in a way that no receiver may overlook`() {
        let pack = text(batch(.readings([reading(n: 1, value: decimal("1"))])), context(.unsynchronised))[0]
        #expect(pack.contains(#""clock":"unsynchronised","boot":"boot-1""#))
        #expect(pack.contains(#""uptime_":245.25"#))
        #expect(!pack.contains("\"bt\"") && !pack.contains("\"t\""))
    }

    @Test(arguments: [
        ("W", "1234.5", "W", "1234.5"), ("kW", "1.2345", "W", "1234.5"), ("MW.h", "12.5", "kWh", "12500"),
        ("W.h", "7", "Wh", "7"), ("GJ", "3.123", "J", "3123000000"), ("L", "1.5", "m3", "0.0015"),
        ("bar", "1.013", "Pa", "101300"), ("%", "33.3", "/", "0.333"), ("1", "0.98", "/", "0.98"),
        ("kV.A.h", "2", "kVAh", "2"), ("Mvar.h", "0.001", "kvarh", "1"), ("L/s", "2", "m3/s", "0.002"),
        ("Cel", "-4.5", "Cel", "-4.5"), ("[ppm]", "400", "/", "0.0004"), ("V.A.h", "1500", "kVAh", "1.5"),
    ])
    func `a unit goes by its SenML name and its value loses no digit`(
        unit: String, value: String, name: String, sent: String
    ) {
        let pack = text(batch(.readings([reading(n: 1, value: decimal(value), unit: unit)])))[0]
        #expect(pack.contains("\"u\":\"\(name)\",\"v\":\(sent),"), "\(pack)")
    }

    @Test func `a unit that SenML does not know stands beside the value`() {
        for unit in Unit.all where SenMLUnit.bySymbol[unit.symbol] == nil {
            let pack = text(batch(.readings([reading(n: 1, value: decimal("5"), unit: unit.symbol)])))[0]
            #expect(pack.contains("\"unit\":\"\(unit.symbol)\",\"v\":5,"), "\(pack)")
        }
    }

    @Test func `a name holds what SenML allows, whatever a driver calls its points`() {
        let pack = text(batch(.readings([reading("d", "höhe /x", n: 1, value: decimal("5"), unit: "m")])))[0]
        #expect(pack.contains(#""n":"d/h:c3:b6he:20:2fx""#), "\(pack)")
    }

    @Test func `a large batch is cut alike in both forms and at every hour, and nothing is lost`() {
        let large = batch(
            .readings((1...2500).map { reading(n: $0, value: .text("\u{7F}" + String(repeating: "x", count: 50))) }))
        var cuts: Set<[Int]> = []
        for form in [SenMLEncoding.Form.json, .cbor] {
            for quality in ClockQuality.allCases {
                let messages = SenMLEncoding(form).encode(batch: large, context: context(quality))
                cuts.insert(messages.map(\.count))
                #expect(messages.map(\.part) == Array(1...messages.count))
                #expect(
                    messages.allSatisfy { $0.parts == messages.count && $0.payload.count <= JSONEncoding.mostBytes })
            }
        }
        #expect(cuts.count == 1)
        #expect(cuts.first?.reduce(0, +) == 2500)
        #expect((cuts.first?.count ?? 0) > 2)
    }

    @Test(arguments: [SenMLEncoding.Form.json, .cbor])
    func `events and results go as the encoding json has them, and a selection holds`(form: SenMLEncoding.Form) {
        let events = batch(.events([Event(kind: "restart", severity: .info, occurred: BootInstant(nanoseconds: 7))]))
        let results = batch(
            .results([CommandResult(id: "i", device: "d", status: .applied, finished: BootInstant(nanoseconds: 9))]))
        for batch in [events, results] {
            #expect(
                SenMLEncoding(form).encode(batch: batch, context: context())
                    == JSONEncoding().encode(batch: batch, context: context()))
        }
        let lamps = SenMLEncoding(form).encode(batch: Self.everyKind, context: context(devices: ["lamp-001"]))
        #expect(lamps.map(\.count) == [2])
        #expect(SenMLEncoding(form).encode(batch: Self.everyKind, context: context(devices: ["none"])).isEmpty)
    }

    @Test func `the media types are the registered ones`() {
        for (form, type) in [(SenMLEncoding.Form.json, "application/senml+json"), (.cbor, "application/senml+cbor")] {
            #expect(SenMLEncoding(form).encode(batch: threeReadings, context: context())[0].contentType == type)
        }
    }

    /// RFC 8949, appendix A, and its decimal fraction of 3.4.4.
    @Test(arguments: [
        ("0", "00"), ("23", "17"), ("24", "1818"), ("255", "18ff"), ("256", "190100"), ("1000000", "1a000f4240"),
        ("1000000000000", "1b000000e8d4a51000"), ("9223372036854775807", "1b7fffffffffffffff"), ("-1", "20"),
        ("-1000", "3903e7"), ("-9223372036854775808", "3b7fffffffffffffff"), ("273.15", "c48221196ab3"),
        ("true", "f5"), ("false", "f4"), ("null", "f6"), ("\"IETF\"", "6449455446"), ("\"\u{fc}\"", "62c3bc"),
        ("[1,[2,3]]", "820182" + "0203"), (#"{"a":1,"b":[2,3]}"#, "a26161016162820203"), ("-0.05", "c4822124"),
    ])
    func `CBOR is written as its standard's examples`(json: String, bytes: String) throws {
        var cbor = CBORWriter()
        cbor.write(try JSONValue(parsing: Array(json.utf8)))
        var text = JSONBytes(reserving: 64)
        text.append(hexadecimal: cbor.bytes)
        #expect(String(decoding: text.bytes, as: UTF8.self) == bytes)
    }

    @Test(.enabled(if: Project.python != nil, "needs Python with senml and cbor2: set CANDELA_PYTHON"))
    func `independent decoders read both forms alike, and digit by digit`() async throws {
        let folder = TemporaryFolder("candela-senml")
        let numbers = ["0.1", "12345.67", "-0.000001", "9007199254740993", "9223372036854775807", "4e-21", "1e18"]
        let batches = [
            "kinds": Self.everyKind,
            "numbers": batch(
                .readings(numbers.enumerated().map { reading(n: UInt64($0.offset + 1), value: decimal($0.element)) })),
            "large": batch(.readings([reading(n: 1 << 60, value: decimal("1"))]), sequence: 1 << 60),
            "units": batch(
                .readings(
                    Unit.all.enumerated().map {
                        reading(n: UInt64($0.offset + 1), value: decimal("1.5"), unit: $0.element.symbol)
                    })),
        ]
        func write(_ name: String, _ batch: Batch, _ context: EncodingContext) {
            for (form, ending) in [(SenMLEncoding.Form.json, "json"), (.cbor, "cbor")] {
                let payload = SenMLEncoding(form).encode(batch: batch, context: context)[0].payload
                TestFiles.write(folder(name + "." + ending), bytes: payload)
            }
        }
        for (name, batch) in batches { write(name, batch, context()) }
        write("zz", Self.everyKind, context(.unsynchronised))
        let outcome = try await run(
            try #require(Project.python), [Project.root + "/Tests/UplinksTests/Python/senml_judge.py", folder.path])
        let lines = outcome.lines
        #expect(outcome.status == 0 && lines.first == "the RFC's examples are understood", "\(lines)")
        #expect(lines.filter { $0.contains("refused") } == ["zz|refused: uptime_ must be understood"])
        #expect(lines.filter { $0.hasPrefix("kinds|") }.count == 7)
        #expect(
            lines.contains {
                $0.hasPrefix("kinds|ruhrort-017/feeder-a/active_energy_import.T2|12345.67|kWh|1795277700.25|")
            })
        #expect(
            lines.contains(
                #"kinds|ruhrort-017/lamp-001/on|true|None|1795277045.25|{"number": 1}"#), "\(lines)")
        #expect(lines.filter { $0.hasPrefix("units|") }.count == Unit.all.count)
        let read = lines.filter { $0.hasPrefix("numbers|") }.map { $0.split(separator: "|")[2] }
        #expect(
            read == [
                "0.1", "12345.67", "-0.000001", "9007199254740993", "9223372036854775807",
                "0.000000000000000000004", "1000000000000000000",
            ])
        #expect(lines.contains { $0.hasPrefix("large|") && $0.contains("\"sequence\": \"1152921504606846976\"") })
    }
}
