import Telemetry

/// What a scan found, as a person reads it: a table, what speaks for each finding, and entries to paste.
enum ScanView {
    static func text(_ result: JSONValue) -> String {
        guard case .array(let devices)? = result["devices"] else {
            return FindingView.lines(result).joined(separator: "\n")
        }
        let asked = result["asked"].map { " (\(FindingView.plain($0)) requests)" } ?? ""
        var lines = ["", "\(Formats.count(devices.count, "device")) found\(asked)"]
        if case .array(let garbled)? = result["garbled"], !garbled.isEmpty {
            lines.append(
                "garbled answers at \(garbled.map(FindingView.plain).joined(separator: ", ")): two devices with one address, or noise"
            )
        }
        guard !devices.isEmpty else { return lines.joined(separator: "\n") }
        lines.append("")
        var table = Table([
            ("ADDRESS", .right), ("HOST", .left), ("SETTINGS", .left), ("VERDICT", .left), ("PROFILE", .left),
            ("DEVICE", .left),
        ])
        for device in devices {
            table.add(
                cells: ["address", "host", "settings", "verdict", "profile", "configured"].map { key in
                    if key == "profile", case .array(let names)? = device["candidates"] {
                        // The steps above name them all; a table must fit a terminal.
                        let rest = names.count > 1 ? " or \(names.count - 1) more" : ""
                        return (names.first.map(FindingView.plain) ?? "-") + rest
                    }
                    return device[key].map(FindingView.plain) ?? "-"
                })
        }
        lines += table.lines
        for device in devices {
            let because = ["reasons", "says"].flatMap { key -> [String] in
                guard case .array(let words)? = device[key] else { return [] }
                return words.map(FindingView.plain)
            }
            guard !because.isEmpty || device["clues"] != nil else { continue }
            lines.append("")
            lines.append("address \(device["address"].map(FindingView.plain) ?? "?"):")
            lines += because.map { "  " + $0 }
            if let clues = device["clues"] {
                lines.append("  registers that could be these, from their values alone:")
                lines += FindingView.lines(clues).map { "    " + $0 }
            }
        }
        let entries = entries(result)
        if !entries.isEmpty {
            lines += ["", "to paste:", "devices:"] + entries.map { "  " + $0 }
        }
        return lines.joined(separator: "\n")
    }

    /// One line of YAML per device that was identified and stands in no configuration.
    static func entries(_ result: JSONValue) -> [String] {
        guard case .array(let devices)? = result["devices"] else { return [] }
        return devices.compactMap { $0["entry"]?.text }
    }
}
