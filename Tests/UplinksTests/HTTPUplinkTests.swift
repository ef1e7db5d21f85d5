import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Uplinks

/// Against a server of Python's own library, which counts duplicates by their keys.
@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: Project.python != nil, "needs Python: set CANDELA_PYTHON"))
struct HTTPUplinkTests {
    @Test func `messages are posted with their key, and documents are put`() async throws {
        let server = try await HTTPHeadEnd()
        let recorder = try server.recorder()
        recorder.uplink.setDocument(.devices, payload: Array(#"{"devices":[]}"#.utf8))
        try await recorder.connected()
        for token in 1...20 as ClosedRange<UInt64> {
            try recorder.send(token, "{\"number\":\(token)}", suffix: token == 20 ? "events" : "readings")
            try await recorder.acknowledged(token)
        }
        await recorder.uplink.stop(finalState: Array(#"{"state":"stopping"}"#.utf8))
        let posts = server.posts()
        #expect(posts.map { $0["key"]?.text } == (1...19).map { "s-1-\($0)-1" })
        #expect(posts.first?["type"]?.text == "application/json")
        #expect(posts.first?["gateway"]?.text == "g-1")
        #expect(posts.first?["content"]?.text == "readings")
        #expect(server.posts("/ingest/events").count == 1)
        let puts = server.requests.filter { $0["method"]?.text == "PUT" }
        #expect(puts.first?["path"]?.text == "/ingest/state")
        #expect(puts.contains { $0["path"]?.text == "/ingest/devices" })
        #expect(puts.last?["body"]?.text == #"{"state":"stopping"}"#)
        await server.process.stop()
    }

    @Test func `gzip makes less of it, a token is shown, and one URL takes all`() async throws {
        let server = try await HTTPHeadEnd()
        let recorder = try server.recorder {
            $0.compresses = true
            $0.token = "secret-token"
            $0.isSingleURL = true
        }
        try await recorder.connected()
        let text = "{\"x\":\"" + String(repeating: "candela ", count: 2000) + "\"}"
        try recorder.send(1, text)
        try await recorder.acknowledged(1)
        await recorder.uplink.stop(finalState: [])
        let post = try #require(server.posts("/ingest").first)
        #expect(post["encoding"]?.text == "gzip")
        #expect(post["body"]?.text == text)
        guard case .number(let sent)? = post["sent"] else {
            Issue.record("\(post)")
            return
        }
        #expect(sent < ExactDecimal(1000))
        #expect(server.requests.allSatisfy { $0["authorization"]?.text == "Bearer secret-token" })
        await server.process.stop()
    }

    @Test func `an answer that never comes makes the same key come again, and the server tells the duplicate`()
        async throws
    {
        let server = try await HTTPHeadEnd()
        try await server.answer(#"{"status": 200, "keep": true, "hang": true}"#)
        let recorder = try server.recorder { $0.timeout = .seconds(2) }
        try await recorder.connected()
        try recorder.send(1, "{}")
        try await recorder.event("given back") {
            if case .unacknowledged(1, let reason) = $0 { reason.contains("timed out") } else { false }
        }
        try await recorder.connected(times: 2)
        try recorder.send(1, "{}")
        try await recorder.acknowledged(1)
        await recorder.uplink.stop(finalState: [])
        let posts = server.posts()
        #expect(posts.count > 1 && posts.allSatisfy { $0["key"]?.text == "s-1-1-1" })
        #expect(posts.map { $0["duplicate"] }.prefix(2) == [.bool(false), .bool(true)])
        await server.process.stop()
    }

    @Test func `a connection that breaks after the server has stored brings the same key again`() async throws {
        let server = try await HTTPHeadEnd()
        try await server.answer(#"{"status": 200, "keep": true, "cut": true}"#)
        let recorder = try server.recorder()
        try await recorder.connected()
        // The library itself asks again where a connection that served before has died; otherwise the pump does.
        try await eventually("acknowledgement") {
            _ = try? recorder.send(1, "{}")
            return recorder.events.contains(.acknowledged(token: 1))
        }
        await recorder.uplink.stop(finalState: [])
        let posts = server.posts()
        #expect(posts.count > 1 && posts.allSatisfy { $0["key"]?.text == "s-1-1-1" })
        #expect(posts.map { $0["duplicate"] }.prefix(2) == [.bool(false), .bool(true)])
        await server.process.stop()
    }

    @Test(arguments: [408, 425, 429, 500, 502, 503, 504])
    func `a busy server gets the same message again`(status: Int) async throws {
        let server = try await HTTPHeadEnd()
        try await server.answer(
            "{\"status\": \(status), \"headers\": {\"Retry-After\": \"0\"}, \"text\": \"maintenance\"}")
        let recorder = try server.recorder()
        try await recorder.connected()
        try recorder.send(1, "{}")
        try await recorder.event("the reason") {
            if case .disconnected(let reason, _) = $0 {
                reason.hasPrefix("\(status) ") && reason.hasSuffix(": maintenance")
            } else {
                false
            }
        }
        try await recorder.connected(times: 2)
        try recorder.send(1, "{}")
        try await recorder.acknowledged(1)
        await recorder.uplink.stop(finalState: [])
        #expect(server.posts().map { $0["duplicate"] } == [.bool(false), .bool(false)])
        await server.process.stop()
    }

    @Test(arguments: ["120", "Fri, 31 Dec 2100 00:00:00 GMT"])
    func `Retry-After is respected, in seconds and as a date`(value: String) async throws {
        let server = try await HTTPHeadEnd()
        try await server.answer("{\"status\": 503, \"headers\": {\"Retry-After\": \"\(value)\"}}")
        let recorder = try server.recorder()
        try await recorder.connected()
        try recorder.send(1, "{}")
        try await recorder.event("a long wait") {
            if case .disconnected(_, let wait) = $0 { wait >= .seconds(120) } else { false }
        }
        await recorder.uplink.stop(finalState: [])
        await server.process.stop()
    }

    @Test func `what the server refuses is said once, and tried again after a rest`() async throws {
        let server = try await HTTPHeadEnd()
        for _ in 1...2 { try await server.answer(#"{"status": 422, "text": "unknown gateway"}"#) }
        let recorder = try server.recorder()
        try await recorder.connected()
        for _ in 1...2 {
            try await eventually("room") { (try? recorder.send(1, "{}")) != nil }
            try await eventually("answer") { server.posts().count > 0 }
        }
        try await eventually("two refusals") {
            recorder.count { if case .refused(1, _, _) = $0 { true } else { false } } == 2
        }
        try await eventually("room") { (try? recorder.send(1, "{}")) != nil }
        try await recorder.acknowledged(1)
        let conditions = recorder.events.compactMap { event -> String? in
            guard case .condition(.messagesRefused, let active, let detail) = event else { return nil }
            return "\(active) \(detail)"
        }
        #expect(
            conditions == [
                "true readings: 422 Unprocessable Content: unknown gateway", "false the server accepts messages again",
            ])
        await recorder.uplink.stop(finalState: [])
        await server.process.stop()
    }

    @Test func `a server that is not there is named, and found when it comes`() async throws {
        let gone = try await HTTPHeadEnd()
        await gone.process.stop()
        let recorder = try gone.recorder()
        recorder.uplink.start()
        try await recorder.event("the reason") {
            if case .disconnected(let reason, _) = $0 { reason.hasPrefix(gone.url + ": ") } else { false }
        }
        #expect(throws: PublishRefusal.notConnected) { try recorder.send(1) }
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `TLS with a client certificate, and a server of another authority is not trusted`() async throws {
        let folder = TemporaryFolder("candela-http-tls")
        for name in ["ours", "other"] {
            try await openssl(
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=\(name) -keyout \(folder(name)).key -out \(folder(name)).pem"
            )
        }
        folder.write("extensions", "subjectAltName=IP:127.0.0.1\n")
        for name in ["server", "gateway"] {
            try await openssl(
                "req -newkey rsa:2048 -nodes -subj /CN=\(name) -keyout \(folder(name)).key -out \(folder(name)).csr")
            try await openssl(
                "x509 -req -in \(folder(name)).csr -CA \(folder("ours")).pem -CAkey \(folder("ours")).key -CAcreateserial -days 2 -extfile \(folder("extensions")) -out \(folder(name)).pem"
            )
        }
        let server = try await HTTPHeadEnd(tls: [folder("server.pem"), folder("server.key"), folder("ours.pem")])
        func recorder(ca: String, isKnown: Bool) throws -> UplinkRecorder {
            try server.recorder {
                $0.ca = folder(ca)
                guard isKnown else { return }
                $0.certificate = folder("gateway.pem")
                $0.key = folder("gateway.key")
            }
        }
        let right = try recorder(ca: "ours.pem", isKnown: true)
        try await right.connected()
        try right.send(1, "{}")
        try await right.acknowledged(1)
        await right.uplink.stop(finalState: [])
        #expect(server.posts().map { $0["peer"]?.text } == ["gateway"])
        for (ca, isKnown, word) in [("other.pem", true, "certificate"), ("ours.pem", false, "")] {
            let wrong = try recorder(ca: ca, isKnown: isKnown)
            wrong.uplink.start()
            try await wrong.event("no connection") {
                if case .disconnected(let reason, _) = $0 { reason.contains(word) } else { false }
            }
            #expect(!wrong.events.contains { if case .connected = $0 { true } else { false } })
            await wrong.uplink.stop(finalState: [])
        }
        #expect(server.posts().count == 1)
        await server.process.stop()
    }

    private func openssl(_ arguments: String) async throws {
        let outcome = try await run("/usr/bin/openssl", arguments.split(separator: " ").map(String.init))
        #expect(outcome.status == 0, "\(outcome.lines)")
    }

    @Test func `a server that answers with rubbish harms nothing`() async throws {
        let server = FakeBroker { _, _ in Array("HTTP/1.1 2OO nonsense\r\n\r\n".utf8) }
        var settings = UplinkSettings(
            name: "head-end", gateway: "g-1", type: "http", url: "http://127.0.0.1:\(server.port)")
        settings.timeout = .milliseconds(300)
        var options = try HTTPOptions(settings)
        options.timing = .quick
        let uplink = try HTTPUplink(options: options, log: UplinkRecorder.silentLog, now: { nil })
        uplink.setDocument(.state, payload: Array("{}".utf8))
        let recorder = UplinkRecorder(uplink)
        uplink.start()
        try await recorder.event("given up") { if case .disconnected = $0 { true } else { false } }
        #expect(!recorder.events.contains { if case .connected = $0 { true } else { false } })
        await uplink.stop(finalState: [])
    }

    @Test func `settings that make no sense are refused with their key`() {
        func refusal(_ change: (inout UplinkSettings) -> Void) -> String? {
            var settings = UplinkSettings(name: "head-end", gateway: "g-1", type: "http", url: "http://127.0.0.1/x")
            change(&settings)
            do throws(UplinkSettingsError) {
                _ = try HTTPOptions(settings)
                return nil
            } catch {
                return error.key
            }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.url = "ftp://x" } == "url")
        #expect(refusal { $0.ca = "/x.pem" } == "url")
        #expect(refusal { $0.acceptsCommands = true } == "commands")
        #expect(refusal { $0.inFlight = 17 } == "in_flight")
        #expect(refusal { $0.token = "a\nb" } == "token")
        #expect(refusal { ($0.url, $0.certificate) = ("https://x", "/x.pem") } == "key")
    }
}
