import Configuration
public import Telemetry
import Testing

@testable import Runtime

struct CommandCheckTests {
    static let now = CivilTime(year: 2026, month: 11, day: 21, hour: 20).instant

    func command(_ action: Command.Action = .set, expires: UTCInstant? = nil) -> Command {
        Command(
            id: "1", target: .device("lamp-001"), action: action, point: "level", value: .number(60), unit: "%",
            expires: expires)
    }

    struct TimeCase: Sendable, CustomTestStringConvertible {
        let action: Command.Action
        let expiresIn: Duration?
        let trusted: Bool
        let broker: Duration?
        let refusal: String?
        var testDescription: String {
            "\(action) expires \(String(describing: expiresIn)) trusted \(trusted) broker \(String(describing: broker))"
        }
    }

    @Test(arguments: [
        TimeCase(action: .set, expiresIn: .seconds(60), trusted: true, broker: nil, refusal: nil),
        TimeCase(action: .set, expiresIn: .seconds(0), trusted: true, broker: nil, refusal: "expired"),
        TimeCase(action: .set, expiresIn: .seconds(-1), trusted: true, broker: .seconds(60), refusal: "expired"),
        TimeCase(action: .read, expiresIn: .seconds(-1), trusted: true, broker: nil, refusal: "expired"),
        TimeCase(action: .set, expiresIn: .seconds(60), trusted: false, broker: nil, refusal: "clockUntrusted"),
        TimeCase(action: .set, expiresIn: nil, trusted: false, broker: .seconds(600), refusal: nil),
        TimeCase(action: .set, expiresIn: nil, trusted: false, broker: .seconds(601), refusal: "clockUntrusted"),
        TimeCase(action: .release, expiresIn: nil, trusted: false, broker: nil, refusal: nil),
        TimeCase(action: .read, expiresIn: nil, trusted: false, broker: nil, refusal: nil),
    ])
    func `a command is obeyed only while it is in force`(row: TimeCase) {
        let expires = row.expiresIn.map { Self.now.advanced(by: $0) }
        var word: String?
        do throws(CommandCheck.Refusal) {
            try CommandCheck.time(
                command(row.action, expires: expires), now: Self.now, clockIsTrusted: row.trusted,
                brokerExpiry: row.broker)
        } catch {
            word = error.word
        }
        #expect(word == row.refusal)
    }

    static let level = PointDescriptor(
        name: "level", kind: .gauge, unit: "%", isWritable: true, minimum: .zero, maximum: ExactDecimal(100))
    static let relay = PointDescriptor(name: "relay", kind: .state, unit: "", isWritable: true)
    static let limit = PointDescriptor(name: "power_limit", kind: .gauge, unit: "W", isWritable: true)
    static let energy = PointDescriptor(name: "active_energy_import", kind: .counter, unit: "kW.h")

    struct ValueCase: Sendable {
        let point: PointDescriptor
        let value: Value?
        let unit: String?
        /// The value that is sent, or the word of the refusal.
        let outcome: String
    }

    @Test(arguments: [
        ValueCase(point: level, value: .number(60), unit: "%", outcome: "60"),
        ValueCase(point: level, value: .number(60), unit: nil, outcome: "60"),
        ValueCase(point: level, value: .number(ExactDecimal(mantissa: 5, exponent: -1)), unit: "1", outcome: "50"),
        ValueCase(point: level, value: .number(101), unit: "%", outcome: "outOfRange"),
        ValueCase(
            point: level, value: .number(ExactDecimal(mantissa: -1, exponent: -3)), unit: "%", outcome: "outOfRange"),
        ValueCase(point: level, value: .number(60), unit: "W", outcome: "wrongUnit"),
        ValueCase(point: level, value: .text("bright"), unit: nil, outcome: "wrongType"),
        ValueCase(point: level, value: nil, unit: nil, outcome: "valueMissing"),
        ValueCase(point: relay, value: .flag(true), unit: nil, outcome: "true"),
        ValueCase(point: limit, value: .number(ExactDecimal(mantissa: 15, exponent: -1)), unit: "kW", outcome: "1500"),
        ValueCase(point: energy, value: .number(0), unit: "kW.h", outcome: "notWritable"),
    ])
    func `a value must fit its point, and arrives in the point's unit`(row: ValueCase) {
        do throws(CommandCheck.Refusal) {
            let sent = try CommandCheck.value(row.value, unit: row.unit, for: row.point)
            #expect(sent == TypedValue.parse(row.outcome)?.value)
        } catch {
            #expect(error.word == row.outcome)
            #expect(!error.explanation.isEmpty)
        }
    }

    @Test(
        arguments: [
            ("60", Value.number(60), nil), ("60%", .number(60), "%"), ("60 %", .number(60), "%"),
            ("1.5 kW", .number(ExactDecimal(mantissa: 15, exponent: -1)), "kW"), ("true", .flag(true), nil),
            ("night", .text("night"), nil), ("-3", .number(-3), nil),
        ] as [(String, Value, String?)])
    func `what a person types is understood`(text: String, value: Value, unit: String?) throws {
        let parsed = try #require(TypedValue.parse(text))
        #expect(parsed.value == value)
        #expect(parsed.unit == unit)
    }

    @Test func `a number with something behind it that is no unit is refused`() {
        #expect(TypedValue.parse("60 quux") == nil)
        #expect(TypedValue.parse("") == nil)
    }
}

extension ExactDecimal: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int64) { self.init(value) }
}

struct CommandOriginTests {
    @Test func `an override says which command placed it, and no other command is taken for that one`() {
        let author = CommandOrigin.author("uplink head-end", command: "c-1")
        #expect(author.hasPrefix("uplink head-end"))
        #expect(CommandOrigin.isAuthor(author, of: "c-1"))
        #expect(!CommandOrigin.isAuthor(author, of: "1"))
        #expect(!CommandOrigin.isAuthor("cli uid 0", of: "c-1"))
    }
}
