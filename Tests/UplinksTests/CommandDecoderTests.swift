import Telemetry
import Testing

@testable import Uplinks

private let now = UTCInstant("2026-11-21T16:00:00Z")

struct CommandDecoderTests {
    private func decode(
        _ text: String, retained: Bool = false, now moment: UTCInstant? = now, expiry: UInt32? = nil
    ) -> Result<Command, CommandRejection> {
        CommandDecoder().decode(Array(text.utf8), retained: retained, now: moment, messageExpirySeconds: expiry)
    }

    @Test func `a command is read with all its fields`() throws {
        let command = try decode(
            #"{"id":"c1","device":"lamp-001","action":"set","point":"level","value":60,"unit":"%","expires":"2026-11-21T17:00:00+00:30","for":"2h","note":"ignored"}"#
        ).get()
        #expect(
            command
                == Command(
                    id: "c1", target: .device("lamp-001"), action: .set, point: "level",
                    value: .number(ExactDecimal(60)), unit: "%", expires: UTCInstant("2026-11-21T16:30:00Z"),
                    duration: .seconds(7200)))
    }

    @Test(
        arguments: [
            ("500ms", 500), ("90s", 90_000), ("30min", 1_800_000), ("1.5h", 5_400_000), ("31d", 2_678_400_000),
        ] as [(String, Int64)])
    func `durations carry their unit`(text: String, milliseconds: Int64) throws {
        let command = try decode(
            #"{"id":"c","group":"g","action":"set","point":"level","value":1,"expires":"2026-11-21T16:01:00Z","for":"\#(text)"}"#
        ).get()
        #expect(command.duration == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        ("true", Value.flag(true)), ("\"dim\"", .text("dim")),
        ("12.50", .number(ExactDecimal(mantissa: 125, exponent: -1))),
    ])
    func `values keep their kind`(text: String, value: Value) throws {
        let command = try decode(
            #"{"id":"c","group":"g","action":"set","point":"x","value":\#(text),"expires":"2026-11-21T16:01:00Z"}"#
        ).get()
        #expect(command.value == value)
    }

    @Test func `release needs neither point nor expiry`() throws {
        let command = try decode(#"{"id":"c","device":"lamp-1","action":"release"}"#).get()
        #expect(command.point == "level")
        #expect(command.expires == nil)
    }

    @Test func `the broker's expiry stands in for a missing one, and an untrusted clock judges none`() throws {
        let text = #"{"id":"c","device":"l","action":"set","point":"level","value":1}"#
        #expect(throws: Never.self) { try decode(text, now: nil, expiry: 300).get() }
        let far = #"{"id":"c","device":"l","action":"set","point":"level","value":1,"expires":"2030-01-01T00:00:00Z"}"#
        #expect(throws: Never.self) { try decode(far, now: nil).get() }
    }

    static let set = #""action":"set","point":"level","value":1,"expires":"2026-11-21T16:01:00Z""#

    @Test(arguments: [
        ("", CommandRejection.Reason.malformed, false), ("null", .malformed, false), ("[]", .malformed, false),
        ("\u{0}", .malformed, false), ("{", .malformed, false), (#"{"id":1}"#, .malformed, false),
        (#"{"id":""}"#, .malformed, false), (#"{"id":"a\u0000b","device":"d",\#(set)}"#, .malformed, false),
        (#"{"id":"\#(String(repeating: "x", count: 129))","device":"d",\#(set)}"#, .malformed, false),
        (#"{"id":"a","id":"b","device":"d",\#(set)}"#, .malformed, false),
        (#"{"id":"a",\#(set)}"#, .malformed, true), (#"{"id":"a","device":"d","group":"g",\#(set)}"#, .malformed, true),
        (#"{"id":"a","device":7,\#(set)}"#, .malformed, true),
        (#"{"id":"a","device":"d","action":"explode"}"#, .malformed, true),
        (#"{"id":"a","device":"d","action":"set","point":"level","expires":"2026-11-21T16:01:00Z"}"#, .malformed, true),
        (#"{"id":"a","device":"d","action":"set","point":"level","value":1}"#, .expiryMissing, true),
        (
            #"{"id":"a","device":"d","action":"set","point":"level","value":{},"expires":"2026-11-21T16:01:00Z"}"#,
            .malformed, true
        ),
        (
            #"{"id":"a","device":"d","action":"set","point":"level","value":1e99999999999,"expires":"2026-11-21T16:01:00Z"}"#,
            .malformed, false
        ),
        (
            #"{"id":"a","device":"d","action":"set","point":"level","value":1,"expires":"2026-11-22T16:02:00Z"}"#,
            .expiryTooFar, true
        ),
        (
            #"{"id":"a","device":"d","action":"set","point":"level","value":1,"expires":"9999-12-31T23:59:59Z"}"#,
            .malformed, true
        ),
        (#"{"id":"a","device":"d","action":"set","point":"level","value":1,"expires":"tomorrow"}"#, .malformed, true),
        (#"{"id":"a","device":"d","action":"set","point":"level","value":1,"expires":12}"#, .malformed, true),
        (#"{"id":"a","device":"d","action":"read","point":"level","value":1}"#, .malformed, true),
        (#"{"id":"a","device":"d",\#(set),"for":"2"}"#, .malformed, true),
        (#"{"id":"a","device":"d",\#(set),"for":"0s"}"#, .malformed, true),
        (#"{"id":"a","device":"d",\#(set),"for":"32d"}"#, .malformed, true),
        (#"{"id":"a","device":"d",\#(set),"for":"99999999999999999d"}"#, .malformed, true),
        (#"{"id":"a","device":"d",\#(set),"for":"-1h"}"#, .malformed, true),
        (String(repeating: "[", count: 60_000), .malformed, false),
        (String(repeating: " ", count: 65_537), .tooLarge, false),
    ])
    func `hostile and wrong commands are rejected, with the id where there is one`(
        text: String, reason: CommandRejection.Reason, hasID: Bool
    ) {
        guard case .failure(let rejection) = decode(text) else {
            Issue.record("accepted: \(text.prefix(100))")
            return
        }
        #expect(rejection.reason == reason)
        #expect((rejection.id != nil) == hasID)
        #expect((rejection.result(finished: BootInstant(nanoseconds: 0)) != nil) == hasID)
        #expect(rejection.detail.utf8.count < 300, "what a stranger sent must not fill the log")
    }

    @Test func `a retained command is refused with a result`() {
        guard case .failure(let rejection) = decode(#"{"id":"a","device":"d",\#(Self.set)}"#, retained: true) else {
            Issue.record("accepted")
            return
        }
        #expect(rejection.reason == .retained)
        let result = rejection.result(finished: BootInstant(nanoseconds: 5))
        #expect(result?.device == "d")
        #expect(result?.status == .rejected)
    }

    @Test func `no damaged command crashes the decoder`() {
        let whole = Array(
            #"{"id":"a","device":"d","action":"set","point":"level","value":1.5e2,"expires":"2026-11-21T16:01:00Z","for":"2h"}"#
                .utf8)
        var generator: UInt64 = 42
        func random(_ bound: Int) -> Int {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(generator >> 33) % bound
        }
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0...random(4) {
                switch random(3) {
                case 0: bytes[random(bytes.count)] = UInt8(random(256))
                case 1: bytes.remove(at: random(bytes.count))
                default: bytes.insert(UInt8(random(256)), at: random(bytes.count))
                }
            }
            let result = CommandDecoder().decode(bytes, retained: false, now: now, messageExpirySeconds: nil)
            if case .success(let command) = result { #expect(!command.id.isEmpty) }
        }
    }
}
