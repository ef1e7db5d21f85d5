import Telemetry

/// What the kinds of uplinks have of their own: where data go, and how they are secured on the way.
extension UplinkDecoding {
    func mqtt(_ reader: MapReader, _ entry: YAMLEntry) -> UplinkConfiguration? {
        // IANA's ports of MQTT and of MQTT over TLS.
        let url = url(
            reader, entry, schemes: ["mqtt": 1883, "mqtts": 8883], protocolName: "MQTT",
            expected: "a URL such as mqtt://HOST:1883 or mqtts://HOST:8883", mayHavePath: false)
        let topic = topic(reader)
        let security = security(reader, entry, url)
        let version = reader.choice("version", default: UplinkConfiguration.ProtocolVersion.v5) ?? .v5
        // MQTT 3.1.1 has no word for "nobody subscribed".
        let requireSubscriber = reader.flag("require_subscriber", default: version == .v5)
        if requireSubscriber, version == .v311 {
            reader.error(
                at: reader.node["require_subscriber"]?.position ?? entry.keyPosition,
                "`require_subscriber` needs MQTT 5; expected it false, or `version: 5`")
        }
        let inFlight = reader.integer("in_flight", default: "64", in: 1...1024)
        let clientID = reader.scalar("client_id", expected: "1 to 128 printable characters") {
            text throws(ScalarProblem) in
            guard !text.isEmpty, text.utf8.count <= 128, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no client id")
            }
            return text
        }
        let keepAlive = reader.duration("keep_alive", default: "60s", atLeast: .seconds(5), atMost: .seconds(65_535))
        let spread = connectSpread(reader)
        guard let url else { return nil }
        var uplink = UplinkConfiguration(name: entry.key, position: entry.keyPosition, kind: .mqtt, url: url)
        security.apply(to: &uplink)
        uplink.topic = topic
        uplink.version = version
        uplink.requireSubscriber = requireSubscriber
        uplink.inFlight = inFlight
        uplink.clientID = clientID
        uplink.keepAlive = keepAlive ?? uplink.keepAlive
        uplink.connectSpread = spread
        return uplink
    }

    func http(_ reader: MapReader, _ entry: YAMLEntry) -> UplinkConfiguration? {
        let url = url(
            reader, entry, schemes: ["http": 80, "https": 443], protocolName: "HTTP",
            expected: "a URL such as https://HOST/PATH or http://HOST:8080/PATH", mayHavePath: true)
        let isSingleURL = reader.flag("single_url", default: false)
        let security = security(reader, entry, url)
        let token = secret(reader, "token", mayBePath: false)
        let tokenPlace = reader.node["token"]?.position ?? entry.keyPosition
        if token != nil, security.username != nil {
            reader.error(at: tokenPlace, "`token` beside `username`; expected one way to sign in")
        }
        if let url, !url.isEncrypted, !url.isLocal, token != nil || security.password != nil {
            reader.warning(
                at: token != nil ? tokenPlace : reader.node["password"]?.position ?? entry.keyPosition,
                "with http:// everybody on the way can read this secret; expected https://")
        }
        let compression: HTTPCompression = reader.choice("compress", default: HTTPCompression.none) ?? .none
        let inFlight = reader.integer("in_flight", default: "1", in: 1...16)
        let timeout = reader.duration("timeout", default: "60s", atLeast: .seconds(1), atMost: .seconds(600))
        let spread = connectSpread(reader)
        guard let url else { return nil }
        var uplink = UplinkConfiguration(name: entry.key, position: entry.keyPosition, kind: .http, url: url)
        security.apply(to: &uplink)
        uplink.inFlight = inFlight
        uplink.connectSpread = spread
        uplink.http = HTTPUplinkConfiguration(
            token: token, compresses: compression == .gzip, isSingleURL: isSingleURL, timeout: timeout ?? .seconds(60))
        return uplink
    }

    func file(_ reader: MapReader, _ entry: YAMLEntry) -> UplinkConfiguration? {
        let expected = "the path of a file or a named pipe"
        require(reader, entry, "path", expected: expected)
        let place = reader.node["path"]?.position.file ?? ""
        let path = reader.scalar("path", expected: expected) { text throws(ScalarProblem) in
            guard !text.isEmpty, !text.hasSuffix("/"), !text.utf8.contains(0) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no file")
            }
            return Files.join(Files.folder(of: place), text)
        }
        let rotation = reader.scalar("rotate", default: "10MB", expected: "a size from 64kB to 100GB such as 10MB") {
            text throws(ScalarProblem) in
            let bytes = try ScalarParser.size(text)
            // Smaller than a message it would be set aside for each; larger no tool opens it.
            guard (64_000...100_000_000_000).contains(bytes) else { throw ScalarProblem("\(text) is out of range") }
            return bytes
        }
        let kept = reader.integer("keep", default: "5", in: 1...1000)
        guard let path else { return nil }
        var uplink = UplinkConfiguration(
            name: entry.key, position: entry.keyPosition, kind: .file,
            url: UplinkURL(scheme: "file", host: "", port: 0, path: path))
        uplink.file = FileUplinkConfiguration(path: path, rotation: rotation ?? 10_000_000, kept: kept ?? 5)
        return uplink
    }

    private func connectSpread(_ reader: MapReader) -> Duration {
        reader.duration("connect_spread", default: "0s", atMost: .seconds(3600)) ?? .zero
    }

    // MARK: where to

    /// - Parameters:
    ///   - schemes: without and with encryption, each with the port that IANA gave it.
    ///   - mayHavePath: whether something may stand behind host and port.
    private func url(
        _ reader: MapReader, _ entry: YAMLEntry, schemes: KeyValuePairs<String, UInt16>, protocolName: String,
        expected: String, mayHavePath: Bool
    ) -> UplinkURL? {
        require(reader, entry, "url", expected: expected)
        // A URL may hold a password: what is wrong with it is said without showing it.
        return reader.scalar("url", expected: expected, withheld: true) { text throws(ScalarProblem) in
            guard let mark = ScalarParser.firstRange(of: "://", in: text[...]) else {
                throw ScalarProblem("there is no scheme in front")
            }
            let scheme = String(text[..<mark.lowerBound])
            guard let port = schemes.first(where: { $0.key == scheme })?.value else {
                throw ScalarProblem("\"\(ScalarParser.shown(scheme))\" is no scheme of \(protocolName)")
            }
            var rest = text[mark.upperBound...]
            guard !rest.contains("@") else {
                throw ScalarProblem(
                    "a user or password stands in the URL", hint: "use `username` and `password: file:PATH`")
            }
            if rest.last == "/" { rest.removeLast() }
            var path = ""
            if let slash = rest.firstIndex(of: "/") {
                guard mayHavePath else {
                    throw ScalarProblem("a path stands behind the host", hint: "the first part of topics is `topic`")
                }
                path = String(rest[slash...])
                rest = rest[..<slash]
            }
            guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#\"<>\\^`{|}".utf8.contains($0) }) else {
                throw ScalarProblem("the path holds what no path has, or a ? or #")
            }
            let place = try HostAndPort(String(rest), standard: port)
            return UplinkURL(scheme: scheme, host: place.host, port: place.port, path: path)
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
                "`\(key)` has no use with \(url.scheme)://; expected \(url.scheme)s://")
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

    // MARK: who it is

    private struct Security {
        let authorities: [String]
        let certificate: String?
        let key: SecretReference?
        let username: String?
        let password: SecretReference?

        func apply(to uplink: inout UplinkConfiguration) {
            uplink.certificateAuthorities = authorities
            uplink.certificate = certificate
            uplink.key = key
            uplink.username = username
            uplink.password = password
        }
    }

    private func security(_ reader: MapReader, _ entry: YAMLEntry, _ url: UplinkURL?) -> Security {
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
        return Security(
            authorities: authorities, certificate: certificate, key: key, username: username, password: password)
    }
}

private enum HTTPCompression: String, CaseIterable {
    case none
    case gzip
}
