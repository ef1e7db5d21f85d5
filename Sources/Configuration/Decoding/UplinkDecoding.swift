import Telemetry

/// `uplinks`: one head-end each.
struct UplinkDecoding {
    /// What later versions know, so that its name is not taken for a slip.
    private static let laterEncodings = ["senml", "sparkplug"]
    private static let laterKinds = ["http", "file"]

    let collector: DiagnosticCollector
    let gatewayID: String
    let devices: [DeviceConfiguration]
    /// All names, sound or not: a reference to a device with an error is no second error.
    let deviceNames: [String]
    let groupNames: [String]
    let busNames: [String]

    func decode(_ entry: YAMLEntry) -> (uplink: UplinkConfiguration?, effective: YAMLEntry) {
        let reader = MapReader(
            entry.value, title: "uplink \(entry.key)", collector: collector, subject: .uplink(entry.key))
        if !Names.isName(entry.key) {
            reader.error(
                at: entry.keyPosition, "\"\(ScalarParser.shown(entry.key))\" is no name; expected \(Names.expected)",
                hint: Names.suggestion(for: entry.key))
        }
        require(reader, entry, "type", expected: "mqtt")
        let kind = choice(reader, "type", UplinkConfiguration.Kind.self, default: nil, later: Self.laterKinds)
        let url = url(reader, entry)
        let topic = topic(reader)
        let encoding =
            choice(reader, "encoding", UplinkConfiguration.Encoding.self, default: .json, later: Self.laterEncodings)
            ?? .json
        let authorities = files(reader, "ca", url: url)
        let certificate = files(reader, "certificate", url: url).first
        let key = secret(reader, "key", mayBePath: true)
        if certificate != nil, reader.node.entry("key") == nil {
            reader.error(
                at: reader.node["certificate"]?.position ?? entry.keyPosition,
                "`certificate` without `key`; expected both or none")
        }
        let username = reader.text("username")
        let password = secret(reader, "password", mayBePath: false)
        if password != nil, username == nil, reader.node.entry("username") == nil {
            reader.error(
                at: reader.node["password"]?.position ?? entry.keyPosition,
                "`password` without `username`; expected both")
        }
        let version = reader.choice("version", default: UplinkConfiguration.ProtocolVersion.v5) ?? .v5
        // MQTT 3.1.1 has no word for "nobody subscribed".
        let requireSubscriber = reader.flag("require_subscriber", default: version == .v5)
        if requireSubscriber, version == .v311 {
            reader.error(
                at: reader.node["require_subscriber"]?.position ?? entry.keyPosition,
                "`require_subscriber` needs MQTT 5; expected it false, or `version: 5`")
        }
        let selection = selection(reader)
        let commands = commands(reader)
        let inFlight = reader.integer("in_flight", default: "64", in: 1...1024) ?? 64
        let clientID = reader.scalar("client_id", expected: "1 to 128 printable characters") {
            text throws(ScalarProblem) in
            guard !text.isEmpty, text.utf8.count <= 128, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no client id")
            }
            return text
        }
        let keepAlive =
            reader.duration("keep_alive", default: "60s", atLeast: .seconds(5), atMost: .seconds(65_535))
            ?? .seconds(60)
        let spread = reader.duration("connect_spread", default: "0s", atMost: .seconds(3600)) ?? .zero
        let effective = YAMLEntry(key: entry.key, keyPosition: entry.keyPosition, value: reader.finish())
        guard let kind, let url else { return (nil, effective) }
        let uplink = UplinkConfiguration(
            name: entry.key, position: entry.keyPosition, kind: kind, url: url, topic: topic, encoding: encoding,
            certificateAuthorities: authorities, certificate: certificate, key: key, username: username,
            password: password,
            version: version, requireSubscriber: requireSubscriber, selection: selection, commands: commands,
            inFlight: inFlight, clientID: clientID, keepAlive: keepAlive, connectSpread: spread)
        return (uplink, effective)
    }

    private func require(_ reader: MapReader, _ entry: YAMLEntry, _ key: String, expected: String) {
        if reader.node.entry(key) == nil {
            reader.error(at: entry.keyPosition, "`\(key)` is missing; expected \(expected)")
        }
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(
        _ reader: MapReader, _ key: String, _ type: Choice.Type, default standard: Choice?, later: [String]
    ) -> Choice? where Choice.RawValue == String {
        let words = type.allCases.map(\.rawValue)
        return reader.scalar(key, default: standard?.rawValue, expected: Printing.alternatives(words)) {
            text throws(ScalarProblem) in
            if let choice = Choice(rawValue: text) { return choice }
            guard !later.contains(text) else { throw ScalarProblem("\"\(text)\" is not in this version") }
            throw ScalarProblem(
                "\"\(ScalarParser.shown(text))\" is unknown", hint: Spelling.hint(for: text, among: words))
        }
    }

    // MARK: where to

    private func url(_ reader: MapReader, _ entry: YAMLEntry) -> UplinkURL? {
        let expected = "a URL such as mqtt://HOST:1883 or mqtts://HOST:8883"
        require(reader, entry, "url", expected: expected)
        // A URL may hold a password: what is wrong with it is said without showing it.
        return reader.scalar("url", expected: expected, withheld: true) { text throws(ScalarProblem) in
            guard let mark = ScalarParser.firstRange(of: "://", in: text[...]) else {
                throw ScalarProblem("there is no scheme in front")
            }
            let scheme = String(text[..<mark.lowerBound])
            guard scheme == "mqtt" || scheme == "mqtts" else {
                throw ScalarProblem("\"\(ScalarParser.shown(scheme))\" is no scheme of MQTT")
            }
            var rest = text[mark.upperBound...]
            guard !rest.contains("@") else {
                throw ScalarProblem(
                    "a user or password stands in the URL", hint: "use `username` and `password: file:PATH`")
            }
            if rest.last == "/" { rest.removeLast() }
            guard !rest.contains("/") else {
                throw ScalarProblem("a path stands behind the host", hint: "the first part of topics is `topic`")
            }
            // IANA's ports of MQTT and of MQTT over TLS.
            let place = try HostAndPort(String(rest), standard: scheme == "mqtts" ? 8883 : 1883)
            return UplinkURL(scheme: scheme, host: place.host, port: place.port)
        }
    }

    private func topic(_ reader: MapReader) -> String {
        let topic = reader.scalar(
            "topic", default: "candela", expected: "the first part of all topics, such as candela or city/light"
        ) {
            text throws(ScalarProblem) in
            guard !text.isEmpty, text.utf8.count <= 256, !text.contains(where: { "+#\0".contains($0) }),
                !text.hasPrefix("/"), !text.hasSuffix("/"),
                !text.hasPrefix("$")
            else {
                throw ScalarProblem(
                    "\"\(ScalarParser.shown(text))\" is no topic to publish on", hint: "no + # or $, no / at either end"
                )
            }
            return text
        }
        return topic ?? "candela"
    }

    private func files(_ reader: MapReader, _ key: String, url: UplinkURL?) -> [String] {
        guard let written = reader.texts(key, expected: "a file in PEM form") else { return [] }
        if let url, !url.isEncrypted {
            reader.error(
                at: reader.node[key]?.position ?? reader.node.position,
                "`\(key)` has no use with \(url.scheme)://; expected mqtts://")
        }
        return written.compactMap { file in
            guard !file.text.contains("-----BEGIN") else {
                reader.error(
                    at: file.position, "`\(key)` holds the text of a certificate; expected the path of its file")
                return nil
            }
            let path = Files.join(Files.folder(of: file.position.file), file.text)
            if !Files.exists(path) {
                reader.warning(
                    at: file.position,
                    "`\(key)`: there is no file \(ScalarParser.shown(path, longest: ScalarParser.longestPath)) yet")
            }
            return path
        }
    }

    private func secret(_ reader: MapReader, _ key: String, mayBePath: Bool) -> SecretReference? {
        let expected = (mayBePath ? "a path, " : "") + "file:PATH, credential:NAME or env:NAME"
        let place = reader.node[key]?.position.file ?? ""
        return reader.scalar(key, expected: expected, withheld: true) { text throws(ScalarProblem) in
            if text.hasPrefix("file:"), text.count > 5 {
                return .file(Files.join(Files.folder(of: place), String(text.dropFirst(5))))
            }
            for (scheme, make) in [("credential:", SecretReference.credential), ("env:", SecretReference.environment)] {
                guard text.hasPrefix(scheme) else { continue }
                let name = String(text.dropFirst(scheme.count))
                guard !name.isEmpty,
                    name.utf8.allSatisfy({
                        ($0 | 0x20 >= 97 && $0 | 0x20 <= 122) || ($0 >= 48 && $0 <= 57) || "_-.".utf8.contains($0)
                    }), !name.hasPrefix(".")
                else { throw ScalarProblem("the name behind \(scheme) is no name") }
                return make(name)
            }
            if mayBePath, !text.contains("-----BEGIN"), !text.contains("\n"),
                text.contains("/") || text.hasSuffix(".pem") || text.hasSuffix(".key")
            {
                return .file(Files.join(Files.folder(of: place), text))
            }
            throw ScalarProblem(
                "the secret itself stands in the file (not shown here)",
                hint: "put it into a file that only the daemon may read")
        }
    }

    // MARK: who sees and may do what

    private func selection(_ reader: MapReader) -> UplinkSelection? {
        guard let written = reader.texts("devices", expected: "a list of devices, groups and buses") else { return nil }
        var selected: Set<String> = []
        var named: Set<String> = []
        for name in written {
            guard let members = members(name.text) else {
                unknown(name, "devices", reader)
                continue
            }
            selected.formUnion(members)
            if deviceNames.contains(name.text) { named.insert(name.text) }
        }
        return UplinkSelection(written: written.map(\.text), devices: selected, named: named)
    }

    /// The devices that a device's, group's or bus's name means; nil when it is none of them.
    private func members(_ name: String) -> [String]? {
        if deviceNames.contains(name) { return [name] }
        if groupNames.contains(name) { return devices.filter { $0.groups.contains(name) }.map(\.name) }
        if busNames.contains(name) { return devices.filter { $0.bus == name }.map(\.name) }
        return nil
    }

    private func unknown(_ name: (text: String, position: SourcePosition), _ key: String, _ reader: MapReader) {
        reader.error(
            at: name.position,
            "`\(key)`: there is no device, group or bus \"\(ScalarParser.shown(name.text))\"; expected a name of this file",
            hint: Spelling.hint(for: name.text, among: deviceNames + groupNames + busNames))
    }

    private func commands(_ reader: MapReader) -> CommandPermission {
        let words = ["none", "lamps", "all"]
        let expected = "none, lamps, all or {devices, points, limits}"
        guard let value = reader.value("commands", expected: expected) else {
            if reader.node.entry("commands") == nil { reader.keepDefault("commands", "none") }
            return .none
        }
        if value.entries != nil { return restricted(reader) }
        reader.keep("commands", value)
        switch value.scalar {
        case "none": return .none
        case "lamps": return .lamps
        case "all": return .all
        case let word:
            let what = word.map { "\"\(ScalarParser.shown($0))\"" } ?? value.kindName
            reader.error(
                at: value.position, "`commands` is \(what); expected \(expected)",
                hint: word.flatMap { Spelling.hint(for: $0, among: words) })
            return .none
        }
    }

    private func restricted(_ parent: MapReader) -> CommandPermission {
        guard let reader = parent.child("commands") else { return .none }
        var allowed: Set<String> = []
        for name in reader.texts("devices", expected: "a list of devices, groups and buses") ?? [] {
            if let members = members(name.text) { allowed.formUnion(members) } else { unknown(name, "devices", reader) }
        }
        if reader.node.entry("devices") == nil {
            reader.error(at: reader.node.position, "`devices` is missing; expected whom it may command")
        }
        let points = (reader.texts("points", expected: "a list of points") ?? []).filter { point in
            if Names.isPoint(point.text) { return true }
            reader.error(
                at: point.position,
                "`points`: \"\(ScalarParser.shown(point.text))\" is no point; expected a name such as level")
            return false
        }
        var limits: [CommandPermission.PointLimit] = []
        if let child = reader.child("limits", expected: "{POINT: {minimum, maximum}}") {
            for entry in child.node.entries ?? [] {
                guard let point = child.child(entry.key, expected: "{minimum, maximum}") else { continue }
                let minimum = point.quantity("minimum", expected: "an amount with its unit such as 20%")
                let maximum = point.quantity("maximum", expected: "an amount with its unit such as 80%")
                if let minimum, let maximum, let other = maximum.value(in: minimum.unit), other < minimum.value {
                    point.error(at: point.node.position, "`maximum` is below `minimum`; expected it above")
                }
                child.keep(entry.key, point.finish())
                limits.append(CommandPermission.PointLimit(point: entry.key, minimum: minimum, maximum: maximum))
            }
            reader.keep("limits", child.finish())
        }
        parent.keep("commands", reader.finish())
        return .restricted(devices: allowed, points: Set(points.map(\.text)), limits: limits)
    }
}
