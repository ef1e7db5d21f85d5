import Telemetry
import TestSupport
import Testing

/// What one gateway delivers in several ways at once.
@Suite(.serialized) struct `Kinds of uplinks, end to end` {
    @Test(.enabled(if: Project.python != nil, "needs Python: set CANDELA_PYTHON"))
    func `the same readings arrive at a broker, at a server, in a file and as SenML`() async throws {
        let server = try ChildProcess(
            try #require(Project.python), [Project.root + "/Tests/UplinksTests/Python/http_head_end.py"])
        let port = try await server.line(containing: "listening ").dropFirst("listening ".count)
        let street = try await Street { broker in
            Street.configuration(
                broker,
                uplinks: """
                      head-end: {type: mqtt, url: "\(broker.url)", commands: all}
                      packs: {type: mqtt, url: "\(broker.url)", topic: packs, encoding: senml, devices: [door]}
                      server: {type: http, url: "http://127.0.0.1:\(port)/in", compress: gzip}
                      lines: {type: file, path: out.ndjson}
                    """)
        }
        let packs = try await Subscriber(street.broker, topic: "packs/#", id: "packs")
        try await street.headEnd.reading("readings by MQTT") { $0.device == "door" && $0.n >= 6 }
        let expected = street.headEnd.readings(of: "door").filter { $0.n <= 6 }

        func check(_ way: String, _ readings: () -> [(n: Int, value: JSONValue?)]) async throws {
            try await eventually("readings by \(way)") { readings().contains { $0.n >= 6 } }
            for reading in expected {
                let mine = readings().filter { $0.n == reading.n }
                #expect(mine.map(\.value) == [reading.value], "\(way), number \(reading.n)")
            }
        }
        func ofDoor(_ messages: [JSONValue]) -> [(n: Int, value: JSONValue?)] {
            messages.flatMap { $0["readings"]?.items ?? [] }.filter { $0["device"]?.text == "door" }.map {
                (Self.integer($0["n"]), $0["value"])
            }
        }
        try await check("HTTP") {
            ofDoor(
                server.lines.compactMap { try? JSONValue(parsing: $0) }.filter { $0["method"]?.text == "POST" }
                    .compactMap { $0["body"]?.text.flatMap { try? JSONValue(parsing: $0) } })
        }
        try await check("a file") {
            let text = TestFiles.text(street.gateway.folder("out.ndjson")) ?? ""
            return ofDoor(text.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) })
        }
        try await check("SenML") {
            packs.messages("readings").flatMap { $0.body.items ?? [] }.map {
                (Self.integer($0["number"]), $0["v"] ?? $0["vb"])
            }
        }
        #expect(packs.messages("readings").first?.body.items?.first?["bn"]?.text == "e2e/")
        try await packs.message("events beside", on: "events") { $0.body["events"] != nil }
        await packs.stop()
        try await street.gateway.terminate()
        #expect(TestFiles.text(street.gateway.folder("out.ndjson.state.json"))?.contains("\"stopping\"") == true)
        let last = server.lines.compactMap { try? JSONValue(parsing: $0) }.last { $0["content"]?.text == "state" }
        #expect(last?["body"]?.text?.contains("\"stopping\"") == true)
        await server.stop()
    }

    private static func integer(_ value: JSONValue?) -> Int {
        guard case .number(let number)? = value, let integer = number.integer else { return 0 }
        return Int(integer)
    }
}
