import ControlProtocol
import Telemetry

/// How numbers and states are written for people.
enum Formats {
    /// `41 %` of thousandths.
    static func percent(permille: UInt32) -> String { "\((permille + 5) / 10) %" }

    static func bytes(_ count: UInt64) -> String {
        let units = ["B", "kB", "MB", "GB"]
        var value = Double(count)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(oneDecimal(value)) \(units[unit])"
    }

    static func oneDecimal(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "?" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
    }

    /// `00:01:23` or `3 d 04:05`.
    static func span(seconds: UInt64) -> String {
        let (days, rest) = (seconds / 86_400, Int(seconds % 86_400))
        if days > 0 { return "\(days) d \(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2))" }
        return "\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))"
    }

    /// `2.1 s ago`, `never`.
    static func age(_ seconds: Double) -> String {
        if seconds < 0 { return "never" }
        return seconds < 120 ? "\(oneDecimal(seconds)) s ago" : "\(span(seconds: UInt64(seconds))) ago"
    }

    /// `230.1 V`, `true`, `bad (communication)`.
    static func value(_ point: ControlPointValue) -> String {
        if point.quality == "bad" { return "bad" + (point.reason.isEmpty ? "" : " (\(point.reason))") }
        if point.quality == "unknown" { return "-" }
        var text = plain(point.value)
        if !point.unit.isEmpty, point.unit != "1" { text += " " + point.unit }
        if point.quality == "uncertain" { text += " uncertain" + (point.reason.isEmpty ? "" : " (\(point.reason))") }
        return text
    }

    /// A JSON value without the quotes of a text.
    static func plain(_ json: String) -> String {
        guard json.hasPrefix("\""), case .string(let text)? = try? JSONValue(parsing: json) else { return json }
        return text
    }

    /// `12 of 3450 (0.3 %)`.
    static func failures(_ failures: UInt64, of requests: UInt64) -> String {
        guard requests > 0 else { return "-" }
        return "\(failures) of \(requests) (\(oneDecimal(Double(failures) * 100 / Double(requests))) %)"
    }

    static func clock(_ status: ControlStatus) -> String {
        var text = status.clock
        if status.clockSource != "none" { text += " (\(status.clockSource)" + (status.clockErrorMs >= 0 ? ", ±\(error(status.clockErrorMs))" : "") + ")" }
        return text
    }

    private static func error(_ milliseconds: Int64) -> String {
        milliseconds < 1000 ? "\(milliseconds) ms" : "\(oneDecimal(Double(milliseconds) / 1000)) s"
    }
}
