public import Telemetry

/// Reads the messages of the command topic. What it lets through is well-formed, no more: who may command what, and whether it
/// has expired, is the command router's business.
public struct CommandDecoder: Sendable {
    /// A command has some hundred bytes; what is longer is none.
    public static let largestPayload = 64 * 1024
    public static let longestID = 128
    public static let longestText = 256
    /// Commands must not lie in wait longer than a day.
    public static let farthestExpiry: Duration = .seconds(86_400)
    /// Head-end and gateway may disagree on the time by that much without a command of exactly 24 h being refused.
    public static let clockAllowance: Duration = .seconds(60)
    /// An override that lasts longer than a month is a change of the calendar.
    public static let longestOverride: Duration = .seconds(31 * 86_400)

    public init() {}

    /// - Parameters:
    ///   - retained: whether the broker kept the message from an earlier time.
    ///   - now: UTC while the clock is trusted; nil: how far `expires` lies ahead is not checked.
    ///   - messageExpirySeconds: the MQTT 5 message expiry that is left.
    public func decode(
        _ payload: some Collection<UInt8>, retained: Bool, now: UTCInstant?, messageExpirySeconds: UInt32?
    ) -> Result<Command, CommandRejection> {
        guard payload.count <= Self.largestPayload else {
            return .failure(
                CommandRejection(
                    id: nil, reason: .tooLarge,
                    detail: "the message has \(payload.count) bytes; a command has at most \(Self.largestPayload)"))
        }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: payload)
        } catch {
            return .failure(CommandRejection(id: nil, reason: .malformed, detail: "no JSON document: \(error)"))
        }
        var fields = CommandFields(document: document)
        do throws(CommandRejection) {
            return .success(
                try fields.command(retained: retained, now: now, hasBrokerExpiry: messageExpirySeconds != nil))
        } catch {
            return .failure(error)
        }
    }
}

/// One command document while it is read; it remembers id and target for a rejection.
private struct CommandFields {
    let document: JSONValue
    var id: String?
    var target: Command.Target?

    init(document: JSONValue) { self.document = document }

    func reject(_ detail: String, _ reason: CommandRejection.Reason = .malformed) -> CommandRejection {
        CommandRejection(id: id, target: target, reason: reason, detail: detail)
    }

    mutating func command(retained: Bool, now: UTCInstant?, hasBrokerExpiry: Bool) throws(CommandRejection) -> Command {
        guard case .object = document else { throw reject("a command is a JSON object") }
        guard let id = try text("id", longest: CommandDecoder.longestID) else {
            throw reject("id is missing: a text of 1 to \(CommandDecoder.longestID) characters, unique per command")
        }
        self.id = id
        target = try readTarget()
        guard let target else { throw reject("device or group is missing") }
        // Said only now, so that the sender gets a result with its id.
        guard !retained else {
            throw reject("commands must not be retained: this one would be obeyed again at each connect", .retained)
        }
        guard let word = try text("action", longest: 16) else {
            throw reject("action is missing: set, release or read")
        }
        guard let action = Command.Action(rawValue: word) else {
            throw reject("action \"\(printable(word))\" is unknown; expected set, release or read")
        }
        let point = try readPoint(action)
        let value = try readValue(action)
        let unit = try text("unit", longest: 32)
        let expires = try readExpiry(action, now: now, hasBrokerExpiry: hasBrokerExpiry)
        let duration = try readDuration(action)
        return Command(
            id: id, target: target, action: action, point: point, value: value, unit: unit, expires: expires,
            duration: duration)
    }

    /// Nil when the key is absent or null.
    private func member(_ key: String) -> JSONValue? {
        guard let value = document[key], value != .null else { return nil }
        return value
    }

    private func text(_ key: String, longest: Int) throws(CommandRejection) -> String? {
        guard let value = member(key) else { return nil }
        guard case .string(let text) = value else { throw reject("\(key) must be a text") }
        let hasControl = text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        guard !text.isEmpty, text.utf8.count <= longest, !hasControl else {
            throw reject("\(key) must have 1 to \(longest) bytes of text, without control characters")
        }
        return text
    }

    private func readTarget() throws(CommandRejection) -> Command.Target? {
        let device = try text("device", longest: 64)
        let group = try text("group", longest: 64)
        switch (device, group) {
        case (let device?, nil): return .device(device)
        case (nil, let group?): return .group(group)
        case (nil, nil): return nil
        default: throw reject("device and group exclude each other")
        }
    }

    private func readPoint(_ action: Command.Action) throws(CommandRejection) -> String {
        if let point = try text("point", longest: 128) { return point }
        // Only overrides of lamps can be released, and those are overrides of the level.
        guard action == .release else { throw reject("point is missing, for example level") }
        return "level"
    }

    private func readValue(_ action: Command.Action) throws(CommandRejection) -> Value? {
        guard let member = member("value") else {
            guard action != .set else { throw reject("value is missing: a number, true, false or a text") }
            return nil
        }
        guard action == .set else { throw reject("value makes sense with set only") }
        switch member {
        case .number(let number): return .number(number)
        case .bool(let flag): return .flag(flag)
        case .string:
            return try text("value", longest: CommandDecoder.longestText).map { .text($0) }
        default: throw reject("value must be a number, true, false or a text")
        }
    }

    private func readExpiry(
        _ action: Command.Action, now: UTCInstant?, hasBrokerExpiry: Bool
    ) throws(CommandRejection) -> UTCInstant? {
        guard let text = try text("expires", longest: 64) else {
            guard action != .set || hasBrokerExpiry else {
                throw reject(
                    "expires is missing: a time such as 2026-11-21T16:10:00Z, at most 24 h ahead (or an MQTT 5 message expiry)",
                    .expiryMissing)
            }
            return nil
        }
        guard let expires = UTCInstant(text), CivilTime(expires).year >= 1970 else {
            throw reject("expires \"\(printable(text))\" is no time; expected one such as 2026-11-21T16:10:00Z")
        }
        if let now, expires > now.advanced(by: CommandDecoder.farthestExpiry + CommandDecoder.clockAllowance) {
            throw reject("expires \(expires) is more than 24 h ahead of \(now)", .expiryTooFar)
        }
        return expires
    }

    private func readDuration(_ action: Command.Action) throws(CommandRejection) -> Duration? {
        guard let text = try text("for", longest: 32) else { return nil }
        guard action == .set else { throw reject("for makes sense with set only") }
        guard let duration = Duration(commandText: text), duration > .zero, duration <= CommandDecoder.longestOverride
        else { throw reject("for \"\(printable(text))\" is no duration such as 90s, 30min, 2h or 1d, at most 31d") }
        return duration
    }

    /// What a stranger sent, short enough for a log line.
    private func printable(_ text: String) -> String { String(text.prefix(40)) }
}

extension Duration {
    /// `500ms`, `90s`, `30min`, `2h`, `1.5h`, `1d`: one number and one unit.
    fileprivate init?(commandText text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let nanosecondsPerUnit: Int64? =
            switch text.dropFirst(digits.count) {
            case "ms": 1_000_000
            case "s": 1_000_000_000
            case "min": 60_000_000_000
            case "h": 3_600_000_000_000
            case "d": 86_400_000_000_000
            default: nil
            }
        guard let nanosecondsPerUnit, let number = ExactDecimal(digits),
            let whole = number.multiplied(by: ExactDecimal(nanosecondsPerUnit))?.integer
        else { return nil }
        self = .nanoseconds(whole)
    }
}
