import ControlProtocol
import Telemetry

/// `candela lighting` as a person reads it: 80 columns, no colour.
enum LightingView {
    /// Wider pictures show no more: a column is a quarter of an hour then.
    static let widest = 110
    /// Light in eighths of a row would need other characters than a serial console has; six rows of stars are enough to see a step.
    private static let rows = 5
    /// `100 % ` before the picture.
    private static let margin = 6

    static func text(_ night: ControlLighting, width: Int) -> String {
        var lines = ["night of \(night.date), times in \(night.timeZone)"]
        let sun = [
            night.sunset.isEmpty ? "the sun does not set" : "sunset \(night.sunset)",
            night.sunrise.isEmpty ? "the sun does not rise" : "sunrise \(night.sunrise)",
        ]
        lines.append(sun.joined(separator: ", "))
        for group in night.groups {
            lines.append("")
            let by =
                group.calendar.isEmpty
                ? "no usable calendar, at its fallback" : "calendar \(group.calendar), program \(group.program)"
            lines.append("\(group.name): \(group.lamps) lamps, \(by)")
            var table = Table([("FROM", .left), ("LEVEL", .right), ("FADE", .right), ("BECAUSE", .left)])
            for segment in group.segments {
                let fade = segment.fadeMs == 0 ? "-" : "\(Formats.oneDecimal(Double(segment.fadeMs) / 1000)) s"
                let because = ([segment.reason] + segment.sensors).joined(separator: "; ")
                table.add(segment.start, "\(segment.level) %", fade, because)
            }
            lines += table.lines(within: width - 2).map { "  " + $0 }
            lines += picture(group, night, width: width)
        }
        return lines.joined(separator: "\n")
    }

    // MARK: - The picture

    /// Levels over the night, noon to noon; `#` burns, `|` is now.
    static func picture(_ group: ControlLightingGroup, _ night: ControlLighting, width: Int) -> [String] {
        let columns = max(24, min(width, widest) - margin - 2)
        let total = Double(max(night.minutes, 1))
        func level(at column: Int) -> Double {
            // The middle of what the column stands for.
            let minute = (Double(column) + 0.5) / Double(columns) * total
            let segment = group.segments.last { Double($0.minute) <= minute } ?? group.segments.first
            return segment.flatMap { Double($0.level) } ?? 0
        }
        let levels = (0..<columns).map(level)
        let now = night.nowMinute < 0 ? nil : Int(Double(night.nowMinute) / total * Double(columns))
        var lines: [String] = []
        for row in stride(from: rows, through: 1, by: -1) {
            let top = Double(row) / Double(rows) * 100
            let bottom = Double(row - 1) / Double(rows) * 100
            let label = row == rows ? "100 % " : row == 1 ? "  0 % " : "      "
            let marks = levels.enumerated().map { column, level -> String in
                if column == now { return "|" }
                if level >= top { return "#" }
                // A low light must be seen: the lowest row shows all that burns at all.
                return level > bottom && (level - bottom >= (top - bottom) / 2 || row == 1) ? "+" : " "
            }
            lines.append(label + marks.joined())
        }
        return lines + [axis(night, columns)]
    }

    /// Hours on the local clock below the picture, every three hours of elapsed time.
    private static func axis(_ night: ControlLighting, _ columns: Int) -> String {
        var text = Array(repeating: Character(" "), count: columns)
        let noon = 12
        var minute = 0
        while minute < Int(night.minutes) {
            let column = Int(Double(minute) / Double(max(night.minutes, 1)) * Double(columns))
            let label = hour(noon * 60 + minute, night)
            for (offset, character) in label.enumerated() where column + offset < columns {
                text[column + offset] = character
            }
            minute += 180
        }
        return String(repeating: " ", count: margin) + String(text).trimmedEnd
    }

    /// Whole hours; in a night with a clock change those after it are an hour off the wall clock, so elapsed hours are shown.
    private static func hour(_ minute: Int, _ night: ControlLighting) -> String {
        guard night.minutes == 1440 else { return "+\((minute - 720) / 60)h" }
        let hour = minute / 60 % 24
        return hour < 10 ? "0\(hour)" : "\(hour)"
    }

    // MARK: - Why

    static func text(_ told: ControlExplanation) -> String {
        let level = told.level.isEmpty ? "left at the level it has" : "\(told.level) %"
        var lines = hanging("\(told.lamp) in group \(told.group): \(level): \(told.reason)", after: "")
        lines += state(told).flatMap { hanging($0, after: "  ") }
        lines += told.notes.flatMap { hanging($0, after: "  ! ") }
        lines.append("")
        var table = Table([("", .left), ("RULE", .left), ("LEVEL", .right), ("WHAT IT SAYS", .left)])
        for line in told.lines {
            table.add(line.rules ? ">" : " ", line.rule, line.level.isEmpty ? "-" : "\(line.level) %", line.what)
        }
        lines += table.lines(within: screen)
        if !told.nextChange.isEmpty {
            lines.append("")
            // 2026-11-21T22:00:00.000Z
            let next = told.nextChange.prefix(19).map { $0 == "T" ? " " : $0 }
            lines.append("the program next changes the level at \(String(next)) UTC")
        }
        return lines.joined(separator: "\n")
    }

    /// A serial console's.
    private static let screen = 80

    /// A sentence behind its mark; what does not fit goes on below it.
    private static func hanging(_ text: String, after mark: String) -> [String] {
        let indent = String(repeating: " ", count: max(2, mark.count))
        return Table.folded(text, to: screen - indent.count).enumerated().map { ($0 == 0 ? mark : indent) + $1 }
    }

    private static func state(_ told: ControlExplanation) -> [String] {
        if told.lost { return ["its bus does not run: the level is sent when it is back"] }
        var parts: [String] = []
        parts.append(
            told.confirmed.isEmpty
                ? "has taken no level yet" : "last took \(told.confirmed) % from its calendar or an override")
        if !told.ordered.isEmpty { parts.append("\(told.ordered) % is being sent") }
        if told.failures > 0 { parts.append("the order has failed \(told.failures) times and is repeated") }
        return parts
    }

    // MARK: - For programs

    static func json(_ night: ControlLighting) -> JSONValue {
        [
            "date": .string(night.date), "time_zone": .string(night.timeZone), "start": .string(night.start),
            "start_utc": .string(night.startUtc), "minutes": .integer(night.minutes),
            "sunset": text(night.sunset), "sunrise": text(night.sunrise),
            "now_minute": night.nowMinute < 0 ? .null : .integer(night.nowMinute),
            "groups": .array(
                night.groups.map { group in
                    [
                        "name": .string(group.name), "calendar": text(group.calendar), "program": text(group.program),
                        "lamps": .integer(group.lamps), "fallback": number(group.fallback),
                        "segments": .array(group.segments.map(json)),
                    ]
                }),
        ]
    }

    private static func json(_ segment: ControlLightingSegment) -> JSONValue {
        [
            "start": .string(segment.start), "start_utc": .string(segment.startUtc),
            "minute": .integer(segment.minute), "level": number(segment.level),
            "fade_ms": segment.fadeMs == 0 ? .null : .integer(segment.fadeMs), "reason": .string(segment.reason),
            "sensors": .array(segment.sensors.map(JSONValue.string)),
        ]
    }

    static func json(_ told: ControlExplanation) -> JSONValue {
        [
            "lamp": .string(told.lamp), "group": .string(told.group), "level": number(told.level),
            "reason": .string(told.reason), "ordered": number(told.ordered), "confirmed": number(told.confirmed),
            "failures": .integer(told.failures), "lost": .bool(told.lost), "next_change": text(told.nextChange),
            "lines": .array(
                told.lines.map { line in
                    [
                        "rule": .string(line.rule), "rules": .bool(line.rules), "level": number(line.level),
                        "what": .string(line.what),
                    ]
                }),
            "notes": .array(told.notes.map(JSONValue.string)),
        ]
    }

    private static func text(_ text: String) -> JSONValue { text.isEmpty ? .null : .string(text) }
    private static func number(_ text: String) -> JSONValue { ExactDecimal(text).map(JSONValue.number) ?? .null }
}

extension String {
    fileprivate var trimmedEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
