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
        if unit == 0 { return "\(count) B" }
        return (value < 100 ? oneDecimal(value) : String(UInt64(value.rounded()))) + " " + units[unit]
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

    /// Seconds since the device answered; a driver reports that only now and then, fresh values tell it better. -1: never.
    static func lastAnswer(_ device: ControlDeviceInfo) -> Double {
        let ages =
            device.points.filter { $0.quality == "good" || $0.quality == "uncertain" }.map(\.ageS) + [
                device.lastAnswerS
            ]
        return ages.filter { $0 >= 0 }.min() ?? -1
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
        if status.clockSource != "none" {
            text +=
                " (\(status.clockSource)" + (status.clockErrorMs >= 0 ? ", +/-\(error(status.clockErrorMs))" : "") + ")"
        }
        return text
    }

    private static func error(_ milliseconds: Int64) -> String {
        milliseconds < 1000 ? "\(milliseconds) ms" : "\(oneDecimal(Double(milliseconds) / 1000)) s"
    }

    /// `1 device`, `12 devices`.
    static func count(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
        "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    /// Without what could command a terminal: a device's text is a stranger's.
    static func clean(_ text: some StringProtocol) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return String(text) }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "?" : $0 }))
    }

    /// C0, DEL and C1.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    /// At most `width` characters; a cut one ends with a tilde.
    static func clip(_ text: String, _ width: Int) -> String {
        guard text.count > width else { return text }
        return width > 0 ? text.prefix(width - 1) + "~" : ""
    }

    /// Cut or filled up to exactly `width` characters.
    static func fit(_ text: String, _ width: Int) -> String {
        let clipped = clip(text, width)
        return clipped + String(repeating: " ", count: width - clipped.count)
    }

    /// `0.8 s`, `12 s`, `5 min`, `3 h`, `2 d`, `never`: never more than six characters for the first hundred days.
    static func shortAge(_ seconds: Double) -> String {
        switch seconds {
        case ..<0: "never"
        case ..<10: "\(oneDecimal(seconds)) s"
        case ..<120: "\(Int(seconds)) s"
        case ..<7_200: "\(Int(seconds / 60)) min"
        case ..<172_800: "\(Int(seconds / 3600)) h"
        case ..<8_640_000: "\(Int(seconds / 86_400)) d"
        default: "long"
        }
    }

    /// `2026-11-21T16:04:05.250Z` as `11-21 16:04:05Z`.
    static func shortTime(_ time: String) -> String {
        let characters = Array(time)
        guard characters.count >= 20, characters[10] == "T" else { return time }
        return String(characters[5..<10]) + " " + String(characters[11..<19]) + "Z"
    }

    /// A value for a screen with little room: a number keeps two places after the point, a small one four.
    static func short(_ json: String) -> String {
        guard let number = ExactDecimal(json), number.exponent < -2 else { return plain(json) }
        let value = number.approximation
        let places: Double = abs(value) < 1 ? 10_000 : 100
        guard abs(value) < 1e12, let rounded = ExactDecimal(shortest: (value * places).rounded() / places) else {
            return json
        }
        return rounded.description
    }
}
