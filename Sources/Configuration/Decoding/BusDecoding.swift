/// `buses`: what the runtime owns of a bus; the rest is the driver's.
struct BusDecoding {
    /// Keys of a bus that are not the driver's.
    static let ownKeys = ["driver", "port", "read_only", "defaults"]

    let collector: DiagnosticCollector
    let board: Board?
    let drivers: DriverCatalog
    let gatewayIsReadOnly: Bool

    func decode(_ entry: YAMLEntry) -> (bus: BusConfiguration?, effective: YAMLEntry) {
        let reader = MapReader(entry.value, title: "bus \(entry.key)", collector: collector, subject: .bus(entry.key))
        NamedParts.checkName(entry, reader: reader)
        guard reader.isMap else { return (nil, entry) }
        let driver = driver(reader, entry)
        let port = port(reader, entry)
        let isReadOnly = reader.flag("read_only", default: false)
        checkDefaults(reader)
        let options = NamedParts.driverOptions(reader, own: Self.ownKeys)
        let effective = YAMLEntry(
            key: entry.key, keyPosition: entry.keyPosition,
            value: YAMLNode(.map(reader.effective + (options.entries ?? [])), at: entry.value.position))
        guard let driver, let port else { return (nil, effective) }
        let bus = BusConfiguration(
            name: entry.key, position: entry.keyPosition, driver: driver, port: port,
            isReadOnly: isReadOnly || gatewayIsReadOnly, options: options)
        return (bus, effective)
    }

    private func driver(_ reader: MapReader, _ entry: YAMLEntry) -> String? {
        let names = drivers.manifests.map(\.driver)
        let expected = names.isEmpty ? "an installed driver" : "an installed driver: " + Printing.alternatives(names)
        guard reader.node.entry("driver") != nil else {
            _ = reader.value("driver", expected: expected)
            reader.error(at: entry.keyPosition, "`driver` is missing; expected \(expected)")
            return nil
        }
        return reader.scalar("driver", expected: expected) { text throws(ScalarProblem) in
            guard drivers[text] != nil else {
                let searched = drivers.searched.isEmpty ? "" : " in " + drivers.searched.joined(separator: ", ")
                throw ScalarProblem(
                    "there is no driver \"\(ScalarParser.shown(text))\"\(searched)",
                    hint: Spelling.hint(for: text, among: names))
            }
            return text
        }
    }

    private func port(_ reader: MapReader, _ entry: YAMLEntry) -> BusPort? {
        let expected = "a port of the board, a device such as /dev/ttyS1, tcp://HOST:PORT, rtu+tcp://HOST:PORT or tcp"
        guard let value = reader.value("port", expected: expected) else {
            if reader.node.entry("port") == nil {
                reader.error(at: entry.keyPosition, "`port` is missing; expected \(expected)")
            }
            return nil
        }
        guard let written = value.scalar else {
            reader.error(at: value.position, "`port` is \(value.kindName); expected \(expected)")
            reader.keep("port", value)
            return nil
        }
        do throws(ScalarProblem) {
            let port = try resolve(written, in: value.position)
            // The board resolved: what is printed is what is opened.
            reader.keep("port", YAMLNode(.text(port.resolved), at: value.position))
            return port
        } catch {
            reader.error(at: value.position, "`port`: \(error.problem); expected \(expected)", hint: error.hint)
            reader.keep("port", value)
            return nil
        }
    }

    private func resolve(_ written: String, in place: SourcePosition) throws(ScalarProblem) -> BusPort {
        if written == "tcp" { return BusPort(written: written, resolved: written, kind: .manyHosts) }
        if let scheme = ScalarParser.firstRange(of: "://", in: written[...]) {
            let name = String(written[..<scheme.lowerBound])
            guard name == "tcp" || name == "rtu+tcp" else {
                throw ScalarProblem("\"\(ScalarParser.shown(name))://\" is no kind of port")
            }
            _ = try HostAndPort(String(written[scheme.upperBound...]))
            return BusPort(written: written, resolved: written, kind: .host)
        }
        if written.contains("/") {
            return BusPort(written: written, resolved: Files.join(Files.folder(of: place.file), written), kind: .serial)
        }
        guard let board else {
            throw ScalarProblem(
                "\"\(ScalarParser.shown(written))\" is no path, and no board is named",
                hint: "board: NAME gives ports their names")
        }
        guard let port = board.port(written) else {
            let names = board.ports.map(\.name)
            throw ScalarProblem(
                "board \(board.name) has no port \"\(ScalarParser.shown(written))\"",
                hint: Spelling.hint(for: written, among: names) ?? "its ports: " + names.joined(separator: ", "))
        }
        return BusPort(written: written, resolved: port.path, kind: .serial)
    }

    private func checkDefaults(_ reader: MapReader) {
        guard let defaults = reader.value("defaults", expected: "keys of a device") else { return }
        guard let entries = defaults.entries else {
            reader.error(at: defaults.position, "`defaults` is \(defaults.kindName); expected keys of a device")
            return
        }
        for entry in entries where ["bus", "was", "defaults"].contains(entry.key) {
            reader.error(at: entry.keyPosition, "`\(entry.key)` in `defaults`; expected keys that devices may share")
        }
    }
}

/// `HOST:PORT`, `[2001:db8::1]:502`.
struct HostAndPort {
    let host: String
    let port: UInt16

    /// - Parameter standard: the port where none is written; nil when one must be.
    init(_ text: String, standard: UInt16? = nil) throws(ScalarProblem) {
        var host = text[...]
        var digits: Substring?
        if host.first == "[" {
            guard let close = host.firstIndex(of: "]") else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" lacks a ]")
            }
            let rest = host[host.index(after: close)...]
            host = host[host.index(after: host.startIndex)..<close]
            if rest.first == ":" { digits = rest.dropFirst() } else if !rest.isEmpty { digits = "" }
        } else if let colon = host.lastIndex(of: ":") {
            digits = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        let isHost =
            !host.isEmpty && host.utf8.count <= 253
            && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-:_%".contains($0)) }
        guard isHost else { throw ScalarProblem("\"\(ScalarParser.shown(String(host)))\" is no host") }
        guard let port = digits.map({ UInt16($0) ?? 0 }) ?? standard else {
            throw ScalarProblem("\"\(ScalarParser.shown(text))\" has no port number")
        }
        guard port > 0 else { throw ScalarProblem("\"\(ScalarParser.shown(String(digits ?? "")))\" is no port number") }
        self.host = String(host)
        self.port = port
    }
}

/// What buses and devices have in common.
enum NamedParts {
    static func checkName(_ entry: YAMLEntry, reader: MapReader) {
        checkName(entry.key, at: entry.keyPosition, reader: reader)
    }

    static func checkName(_ name: String, at position: SourcePosition, reader: MapReader) {
        if name == Names.reserved {
            reader.error(at: position, "the name \"gateway\" is reserved; expected another")
        } else if !Names.isName(name) {
            reader.error(
                at: position, "\"\(ScalarParser.shown(name))\" is no name; expected \(Names.expected)",
                hint: Names.suggestion(for: name))
        }
    }

    /// The keys that nobody in the runtime knows: the driver's. One that is nearly a key of the runtime is a slip.
    static func driverOptions(_ reader: MapReader, own: [String]) -> YAMLNode {
        var options: [YAMLEntry] = []
        for entry in reader.remaining {
            // One letter wrong, or two in a long word: a driver's own keys are further away than that.
            let reach = entry.key.count > 5 ? 2 : 1
            if let meant = own.first(where: { Spelling.distance(entry.key, $0, atMost: reach) <= reach }) {
                reader.error(
                    at: entry.keyPosition,
                    "unknown key \"\(ScalarParser.shown(entry.key))\"; expected a key of the gateway or of the driver",
                    hint: "did you mean \"\(meant)\"?")
            } else {
                options.append(entry)
            }
        }
        return YAMLNode(.map(options), at: reader.node.position)
    }
}
