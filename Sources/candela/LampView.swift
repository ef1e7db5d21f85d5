import Telemetry

/// What the tasks of a DALI bus say, as a person reads it.
enum LampView {
    static func strings(_ value: JSONValue?) -> [String] { items(value).compactMap(\.text) }
    static func items(_ value: JSONValue?) -> [JSONValue] { if case .array(let items)? = value { items } else { [] } }

    private static func cell(_ row: JSONValue, _ key: String) -> String {
        guard let value = row[key], value != .null else { return "-" }
        let text = FindingView.plain(value)
        return text.isEmpty ? "-" : text
    }

    // MARK: scan

    static func scan(_ result: JSONValue) -> String {
        let gear = items(result["gear"])
        var lines = ["", "\(Formats.count(gear.count, "control gear", "control gear")) found"]
        let twice = items(result["duplicates"]).map(FindingView.plain)
        if !twice.isEmpty {
            lines.append("! more than one gear answers at \(twice.joined(separator: ", ")): commission the bus")
        }
        if let count = result["unaddressed"]?.number, count != .zero {
            lines.append("! at least \(count) without an address")
        }
        if let note = result["note"]?.text { lines.append("! \(note)") }
        if !gear.isEmpty {
            lines.append("")
            var table = Table([
                ("ADDRESS", .right), ("DEVICE", .left), ("TYPES", .left), ("VERSION", .left), ("LEVEL", .right),
                ("IDENTITY", .left), ("STATUS", .left),
            ])
            for row in gear {
                let stranger = row["remembered"] == .bool(false) ? " (another than remembered)" : ""
                table.add(
                    cell(row, "address"), cell(row, "device"), cell(row, "types"), cell(row, "version"),
                    cell(row, "level"), cell(row, "identity") + stranger, cell(row, "status"))
            }
            lines += table.lines
        }
        for sensor in items(result["sensors"]) {
            let instances = items(sensor["instances"]).map { "\(cell($0, "number")) \(cell($0, "type"))" }
            lines.append("control device \(cell(sensor, "address")): \(instances.joined(separator: ", "))")
        }
        return (lines + paste(result)).joined(separator: "\n")
    }

    // MARK: commission

    static func commissioning(_ result: JSONValue) -> String {
        let gear = items(result["gear"])
        let changed = gear.filter { $0["action"]?.text != "kept" }.count
        var lines = [
            "",
            "\(Formats.count(gear.count, "control gear", "control gear")), \(changed) changed, in \(cell(result, "seconds")) s; "
                + "\(cell(result, "interrupted_polls")) polls did not take place",
        ]
        var table = Table([
            ("ADDRESS", .right), ("DEVICE", .left), ("RANDOM", .left), ("IDENTITY", .left), ("ACTION", .left),
        ])
        for row in gear {
            table.add(cells: ["address", "device", "random", "identity", "action"].map { cell(row, $0) })
        }
        lines += [""] + table.lines
        lines += strings(result["problems"]).map { "! \($0)" }
        return (lines + paste(result)).joined(separator: "\n")
    }

    private static func paste(_ result: JSONValue) -> [String] {
        let entries = strings(result["entries"])
        return entries.isEmpty ? [] : ["", "to paste:", "devices:"] + entries.map { "  " + $0 }
    }

    // MARK: one gear

    static func facts(_ result: JSONValue) -> String {
        var table = Table([("WHAT", .left), ("VALUE", .left), ("UNIT", .left), ("NOTE", .left)])
        for fact in items(result["facts"]) {
            table.add(cells: ["name", "value", "unit", "note"].map { cell(fact, $0) })
        }
        let device = result["device"]?.text.map { "\($0), " } ?? ""
        return "\(device)short address \(cell(result, "address"))\n" + table.text
    }

    static func memory(_ result: JSONValue) -> String {
        var lines = ["memory bank \(cell(result, "bank"))" + (result["name"]?.text.map { ": \($0)" } ?? "")]
        let bytes = (result["bytes"]?.text ?? "").split(separator: " ")
        for start in stride(from: 0, to: bytes.count, by: 16) {
            lines.append(
                "  \(hexadecimal(start))  " + bytes[start..<min(start + 16, bytes.count)].joined(separator: " "))
        }
        let fields = items(result["fields"])
        guard !fields.isEmpty else { return lines.joined(separator: "\n") }
        var table = Table([("FIELD", .left), ("VALUE", .right), ("UNIT", .left), ("QUALITY", .left)])
        for field in fields { table.add(cells: ["name", "value", "unit", "quality"].map { cell(field, $0) }) }
        return (lines + [""] + table.lines).joined(separator: "\n")
    }

    private static func hexadecimal(_ number: Int) -> String {
        (number < 16 ? "0" : "") + String(number, radix: 16, uppercase: true)
    }
}
