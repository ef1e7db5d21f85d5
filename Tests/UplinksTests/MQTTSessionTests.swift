import Telemetry
import Testing

@testable import Uplinks

/// A session in virtual time.
private struct Bench {
    var session: MQTTSession
    var now = BootInstant(nanoseconds: 1_000_000_000)

    init(role: MQTTSession.Role = .data, _ change: (inout MQTTOptions) -> Void = { _ in }) throws {
        var options = try MQTTOptions(
            UplinkSettings(name: "head-end", gateway: "ruhrort-017", url: "mqtt://127.0.0.1", inFlight: 3))
        change(&options)
        session = MQTTSession(role: role, options: options, seed: 7, now: now)
    }

    mutating func pass(_ time: Duration) -> [MQTTSession.Action] {
        now = now.advanced(by: time)
        return session.handle(.tick, at: now)
    }

    @discardableResult
    mutating func feed(_ event: MQTTSession.Event) -> [MQTTSession.Action] { session.handle(event, at: now) }

    mutating func connect() -> [MQTTSession.Action] {
        _ = pass(.zero)
        feed(.opened)
        return feed(.connack(code: 0, sessionPresent: false))
    }

    /// A message under way, with its token as message id.
    mutating func send(_ token: UInt64, suffix: String = "readings") throws {
        try session.accept(token: token, suffix: suffix, bytes: 100, at: now)
        feed(.sent(.message(token: token), messageID: Int32(token)))
    }
}

extension [MQTTSession.Action] {
    fileprivate var events: [UplinkEvent] {
        compactMap { if case .report(let event) = $0 { event } else { nil } }
    }
}

struct MQTTSessionTests {
    @Test func `nothing is taken before the broker has said yes`() throws {
        var bench = try Bench()
        #expect(throws: PublishRefusal.notConnected) { try bench.send(1) }
        _ = bench.pass(.zero)
        #expect(throws: PublishRefusal.notConnected) { try bench.send(1) }
        bench.feed(.opened)
        let actions = bench.feed(.connack(code: 0, sessionPresent: false))
        #expect(actions == [.sendDocuments, .report(.connected(sessionPresent: false, version: "MQTT 5"))])
        try bench.send(1)
    }

    @Test func `the window is a limit, and each answer makes room`() throws {
        var bench = try Bench()
        _ = bench.connect()
        for token in 1...3 { try bench.send(UInt64(token)) }
        #expect(throws: PublishRefusal.windowFull) { try bench.send(4) }
        #expect(bench.feed(.puback(messageID: 2, code: 0)).events == [.acknowledged(token: 2)])
        try bench.send(4)
        #expect(bench.session.inFlight == 3)
    }

    @Test func `the window counts bytes too, but one message always goes`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.session.accept(token: 1, suffix: "readings", bytes: 1 << 20, at: bench.now)
        #expect(throws: PublishRefusal.windowFull) {
            try bench.session.accept(token: 2, suffix: "readings", bytes: 10, at: bench.now)
        }
        #expect(throws: PublishRefusal.tooLarge) {
            try bench.session.accept(token: 3, suffix: "readings", bytes: 5 << 20, at: bench.now)
        }
    }

    @Test func `without a subscriber there is no acknowledgement, the topic rests and the others go on`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        let events = bench.feed(.puback(messageID: 1, code: 0x10)).events
        #expect(events.first == .noSubscriber(token: 1, retryAfter: .seconds(15)))
        #expect(events.last == .condition(.noSubscriber, active: true, detail: "nobody is subscribed to readings"))
        #expect(throws: PublishRefusal.resting(.seconds(15))) { try bench.send(2) }
        try bench.send(3, suffix: "events")
        #expect(bench.feed(.puback(messageID: 3, code: 0)).events == [.acknowledged(token: 3)])
        #expect(bench.pass(.seconds(15)).events == [.ready])
        try bench.send(2)
        #expect(
            bench.feed(.puback(messageID: 2, code: 0)).events == [
                .acknowledged(token: 2),
                .condition(.noSubscriber, active: false, detail: "somebody is subscribed again"),
            ])
    }

    @Test func `without a subscriber it is an acknowledgement where none is required`() throws {
        var bench = try Bench { $0.requireSubscriber = false }
        _ = bench.connect()
        try bench.send(1)
        #expect(bench.feed(.puback(messageID: 1, code: 0x10)).events == [.acknowledged(token: 1)])
    }

    @Test(arguments: [0x80, 0x83, 0x87, 0x90, 0x97, 0x99])
    func `a refusal is reported in words and is no acknowledgement`(code: Int) throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        let events = bench.feed(.puback(messageID: 1, code: code)).events
        guard case .refused(token: 1, let reason, _)? = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(reason.contains("broker"))
        #expect(events.count == 2)
        #expect(throws: PublishRefusal.resting(.seconds(15))) { try bench.send(2) }
    }

    @Test func `a lost connection gives everything in flight back, also what was not sent yet`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        try bench.session.accept(token: 2, suffix: "readings", bytes: 1, at: bench.now)
        let actions = bench.feed(.lost(code: 7, reason: "gone"))
        #expect(actions.first == .close)
        #expect(
            Set(actions.events.prefix(2)) == [
                .unacknowledged(token: 1, reason: "gone"), .unacknowledged(token: 2, reason: "gone"),
            ])
        #expect(bench.session.inFlight == 0)
        #expect(bench.feed(.puback(messageID: 1, code: 0)).isEmpty, "an answer from the past")
    }

    @Test func `waits double up to a minute, jittered, and begin anew after a good connection`() throws {
        var bench = try Bench()
        var waits: [Duration] = []
        for _ in 1...9 {
            _ = bench.pass(.zero)
            guard case .disconnected(_, let wait)? = bench.feed(.connectFailed("refused")).events.last else {
                Issue.record("no report")
                return
            }
            waits.append(wait)
            _ = bench.pass(wait)
        }
        #expect(waits.allSatisfy { $0 >= .seconds(1) && $0 <= .seconds(60) })
        #expect(waits[0] < .seconds(1.3) && waits[8] >= .seconds(45))
        #expect(waits[3] >= .seconds(6) && waits[3] <= .seconds(10))
        bench.feed(.opened)
        _ = bench.feed(.connack(code: 0, sessionPresent: false))
        _ = bench.pass(.seconds(31))
        guard case .disconnected(_, let wait)? = bench.feed(.lost(code: 7, reason: "x")).events.last else { return }
        #expect(wait < .seconds(1.3))
    }

    @Test func `a broker without MQTT 5 is spoken to in 3_1_1 at once, and a person is told`() throws {
        var bench = try Bench()
        _ = bench.pass(.zero)
        let actions = bench.feed(.connack(code: 0x84, sessionPresent: false))
        #expect(actions.contains(.close))
        #expect(bench.session.version == .v311)
        guard case .connecting = bench.session.phase, case .condition(.olderVersion, true, _)? = actions.events.first
        else {
            Issue.record("\(actions)")
            return
        }
        #expect(
            bench.feed(.connack(code: 0, sessionPresent: false)).events.last
                == .connected(sessionPresent: false, version: "MQTT 3.1.1"))
        _ = bench.feed(.lost(code: 7, reason: "x"))
        #expect(bench.session.version == .v311)
    }

    @Test(arguments: [0x04, 0x05, 0x85, 0x86, 0x87])
    func `a refused connection raises one condition that ends with the next connection`(code: Int) throws {
        var bench = try Bench()
        _ = bench.pass(.zero)
        let first = bench.feed(.connack(code: code, sessionPresent: false)).events
        #expect(first.contains { if case .condition(.connectionRefused, true, _) = $0 { true } else { false } })
        _ = bench.pass(.seconds(60))
        let second = bench.feed(.connack(code: code, sessionPresent: false)).events
        #expect(!second.contains { if case .condition = $0 { true } else { false } })
        _ = bench.pass(.seconds(60))
        let third = bench.feed(.connack(code: 0, sessionPresent: false)).events
        #expect(third.contains { if case .condition(.connectionRefused, false, _) = $0 { true } else { false } })
    }

    @Test func `a taken-over session ends the retry storm and is named`() throws {
        var bench = try Bench()
        _ = bench.connect()
        let events = bench.feed(.lost(code: 0x8E, reason: "taken over")).events
        guard case .disconnected(_, let wait)? = events.last,
            case .condition(.sessionTakenOver, true, _)? = events.first
        else {
            Issue.record("\(events)")
            return
        }
        #expect(wait >= .seconds(225) && wait <= .seconds(375))
    }

    @Test func `a broker that acknowledges nothing is left`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        _ = bench.pass(.seconds(100))
        try bench.send(2)
        #expect(bench.feed(.puback(messageID: 1, code: 0)).events == [.acknowledged(token: 1)])
        #expect(bench.pass(.seconds(119)).isEmpty || bench.session.isConnected, "progress counts, not age")
        let actions = bench.pass(.seconds(2))
        #expect(actions.contains(.close))
        #expect(actions.events.contains { if case .unacknowledged(token: 2, _) = $0 { true } else { false } })
    }

    @Test func `a broker that never answers the connect is left`() throws {
        var bench = try Bench()
        _ = bench.pass(.zero)
        bench.feed(.opened)
        #expect(bench.pass(.seconds(19)).isEmpty)
        #expect(bench.pass(.seconds(1)).contains(.close))
    }

    @Test func `stopping sends the last state, waits for it, and says goodbye`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        #expect(bench.feed(.stop) == [.sendDocuments])
        bench.feed(.sent(.document(.state), messageID: 9))
        #expect(throws: PublishRefusal.notConnected) { try bench.send(2) }
        #expect(bench.feed(.puback(messageID: 1, code: 0)) == [.report(.acknowledged(token: 1))])
        #expect(bench.feed(.puback(messageID: 9, code: 0x10)) == [.disconnect, .close])
        #expect(bench.session.phase == .stopped)
    }

    @Test func `stopping waits for nothing when everything was acknowledged before`() throws {
        var bench = try Bench()
        _ = bench.connect()
        bench.feed(.sent(.document(.state), messageID: 9))
        bench.feed(.puback(messageID: 9, code: 0))
        #expect(bench.feed(.stop) == [.sendDocuments])
        #expect(bench.feed(.tick) == [.disconnect, .close])
    }

    @Test func `stopping is bounded`() throws {
        var bench = try Bench()
        _ = bench.connect()
        try bench.send(1)
        _ = bench.feed(.stop)
        let actions = bench.pass(UplinkLimits.stopTime)
        #expect(actions.prefix(2) == [.disconnect, .close])
        #expect(actions.events.count == 1)
    }

    @Test func `the command connection subscribes at each connect and tells when it may not`() throws {
        var bench = try Bench(role: .commands)
        #expect(bench.connect() == [.subscribe])
        let events = bench.feed(.suback(code: 0x87)).events
        #expect(events.contains { if case .condition(.commandsNotSubscribed, true, _) = $0 { true } else { false } })
        #expect(!bench.feed(.suback(code: 1)).events.isEmpty)
    }
}

struct MQTTOptionsTests {
    @Test(arguments: [
        ("mqtt://broker", "broker", 1883), ("mqtts://broker/", "broker", 8883),
        ("mqtt://10.0.0.1:2883", "10.0.0.1", 2883),
        ("mqtt://[2001:db8::1]:1884", "2001:db8::1", 1884),
    ])
    func `addresses are read`(url: String, host: String, port: Int) throws {
        let options = try MQTTOptions(UplinkSettings(name: "a", gateway: "g", url: url))
        #expect(options.host == host)
        #expect(options.port == port)
    }

    @Test(arguments: [
        "http://x", "mqtt://", "mqtt://a:b@c", "mqtt://h:0", "mqtt://h:65536", "mqtt://h:x", "mqtt://[::1",
        "mqtt://h/p",
    ])
    func `bad addresses are refused and quoted`(url: String) {
        #expect { try MQTTOptions(UplinkSettings(name: "a", gateway: "g", url: url)) } throws: { error in
            (error as? UplinkSettingsError)?.key == "url"
        }
    }

    @Test func `settings that contradict each other are refused by key`() {
        func key(_ change: (inout UplinkSettings) -> Void) -> String? {
            var settings = UplinkSettings(name: "a", gateway: "g", url: "mqtts://h")
            change(&settings)
            do throws(UplinkSettingsError) {
                _ = try MQTTOptions(settings)
                return nil
            } catch {
                return error.key
            }
        }
        #expect(key { _ in } == nil)
        #expect(key { $0.certificate = "a.pem" } == "key")
        #expect(key { ($0.url, $0.ca) = ("mqtt://h", "ca.pem") } == "url")
        #expect(key { $0.version = "4" } == "version")
        #expect(key { $0.inFlight = 0 } == "in_flight")
        #expect(key { $0.topic = "a/#" } == "topic")
        #expect(key { $0.clientID = "" } == "client_id")
    }

    @Test func `each kind and each encoding is a row of the table`() throws {
        #expect(UplinkFactory.kinds.map(\.name) == ["mqtt", "http", "file"])
        #expect(UplinkFactory.encodings.map(\.name) == ["json", "senml", "senml-cbor"])
        #expect(UplinkFactory.kind(named: "carrier-pigeon") == nil)
    }
}
