/// Reads `Boards/NAME.yaml`.
struct BoardLoader {
    let collector: DiagnosticCollector
    let folders: [String]
    let environment: @Sendable (String) -> String?

    /// - Parameter node: the value of `board`.
    func load(_ node: YAMLNode) -> Board? {
        let expected = "the name of a board file"
        guard let name = node.scalar, Names.isName(name) else {
            let what = node.scalar.map { "\"\(ScalarParser.shown($0))\"" } ?? node.kindName
            report(at: node.position, "`board` is \(what); expected \(expected) such as simulated")
            return nil
        }
        let known = Set(folders.flatMap(ProfileLibrary.names(in:)))
        guard let path = folders.map({ Files.join($0, name + ".yaml") }).first(where: Files.exists) else {
            let searched = folders.isEmpty ? "no folder" : folders.joined(separator: ", ")
            report(
                at: node.position, "there is no board \"\(name)\" in \(searched); expected \(expected)",
                hint: Spelling.hint(for: name, among: known.sorted())
                    ?? (known.isEmpty ? nil : "boards: " + known.sorted().joined(separator: ", ")))
            return nil
        }
        guard
            let root = DocumentReader.read(
                path, from: node.position, what: "the board file", collector: collector, subject: nil)
        else {
            return nil
        }
        return board(root, name: name)
    }

    private func board(_ root: YAMLNode, name: String) -> Board? {
        let reader = MapReader(root, title: "board \(name)", collector: collector, subject: nil)
        let own = reader.text("board", expected: "the board's name")
        if let own, own != name {
            reader.error(
                at: root["board"]?.position ?? root.position,
                "`board` is \"\(ScalarParser.shown(own))\"; expected \"\(name)\", as the file is called")
        }
        let description = reader.text("description") ?? ""
        let tier = reader.integer("tier", default: "3", in: 1...3) ?? 3
        var ports: [Board.Port] = []
        if let child = reader.child("ports", expected: "a map of ports") {
            for entry in child.node.entries ?? [] {
                if let port = port(entry, child) { ports.append(port) }
            }
        }
        let watchdog = reader.value("lamp_watchdog", expected: "{path, every} or {device, point, every}").flatMap {
            // A mistake in here costs the watchdog, never the gateway.
            LampWatchdogDecoding(
                reader: MapReader(
                    $0, title: "board \(name), lamp_watchdog", collector: collector,
                    subject: .lighting("lamp_watchdog")),
                resolved: resolved
            ).decode()
        }
        // What a board may say beyond that is read by who serves it.
        for key in ["leds", "watchdog", "clock", "storage", "outputs", "inputs"]
        where root.entry(key) != nil {
            _ = reader.value(key, expected: "a value")
        }
        reader.finish()
        return Board(
            name: name, description: description, tier: tier, ports: ports, lampWatchdog: watchdog, content: root)
    }

    private func port(_ entry: YAMLEntry, _ parent: MapReader) -> Board.Port? {
        guard let reader = parent.child(entry.key, expected: "{path, kind}") else { return nil }
        if !Names.isName(entry.key) {
            reader.error(
                at: entry.keyPosition, "\"\(ScalarParser.shown(entry.key))\" is no name; expected \(Names.expected)")
        }
        let path = reader.scalar("path", expected: "a device such as /dev/ttyS1") { text throws(ScalarProblem) in
            try resolved(text)
        }
        if reader.node.entry("path") == nil {
            reader.error(at: entry.keyPosition, "`path` is missing; expected a device such as /dev/ttyS1")
        }
        let kind = reader.scalar("kind", default: "rs485", expected: "rs485, rs232 or usb") {
            text throws(ScalarProblem) in
            guard ["rs485", "rs232", "usb"].contains(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is unknown")
            }
            return text
        }
        // How the board switches its transceiver to sending; the kernel does it where nothing is said.
        if reader.node.entry("direction") != nil {
            _ = reader.value("direction", expected: "kernel, automatic or gpio")
        }
        reader.finish()
        return path.map { Board.Port(name: entry.key, path: $0, kind: kind ?? "rs485", position: entry.keyPosition) }
    }

    /// Replaces `${NAME}` and `${NAME:-default}`.
    private func resolved(_ text: String) throws(ScalarProblem) -> String {
        var result = ""
        var rest = text[...]
        while let open = ScalarParser.firstRange(of: "${", in: rest) {
            result += rest[..<open.lowerBound]
            guard let close = rest[open.upperBound...].firstIndex(of: "}") else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" lacks a }")
            }
            let inside = String(rest[open.upperBound..<close])
            let parts = ScalarParser.split(inside, at: ":-")
            // As in a shell, an empty variable counts as unset.
            let value =
                environment(parts[0]).flatMap { $0.isEmpty ? nil : $0 }
                ?? (parts.count > 1 ? parts[1...].joined(separator: ":-") : nil)
            guard let value else {
                throw ScalarProblem(
                    "the environment variable \(ScalarParser.shown(parts[0])) is not set",
                    hint: "${NAME:-DEFAULT} gives a default")
            }
            result += value
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    private func report(at position: SourcePosition, _ text: String, hint: String? = nil) {
        collector.report(.error, at: position, text, hint: hint)
    }
}

/// Reads a YAML file that is not part of the configuration itself: a board, a profile, a manifest.
enum DocumentReader {
    /// - Parameter place: where the file is named; nil when it was found by looking.
    static func read(
        _ path: String, from place: SourcePosition?, what: String, collector: DiagnosticCollector,
        subject: ConfigurationPart?
    ) -> YAMLNode? {
        let limits = YAMLLimits()
        do throws(FileProblem) {
            let bytes = try Files.read(path, limit: limits.bytes)
            do throws(YAMLProblem) {
                let document = try YAMLDocument(parsing: bytes, file: path, limits: limits)
                for problem in document.problems {
                    collector.report(
                        .error, at: problem.position, problem.message, hint: problem.hint, subject: subject)
                }
                return document.root
            } catch {
                collector.report(.error, at: error.position, error.message, hint: error.hint, subject: subject)
                return nil
            }
        } catch {
            collector.report(
                .error, at: place ?? SourcePosition(file: path, line: 1, column: 1),
                "\(what) \(path) cannot be read: \(error.message)",
                subject: subject)
            return nil
        }
    }
}
