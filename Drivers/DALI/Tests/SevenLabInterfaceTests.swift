import Telemetry
import Testing

@testable import DALIDriver

/// The state machine alone: lines and moments in, actions out.
@Suite struct SevenLabInterfaceTests {
    static let query = DALIRequest.gear(ShortAddress(1)!, .queryActualLevel, priority: .polling)
    static let other = DALIRequest.gear(ShortAddress(2)!, .queryActualLevel, priority: .polling)
    static let level = DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)
    static let twice = DALIRequest.gear(ShortAddress(1)!, .identifyDevice, priority: .user)

    struct Peer {
        var interface = SevenLabInterface()
        var now = BootInstant(nanoseconds: 0)

        init() {
            interface.connect(at: now)
            greet()
            _ = drain()
        }

        mutating func drain() -> [InterfaceAction] {
            var actions: [InterfaceAction] = []
            while let action = interface.nextAction() { actions.append(action) }
            return actions
        }

        mutating func greet() { say("DALI USB interface - SevenLab 2024\r\nVersion 3.5.0 \r\n") }

        mutating func say(_ text: String) { interface.received(Array((text + "\r\n").utf8), at: now) }

        mutating func status(_ code: String) { say("{00000100:\(code) 00000000}") }

        mutating func pass(_ duration: Duration) {
            now = now.advanced(by: duration)
            interface.elapsed(at: now)
        }

        mutating func begin(_ request: DALIRequest) -> [InterfaceAction] {
            interface.begin(request, at: now)
            return drain()
        }
    }

    @Test func `the greeting asks for the version`() {
        var interface = SevenLabInterface()
        interface.connect(at: BootInstant(nanoseconds: 0))
        #expect(interface.nextAction() == .write(Array("?".utf8)))
        let text = "DALI USB interface - SevenLab 2024\r\nVersion 3.5.0 \r\n\r\n"
        interface.received(Array(text.utf8), at: BootInstant(nanoseconds: 1))
        #expect(interface.nextAction() == .connected("SevenLab DALI-USB interface, version 3.5.0"))
        #expect(interface.isIdle)
    }

    @Test(arguments: [("", "no SevenLab interface answers"), ("\u{7F}\u{7F}\u{7F}", "3 bytes nobody understands")])
    func `silence and garbage are told apart`(_ text: String, _ words: String) {
        var interface = SevenLabInterface()
        interface.connect(at: BootInstant(nanoseconds: 0))
        _ = interface.nextAction()
        interface.received(Array(text.utf8), at: BootInstant(nanoseconds: 1))
        interface.elapsed(at: BootInstant(nanoseconds: 2_000_000_000))
        guard case .connectFailed(let failure)? = interface.nextAction() else {
            Issue.record("not given up")
            return
        }
        #expect(failure.contains(words) && failure.contains("500000 8N1"))
    }

    @Test(
        arguments: [
            ("{00000026:08 000000c4}", .reply(0xC4)), ("{00000026:81 00000000}", .none),
            ("{00000026:82 00000000}", .collision), ("{00000026:83 00036b03}", .collision),
        ] as [(String, DALIOutcome)])
    func `a query ends with the result that follows its own frame`(_ line: String, _ outcome: DALIOutcome) {
        var peer = Peer()
        #expect(peer.begin(Self.query) == [.write(Array("Q5 10 03A0\r".utf8))])
        peer.say("{00000011>10 000003a0}")
        #expect(peer.drain() == [])
        peer.say(line)
        #expect(peer.drain() == [.finished(outcome)])
    }

    @Test func `an answer before our own frame was heard answers something else`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.say("{00000010:18 00020401}")
        peer.say("{00000011:08 00000011}")
        peer.status("81")
        peer.say("{00000011>10 000005a0}")
        #expect(
            peer.drain() == [.event(.foreignFrame(ForwardFrame(bits: 24, data: 0x02_0401))), .event(.backward(0x11))])
        peer.say("{00000012>10 000003a0}")
        peer.say("{00000013:08 00000022}")
        #expect(peer.drain() == [.finished(.reply(0x22))])
        peer.say("{00000014:08 00000033}")
        #expect(peer.drain() == [.event(.backward(0x33))])
    }

    @Test func `another controller's frame ends the time for an answer`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.say("{00000012>10 000003a0}")
        peer.say("{00000013:10 0000ff05}")
        #expect(peer.drain() == [.finished(.none), .event(.foreignFrame(ForwardFrame(bits: 16, data: 0xFF05)))])
    }

    @Test func `what goes twice is heard twice`() {
        var peer = Peer()
        #expect(peer.begin(Self.twice) == [.write(Array("S2 10+0325\r".utf8))])
        peer.say("{00000011>10 00000325}")
        #expect(peer.drain() == [])
        peer.say("{0000002d>10 00000325}")
        #expect(peer.drain() == [.finished(.none)])
    }

    @Test func `a bus that is low ends the request, and is tried until its own frame is heard`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.status("91")
        #expect(peer.drain() == [.event(.busDown(.noVoltage)), .finished(.error(.busDown(.noVoltage)))])
        peer.pass(.seconds(1))
        #expect(peer.drain() == [.write(Array("Q5 10 FF91\r".utf8))])
        peer.say("{00000400>10 0000ff91}")
        #expect(peer.drain() == [.event(.busUp)])
        peer.status("91")
        peer.say("{00000458:92 0927c000}")
        #expect(peer.drain() == [.event(.busDown(.noVoltage)), .event(.busUp)])
    }

    @Test func `an interface that lives and sends nothing twice has a dead bus`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.pass(SevenLabInterface.sentTimeout)
        guard case .finished(.error(.noAnswerFromInterface))? = peer.drain().first else {
            Issue.record("no failure")
            return
        }
        // First it must show that it lives, and what is left of the old request passes.
        #expect(peer.begin(Self.query) == [.write(Array("?".utf8))])
        peer.greet()
        peer.say("{00000012>10 000003a0}")
        peer.say("{00000013:08 00000011}")
        #expect(peer.drain() == [.event(.backward(0x11))])
        peer.pass(SevenLabInterface.drainPause)
        #expect(peer.drain() == [.write(Array("Q5 10 03A0\r".utf8))])
        peer.pass(SevenLabInterface.sentTimeout)
        _ = peer.drain()
        _ = peer.begin(Self.query)
        peer.greet()
        #expect(peer.drain() == [.event(.busDown(.noVoltage)), .finished(.error(.busDown(.noVoltage)))])
    }

    @Test func `a full queue is tried again, for a second`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.status("a2")
        #expect(peer.drain() == [])
        peer.pass(InterfacePatience.retryPause)
        #expect(peer.drain() == [.write(Array("S2 10 027F\r".utf8))])
        peer.now = peer.now.advanced(by: InterfacePatience.retryLimit)
        peer.status("a2")
        #expect(peer.drain() == [.finished(.error(.rejected(InterfacePatience.stuckBuffer)))])
    }

    @Test func `bytes that were lost are sent once more, then given up`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.status("a4")
        peer.pass(InterfacePatience.retryPause)
        #expect(peer.drain() == [.write(Array("S2 10 027F\r".utf8))])
        peer.status("a4")
        guard case .finished(.error(.rejected))? = peer.drain().first else {
            Issue.record("not given up")
            return
        }
    }

    @Test(arguments: ["84", "85", "86"])
    func `a frame that another controller destroyed goes again, at most three times`(_ code: String) {
        var peer = Peer()
        _ = peer.begin(Self.level)
        for _ in 0..<InterfacePatience.collisionRetries {
            peer.status(code)
            #expect(peer.drain() == [.write(Array("S2 10 027F\r".utf8))])
        }
        peer.status(code)
        #expect(peer.drain() == [.finished(.error(.rejected(InterfacePatience.disturbed)))])
    }
}
