import Telemetry
import TestSupport
import Testing

@testable import Uplinks

/// Against a real broker. Each test has its own, on a port of its own.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct MQTTBrokerTests {
    private func isAcknowledged(_ token: UInt64) -> (UplinkEvent) -> Bool { { $0 == .acknowledged(token: token) } }

    @Test(arguments: ["5", "3.1.1"])
    func `messages arrive and are acknowledged`(version: String) async throws {
        let broker = try await Broker()
        let subscriber = try await broker.subscriber("candela/g-1/#")
        let recorder = try Recorder(.test(broker.port, version: version))
        try await recorder.connected()
        for token in 1...200 {
            let text = "{\"number\":\(token)}"
            while true {
                do throws(PublishRefusal) {
                    try recorder.uplink.publish(
                        EncodedMessage(topicSuffix: "readings", payload: Array(text.utf8)), token: UInt64(token))
                    break
                } catch {
                    #expect(error == .windowFull)
                    try await eventually("room") { recorder.events.count > 1 }
                    await Task.yield()
                }
            }
        }
        try await recorder.event("the last one", isAcknowledged(200))
        try await subscriber.line(containing: "candela/g-1/readings|0|{\"number\":200}")
        #expect(Set(recorder.events.filter { if case .acknowledged = $0 { true } else { false } }).count == 200)
        await recorder.uplink.stop(finalState: Array("{\"state\":\"stopping\"}".utf8))
        try await subscriber.line(containing: "candela/g-1/state|0|{\"state\":\"stopping\"}")
        await broker.stop()
    }

    @Test func `MQTT 5 messages carry stream, sequence and content type`() async throws {
        let broker = try await Broker()
        let subscriber = try await broker.subscriber("candela/g-1/readings", ["-V", "5", "-F", "%P|%C|%p"])
        let recorder = try Recorder(.test(broker.port))
        try await recorder.connected()
        try recorder.send(77)
        let line = try await subscriber.line(containing: "stream:s-1")
        #expect(line.contains("sequence:77"))
        #expect(line.contains("application/json"))
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `without a subscriber nothing counts as delivered until somebody listens`() async throws {
        let broker = try await Broker()
        let recorder = try Recorder(.test(broker.port))
        try await recorder.connected()
        try recorder.send(1)
        try await recorder.event("no subscriber") { if case .noSubscriber(1, _) = $0 { true } else { false } }
        #expect(!recorder.events.contains(.acknowledged(token: 1)))
        let subscriber = try await broker.subscriber("candela/#")
        try await recorder.event("ready") { $0 == .ready }
        try recorder.send(1)
        try await recorder.event("acknowledged", isAcknowledged(1))
        try await recorder.event("condition ended") {
            if case .condition(.noSubscriber, false, _) = $0 { true } else { false }
        }
        await subscriber.stop()
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `a broker that refuses is quoted`() async throws {
        let broker = try await Broker(
            "allow_anonymous true\nacl_file %/acl\n", files: ["acl": "topic write candela/g-1/state\n"])
        let recorder = try Recorder(.test(broker.port, commands: true))
        try await recorder.connected()
        try recorder.send(1)
        try await recorder.event("refused") {
            if case .refused(1, let reason, _) = $0 { reason.contains("0x87") } else { false }
        }
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `a wrong password is a condition, not a crash`() async throws {
        let broker = try await Broker("allow_anonymous false\n")
        let recorder = try Recorder(.test(broker.port))
        recorder.uplink.start()
        try await recorder.event("refused connection") {
            if case .condition(.connectionRefused, true, let detail) = $0 { detail.contains("0x87") } else { false }
        }
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test(arguments: ["5", "3.1.1"])
    func `a broker's restart is survived, and what was in flight comes back to the outbox`(version: String) async throws
    {
        let broker = try await Broker()
        let recorder = try Recorder(.test(broker.port, version: version))
        recorder.uplink.setDocument(.state, payload: Array("{\"state\":\"online\"}".utf8))
        try await recorder.connected()
        await broker.stop()
        try await recorder.event("disconnected") { if case .disconnected = $0 { true } else { false } }
        #expect(throws: PublishRefusal.notConnected) { try recorder.send(1) }
        try await broker.start()
        try await eventually("connected again") {
            recorder.events.filter { if case .connected = $0 { true } else { false } }.count == 2
        }
        let subscriber = try await broker.subscriber("candela/#")
        try await subscriber.line(containing: "candela/g-1/state|1|{\"state\":\"online\"}")
        try recorder.send(2)
        try await recorder.event("acknowledged", isAcknowledged(2))
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `a broker that comes late is found`() async throws {
        let broker = try await Broker()
        await broker.stop()
        let recorder = try Recorder(.test(broker.port))
        recorder.uplink.start()
        try await recorder.event("refused") {
            if case .disconnected(let reason, _) = $0 {
                reason.contains("mqtt://127.0.0.1:\(broker.port)")
            } else {
                false
            }
        }
        try await broker.start()
        try await recorder.connected()
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `the broker shows the gateway offline when its session is taken over`()
        async throws
    {
        let broker = try await Broker()
        let subscriber = try await broker.subscriber("candela/g-1/state")
        let first = try Recorder(.test(broker.port))
        try await first.connected()
        let second = try Recorder(.test(broker.port))
        try await second.connected()
        try await subscriber.line(containing: "\"state\":\"offline\"")
        await subscriber.stop()
        await first.uplink.stop(finalState: [])
        await second.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test(arguments: ["5", "3.1.1"])
    func `commands sent while the gateway was away are delivered, and answered where asked`(version: String)
        async throws
    {
        let broker = try await Broker()
        let first = try Recorder(.test(broker.port, version: version, commands: true))
        try await first.connected()
        try await broker.publish("candela/g-1/commands", #"{"id":"a","device":"l","action":"release"}"#)
        try await eventually("first command") { first.commands.count == 1 }
        await first.uplink.stop(finalState: [])
        let properties =
            version == "5"
            ? [
                "-V", "5", "-D", "publish", "message-expiry-interval", "300", "-D", "publish", "response-topic",
                "answers/x",
                "-D", "publish", "correlation-data", "c7",
            ] : []
        try await broker.publish(
            "candela/g-1/commands", #"{"id":"b","device":"l","action":"release"}"#, properties)
        try await broker.publish("candela/g-1/commands", "rubbish")
        let second = try Recorder(.test(broker.port, version: version, commands: true))
        try await second.connected()
        try await eventually("commands that waited") { second.commands.count == 2 }
        guard case .command(let delivered) = second.commands[0], case .rejected(let rejection) = second.commands[1]
        else {
            Issue.record("\(second.commands)")
            return
        }
        #expect(delivered.command.id == "b")
        #expect(delivered.uplink == "head-end")
        #expect(rejection.reason == .malformed)
        if version == "5" {
            let expiry = try #require(delivered.brokerExpiry)
            #expect(expiry > .seconds(200) && expiry <= .seconds(300))
            let asker = try await broker.subscriber("answers/x")
            let result = CommandResult(id: "b", device: "l", status: .applied, finished: delivered.receivedAt)
            for message in JSONEncoding().encode(batch: batch(.results([result])), context: context()) {
                try second.uplink.publish(message, token: 5)
            }
            try await asker.line(containing: "answers/x|0|{\"time\"")
        }
        await second.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `a retained command is refused`() async throws {
        let broker = try await Broker()
        try await broker.publish("candela/g-1/commands", #"{"id":"r","device":"l","action":"release"}"#, ["-r"])
        let recorder = try Recorder(.test(broker.port, commands: true))
        recorder.uplink.start()
        try await eventually("delivery") { !recorder.commands.isEmpty }
        guard case .rejected(let rejection)? = recorder.commands.first else {
            Issue.record("obeyed")
            return
        }
        #expect(rejection.reason == .retained)
        #expect(rejection.id == "r")
        await recorder.uplink.stop(finalState: [])
        await broker.stop()
    }

    @Test func `a broker that only speaks 3_1_1 is spoken to in 3_1_1`() async throws {
        let broker = FakeBroker { kind, body in
            guard kind == 0x10 else { return [] }
            return body[6] == 5 ? [0x20, 2, 0, 1] : [0x20, 2, 0, 0]
        }
        let recorder = try Recorder(.test(broker.port))
        try await recorder.connected()
        #expect(recorder.events.contains(.connected(sessionPresent: false, version: "MQTT 3.1.1")))
        #expect(recorder.events.contains { if case .condition(.olderVersion, true, _) = $0 { true } else { false } })
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `a broker that accepts and never acknowledges is left, and everything comes back`() async throws {
        let broker = FakeBroker { kind, _ in kind == 0x10 ? [0x20, 3, 0, 0, 0] : [] }
        var timing = MQTTTiming.quick
        timing.acknowledgementTime = .milliseconds(200)
        let recorder = try Recorder(.test(broker.port), timing: timing)
        try await recorder.connected()
        try recorder.send(1)
        try await recorder.event("given back") { if case .unacknowledged(1, _) = $0 { true } else { false } }
        await recorder.uplink.stop(finalState: [])
    }

    @Test(
        arguments: [
            [0x20, 3, 0, 0x80, 0], [0x20, 3, 0, 0x97, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x00, 0x00],
            [0x30, 2, 0, 9],
            [0x20, 0x7F], [0x40, 2, 0, 1],
        ] as [[UInt8]])
    func `a broker that answers with garbage harms nothing`(answer: [UInt8]) async throws {
        let broker = FakeBroker { _, _ in answer }
        var timing = MQTTTiming.quick
        timing.connackTime = .milliseconds(200)
        let recorder = try Recorder(.test(broker.port), timing: timing)
        recorder.uplink.start()
        try await recorder.event("given up") { if case .disconnected = $0 { true } else { false } }
        #expect(!recorder.events.contains { if case .connected = $0 { true } else { false } })
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `another gateway with our id is named, and no storm follows`() async throws {
        let broker = FakeBroker { kind, _ in kind == 0x10 ? [0x20, 3, 0, 0, 0, 0xE0, 2, 0x8E, 0] : [] }
        let recorder = try Recorder(.test(broker.port))
        recorder.uplink.start()
        try await recorder.event("taken over") {
            if case .condition(.sessionTakenOver, true, let detail) = $0 { detail.contains("0x8E") } else { false }
        }
        try await recorder.event("a long wait") {
            if case .disconnected(_, let wait) = $0 { wait > .seconds(200) } else { false }
        }
        await recorder.uplink.stop(finalState: [])
    }
}
