import Telemetry
import Testing

@testable import Uplinks

/// Boot time 0 is 2026-11-21T16:00:00Z.
let epoch = UTCInstant("2026-11-21T16:00:00Z") ?? UTCInstant(seconds: 0)

func context(_ quality: ClockQuality = .synchronised, devices: Set<String>? = nil) -> EncodingContext {
    EncodingContext(gateway: "ruhrort-017", devicesRevision: "00c0ffee00c0ffee", devices: devices) { instant, _ in
        ResolvedTime(
            utc: quality == .unsynchronised ? nil : epoch.advanced(by: .nanoseconds(instant.nanoseconds)),
            quality: quality)
    }
}

func reading(
    _ device: String = "feeder-a", _ point: String = "active_power", n: UInt64, value: Value?, unit: String = "W",
    quality: Quality = .good
) -> Reading {
    Reading(
        device: device, point: point, n: n, acquired: BootInstant(nanoseconds: 245_250_000_000), value: value,
        unit: unit, quality: quality, keep: .telemetry)
}

func batch(_ content: Batch.Content, sequence: UInt64 = 1042) -> Batch {
    Batch(
        stream: "0198c0de-0000-7000-8000-000000000001", sequence: sequence, lane: .live, boot: "boot-1",
        content: content)
}

let threeReadings = batch(
    .readings([
        reading(n: 57_311, value: .number(ExactDecimal(mantissa: 12345, exponent: -1))),
        reading("feeder-a", "frequency", n: 57_312, value: nil, unit: "Hz", quality: .bad(.communication)),
        reading("lamp-001", "on", n: 1, value: .flag(true), unit: ""),
    ]))

struct JSONEncodingTests {
    private func text(_ batch: Batch, _ context: EncodingContext) -> [String] {
        JSONEncoding().encode(batch: batch, context: context).map { String(decoding: $0.payload, as: UTF8.self) }
    }

    @Test func `readings look as documented`() {
        #expect(
            text(threeReadings, context()) == [
                #"{"format":1,"gateway":"ruhrort-017","stream":"0198c0de-0000-7000-8000-000000000001","sequence":1042,"devices":"00c0ffee00c0ffee","readings":["#
                    + #"{"device":"feeder-a","point":"active_power","n":57311,"time":"2026-11-21T16:04:05.250Z","value":1234.5,"unit":"W","quality":"good"},"#
                    + #"{"device":"feeder-a","point":"frequency","n":57312,"time":"2026-11-21T16:04:05.250Z","value":null,"unit":"Hz","quality":"bad","reason":"communication"},"#
                    + #"{"device":"lamp-001","point":"on","n":1,"time":"2026-11-21T16:04:05.250Z","value":true,"quality":"good"}]}"#
            ])
    }

    @Test func `a window's value names its epoch, its period and what it is, and registers go as they came`() throws {
        func window(_ kind: ReadingPeriod.Kind, raw: [UInt8] = []) -> Reading {
            Reading(
                device: "feeder-a", point: "active_energy_import", n: 9,
                acquired: BootInstant(nanoseconds: 900_250_000_000),
                value: .number(ExactDecimal(mantissa: 1_234_567, exponent: -2)), unit: "kW.h", quality: .good,
                keep: .billing, epoch: 2, period: ReadingPeriod(start: 1_795_277_700, end: 1_795_278_600, kind: kind),
                raw: raw)
        }
        let document = try #require(
            text(batch(.readings([window(.register, raw: [0x43, 0x66, 0x33, 0xAB]), window(.average)])), context())
                .first)
        let start = #"{"device":"feeder-a","point":"active_energy_import","n":9,"time":"2026-11-21T16:15:00.250Z","#
        let middle =
            #""value":12345.67,"unit":"kW.h","quality":"good","epoch":2,"period":{"start":"2026-11-21T16:15:00.000Z","end":"2026-11-21T16:30:00.000Z"}"#
        #expect(document.contains(start + middle + #","raw":"436633ab"},"#))
        #expect(document.contains(start + middle + #","window":"average"}]}"#))
    }

    @Test func `numbers are written as their own description`() {
        var state: UInt64 = 77
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        for index in 0..<5_000 {
            let mantissa = Int64(bitPattern: next()) >> Int64(index % 64)
            let number = ExactDecimal(mantissa: mantissa, exponent: Int32(next() % 50) - 28)
            var json = JSONBytes(reserving: 1)
            json.append(number)
            #expect(String(decoding: json.bytes, as: UTF8.self) == number.description)
        }
        for mantissa in [0, 1, -1, .max, .min, 10, -100] as [Int64] {
            for exponent in [0, -1, -3, -18, -19, -24, -25, 2, 19] as [Int32] {
                let number = ExactDecimal(mantissa: mantissa, exponent: exponent)
                var json = JSONBytes(reserving: 1)
                json.append(number)
                #expect(String(decoding: json.bytes, as: UTF8.self) == number.description)
            }
        }
    }

    @Test func `names with quotes and control characters stay JSON`() throws {
        let odd = reading("a\"b\\c", "p\n", n: 1, value: .text("x\ty"), unit: "\u{7}")
        let document = try #require(text(batch(.readings([odd])), context()).first)
        let parsed = try JSONValue(parsing: Array(document.utf8))
        guard case .array(let items)? = parsed["readings"], let item = items.first else {
            Issue.record("no readings in \(document)")
            return
        }
        #expect(item["device"]?.text == "a\"b\\c" && item["point"]?.text == "p\n" && item["unit"]?.text == "\u{7}")
        #expect(item["value"]?.text == "x\ty")
    }

    @Test func `an untrusted clock is named, and its times are left out`() throws {
        let document = try #require(text(threeReadings, context(.unsynchronised)).first)
        #expect(document.contains(#""clock":"unsynchronised","boot":"boot-1""#))
        #expect(document.contains(#""n":57311,"uptime":245.250,"value""#))
        #expect(!document.contains("time\":\""))
    }

    @Test func `holdover is named with its times`() throws {
        let document = try #require(text(threeReadings, context(.holdover)).first)
        #expect(document.contains(#""clock":"holdover","readings""#))
        #expect(document.contains(#""time":"2026-11-21T16:04:05.250Z""#))
    }

    @Test func `events and results look as documented`() {
        let event = Event(
            id: "a7", kind: "lamp_failure", device: "lamp-001", severity: .alarm, active: true,
            detail: ["polls": 2], occurred: BootInstant(nanoseconds: 1_000_000_000))
        #expect(
            text(batch(.events([event])), context()).first?.hasSuffix(
                #""events":[{"time":"2026-11-21T16:00:01.000Z","kind":"lamp_failure","id":"a7","device":"lamp-001","severity":"alarm","active":true,"detail":{"polls":2}}]}"#
            ) == true)
        let result = CommandResult(
            id: "c\"1", device: "lamp-001", status: .verified, value: .number(ExactDecimal(60)), unit: "%",
            finished: BootInstant(nanoseconds: 0))
        let messages = JSONEncoding().encode(batch: batch(.results([result])), context: context())
        let item =
            #"{"time":"2026-11-21T16:00:00.000Z","id":"c\"1","device":"lamp-001","status":"verified","value":60,"unit":"%"}"#
        #expect(String(decoding: messages[0].payload, as: UTF8.self).hasSuffix("\"results\":[\(item)]}"))
        #expect(messages[0].topicSuffix == "results")
        #expect(messages[0].responses == [CommandResponse(id: "c\"1", payload: Array(item.utf8))])
    }

    @Test(arguments: [
        (ExactDecimal(1 << 53), "9007199254740992"), (ExactDecimal(1 << 53 + 1), "\"9007199254740993\""),
        (ExactDecimal(mantissa: 1, exponent: 17), "\"100000000000000000\""),
        (ExactDecimal(mantissa: -90_071_992_547_409_931, exponent: -1), "-9007199254740993.1"),
        (ExactDecimal(mantissa: 1_234_567, exponent: -2), "12345.67"),
    ])
    func `numbers are exact, and integers that JSON readers would round are strings`(number: ExactDecimal, text: String)
    {
        let document = self.text(batch(.readings([reading(n: 1, value: .number(number))])), context()).first ?? ""
        #expect(document.contains("\"value\":\(text),"))
    }

    @Test func `a selection leaves out whole devices and keeps the gateway's own events`() throws {
        #expect(JSONEncoding().encode(batch: threeReadings, context: context(devices: ["other"])).isEmpty)
        let chosen = JSONEncoding().encode(batch: threeReadings, context: context(devices: ["lamp-001"]))
        #expect(chosen.map(\.count) == [1])
        let events = batch(
            .events([
                Event(kind: "clock", severity: .info, occurred: BootInstant(nanoseconds: 0)),
                Event(kind: "x", device: "feeder-a", severity: .info, occurred: BootInstant(nanoseconds: 0)),
            ]))
        #expect(JSONEncoding().encode(batch: events, context: context(devices: ["lamp-001"])).map(\.count) == [1])
    }

    @Test func `results of an uplink's own commands reach it whatever it may see`() {
        let results = batch(
            .results([
                CommandResult(id: "mine", device: "x", status: .rejected, finished: BootInstant(nanoseconds: 0)),
                CommandResult(id: "other", device: "x", status: .verified, finished: BootInstant(nanoseconds: 0)),
            ]))
        var own = context(devices: ["lamp-001"])
        own.isOwnCommand = { $0 == "mine" }
        #expect(JSONEncoding().encode(batch: results, context: own).map(\.count) == [1])
    }

    @Test func `a large batch is cut at a thousand or at 128 KB, each reading once and in order`() throws {
        let few = (1...2500).map { reading("d", "p", n: UInt64($0), value: .flag(true), unit: "") }
        let small = JSONEncoding().encode(batch: batch(.readings(few)), context: context())
        #expect(small.map(\.count) == [1000, 1000, 500])
        #expect(small.map(\.part) == [1, 2, 3])
        #expect(small.allSatisfy { $0.parts == 3 })
        let long = String(repeating: "ü", count: 300)
        let many = (1...900).map { reading("d", "p", n: UInt64($0), value: .text(long)) }
        let large = JSONEncoding().encode(batch: batch(.readings(many)), context: context())
        #expect(
            large.allSatisfy {
                $0.payload.count <= JSONEncoding.mostBytes && $0.payload.count > 100_000 || $0.part == $0.parts
            })
        var next: Int64 = 1
        for message in large {
            let document = try JSONValue(parsing: message.payload)
            guard case .array(let items)? = document["readings"] else { continue }
            for item in items {
                #expect(item["n"]?.number?.integer == next)
                next += 1
            }
        }
        #expect(next == 901)
    }

    @Test func `cuts do not move when the clock becomes right`() {
        let many = (1...1800).map {
            reading(
                "feeder-\($0 % 7)", "active_power.L\($0 % 3)", n: UInt64($0 * 977),
                value: .number(ExactDecimal(Int64($0))))
        }
        let before = JSONEncoding().encode(batch: batch(.readings(many)), context: context(.unsynchronised)).map(
            \.count)
        let after = JSONEncoding().encode(batch: batch(.readings(many)), context: context(.synchronised)).map(\.count)
        #expect(before == after)
        #expect(before.count > 1)
    }

    @Test func `a revision changes with what the devices are`() {
        var directory = DeviceDirectory(gateway: "g", devices: [sampleDevice])
        let first = directory.revision
        #expect(first.utf8.count == 16)
        #expect(directory.document().revision == first)
        #expect(directory.document(selection: []).revision == first)
        directory.devices[0].serial = "4711"
        #expect(directory.revision != first)
    }
}

let sampleDevice = DeviceDirectory.Device(
    name: "feeder-a", was: ["old"], bus: "meters", driver: "modbus", profile: "eastron-sdm630", profileVersion: "1",
    labels: [.init("metering_point", "DE00123")], serial: "12345678", groups: ["north"],
    points: [
        PointDescriptor(
            name: "active_energy_import", kind: .counter, unit: "kW.h", rollover: ExactDecimal(10_000_000),
            obis: "1-0:1.8.0"),
        PointDescriptor(
            name: "level", kind: .gauge, unit: "%", isWritable: true, minimum: .zero, maximum: ExactDecimal(100)),
    ], extra: [.init("rating", "63 A")])
