import Telemetry

/// One message as it came from the broker.
struct Message: Sendable, Hashable {
    let topic: String
    let retained: Bool
    let body: JSONValue

    /// The last part of the topic: readings, events, results, state, devices, alarms.
    var suffix: String { topic.split(separator: "/").last.map(String.init) ?? topic }
    var stream: String { body["stream"]?.text ?? "" }
    var sequence: Int { body["sequence"]?.integer ?? -1 }
    /// 1 where the batch was not cut.
    var part: Int { body["part"]?.integer ?? 1 }

    var readings: [ReceivedReading] { (body["readings"]?.items ?? []).map { ReceivedReading($0, of: self) } }
    var events: [ReceivedEvent] { (body["events"]?.items ?? []).map { ReceivedEvent($0, of: self) } }
}

struct ReceivedReading: Sendable, Hashable, CustomStringConvertible {
    let stream: String
    let sequence: Int
    let device: String
    let point: String
    let n: Int
    /// Acquisition time as text; compare with ``moment``.
    let time: String
    let value: JSONValue
    let unit: String?
    let quality: String
    let reason: String?
    let epoch: Int?
    /// Of a window: UTC texts.
    let period: (start: String, end: String)?
    let window: String?
    let raw: String?

    static func == (a: ReceivedReading, b: ReceivedReading) -> Bool {
        a.stream == b.stream && a.sequence == b.sequence && a.device == b.device && a.n == b.n && a.value == b.value
            && a.description == b.description
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(stream)
        hasher.combine(device)
        hasher.combine(n)
    }

    init(_ json: JSONValue, of message: Message) {
        stream = message.stream
        sequence = message.sequence
        device = json["device"]?.text ?? ""
        point = json["point"]?.text ?? ""
        n = json["n"]?.integer ?? -1
        time = json["time"]?.text ?? ""
        value = json["value"] ?? .null
        unit = json["unit"]?.text
        quality = json["quality"]?.text ?? ""
        reason = json["reason"]?.text
        epoch = json["epoch"]?.integer
        window = json["window"]?.text
        raw = json["raw"]?.text
        if let start = json["period"]?["start"]?.text, let end = json["period"]?["end"]?.text {
            period = (start, end)
        } else {
            period = nil
        }
    }

    /// Seconds since midnight UTC, from `time`; tests that run across midnight get a day less, and say so by failing once.
    var moment: Double { secondsOfDay(time) }
    var isGood: Bool { quality == "good" }
    var description: String {
        "\(device).\(point) n=\(n) \(time) \(value) \(unit ?? "") \(quality) \(reason ?? "") [\(sequence)]"
            + (epoch.map { " epoch \($0)" } ?? "") + (period.map { " \($0.start)..\($0.end)" } ?? "")
    }
}

struct ReceivedEvent: Sendable, Hashable, CustomStringConvertible {
    let stream: String
    let sequence: Int
    let kind: String
    let time: String
    let device: String?
    let active: Bool?
    let severity: String
    let detail: JSONValue
    let whole: JSONValue

    init(_ json: JSONValue, of message: Message) {
        stream = message.stream
        sequence = message.sequence
        kind = json["kind"]?.text ?? ""
        time = json["time"]?.text ?? ""
        device = json["device"]?.text
        active = json["active"].flatMap { if case .bool(let flag) = $0 { flag } else { nil } }
        severity = json["severity"]?.text ?? ""
        detail = json["detail"] ?? .null
        whole = json
    }

    var moment: Double { secondsOfDay(time) }
    var description: String { "\(whole) [\(sequence)]" }
}

/// `2026-11-21T16:04:05.250Z` -> 57845.25
func secondsOfDay(_ time: String) -> Double {
    guard let clock = time.split(separator: "T").last?.split(separator: "Z").first else { return .nan }
    let parts = clock.split(separator: ":").compactMap { Double(String($0)) }
    return parts.count == 3 ? parts[0] * 3600 + parts[1] * 60 + parts[2] : .nan
}

extension JSONValue {
    var integer: Int? {
        if let text { return Int(text) }
        return number.flatMap { Int("\($0)") }
    }
    var items: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
}
