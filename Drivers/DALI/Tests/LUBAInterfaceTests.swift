import Telemetry
import Testing

@testable import DALIDriver

/// The state machine alone: bytes and moments in, actions out.
@Suite struct LUBAInterfaceTests {
    static let query = DALIRequest.gear(ShortAddress(1)!, .queryActualLevel, priority: .polling)
    static let other = DALIRequest.gear(ShortAddress(2)!, .queryActualLevel, priority: .polling)
    static let level = DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)

    /// A connected interface and its bench.
    struct Peer {
        var interface = LUBAInterface()
        var now = BootInstant(nanoseconds: 0)

        init() {
            interface.connect(at: now)
            _ = drain()
            say(0x21, [UInt8](repeating: 0, count: 20))
            say(0x2D, [0, 0, 0, 0, 0, 0])
            _ = drain()
        }

        mutating func drain() -> [InterfaceAction] {
            var actions: [InterfaceAction] = []
            while let action = interface.nextAction() { actions.append(action) }
            return actions
        }

        mutating func say(_ code: UInt8, _ data: [UInt8]) {
            interface.received(LUBA.Frame(command: code, data: data).bytes, at: now)
        }

        mutating func accept(id: UInt8) { say(0x33, [id, 0]) }

        mutating func sent(_ frame: ForwardFrame, id: UInt8, tick: UInt8 = 0) {
            say(0x31, [0, tick, 0, UInt8(frame.bits), id] + frame.bytes)
        }

        mutating func reply(_ value: UInt8, tick: UInt8 = 16) { say(0x31, [0, tick, 0, 0x88, value]) }

        mutating func pass(_ duration: Duration) {
            now = now.advanced(by: duration)
            interface.elapsed(at: now)
        }

        mutating func begin(_ request: DALIRequest) -> [InterfaceAction] {
            interface.begin(request, at: now)
            return drain()
        }
    }

    @Test func `the greeting names the interface and never writes its settings`() {
        var interface = LUBAInterface()
        interface.connect(at: BootInstant(nanoseconds: 0))
        #expect(interface.nextAction() == .write(LUBA.queryDeviceInformation.bytes))
        let information: [UInt8] =
            [0x1F, 0x71, 0xFB, 0x04, 0xCB, 0] + [0, 0, 0, 0, 0, 0, 0, 0x2A] + [1, 1] + [1, 0x70, 0xBE, 0xD0]
        interface.received(LUBA.Frame(command: 0x21, data: information).bytes, at: BootInstant(nanoseconds: 1))
        #expect(interface.nextAction() == .write(LUBA.readStatus.bytes))
        interface.received(
            LUBA.Frame(command: 0x2D, data: [0, 0, 0, 0, 0, 0]).bytes, at: BootInstant(nanoseconds: 2))
        #expect(interface.nextAction() == .connected("LUBA interface, article 24166096, number 42"))
        #expect(interface.nextAction() == nil)
        #expect(interface.isIdle)
    }

    @Test func `an interface that says nothing is given up with advice`() {
        var interface = LUBAInterface()
        interface.connect(at: BootInstant(nanoseconds: 0))
        _ = interface.nextAction()
        interface.elapsed(at: BootInstant(nanoseconds: 999_000_000))
        #expect(interface.nextAction() == nil)
        interface.elapsed(at: BootInstant(nanoseconds: 1_000_000_000))
        guard case .connectFailed(let text)? = interface.nextAction() else {
            Issue.record("no failure")
            return
        }
        #expect(text.contains("38400"))
    }

    @Test func `a query ends with its answer`() {
        var peer = Peer()
        #expect(peer.begin(Self.query) == [.write(LUBA.send(Self.query).bytes)])
        peer.accept(id: 1)
        peer.sent(Self.query.frame, id: 1)
        #expect(peer.drain() == [])
        peer.reply(0xFE)
        #expect(peer.drain() == [.finished(.reply(0xFE))])
    }

    @Test func `silence after the frame was sent is a value`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 1)
        peer.sent(Self.query.frame, id: 1)
        peer.pass(LUBAInterface.replyTimeout)
        #expect(peer.drain() == [.finished(.none)])
    }

    @Test func `a framing error in place of the answer is a collision`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 1)
        peer.sent(Self.query.frame, id: 1)
        peer.say(0x31, [0, 16, 0, 0xBF])
        #expect(peer.drain() == [.finished(.collision)])
    }

    @Test func `a confirmation of another frame confirms nothing`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 2)
        peer.sent(Self.other.frame, id: 1)
        peer.reply(0x33)
        #expect(peer.drain() == [.event(.backward(0x33))])
        peer.sent(Self.query.frame, id: 2)
        peer.reply(0xFE)
        #expect(peer.drain() == [.finished(.reply(0xFE))])
    }

    @Test func `what is sent twice is confirmed twice`() {
        var peer = Peer()
        let identify = DALIRequest.gear(ShortAddress(1)!, .identifyDevice, priority: .user)
        _ = peer.begin(identify)
        peer.accept(id: 1)
        peer.sent(identify.frame, id: 1)
        #expect(peer.drain() == [])
        peer.sent(identify.frame, id: 1, tick: 30)
        #expect(peer.drain() == [.finished(.none)])
    }

    @Test(arguments: LUBA.Rejection.allCases)
    func `each reject code is named`(_ rejection: LUBA.Rejection) {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.say(0x33, [rejection.rawValue])
        if rejection == .busVoltage {
            #expect(peer.drain() == [.event(.busDown(.noVoltage)), .finished(.error(.busDown(.noVoltage)))])
        } else {
            #expect(peer.drain() == [.finished(.error(.rejected(rejection.text)))])
        }
        #expect(!rejection.text.isEmpty)
    }

    @Test func `an answer that comes too late is not taken for the next query's`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 1)
        peer.sent(Self.query.frame, id: 1, tick: 0)
        peer.pass(LUBAInterface.replyTimeout)
        #expect(peer.drain() == [.finished(.none)])
        _ = peer.begin(Self.other)
        peer.reply(0x11, tick: 60)
        peer.accept(id: 2)
        peer.reply(0x11, tick: 60)
        peer.sent(Self.other.frame, id: 2, tick: 100)
        #expect(peer.drain() == [.event(.backward(0x11)), .event(.backward(0x11))])
        // On the interface's own clock this one is far too late to answer.
        peer.reply(0x11, tick: 200)
        #expect(peer.drain() == [.event(.backward(0x11))])
        peer.reply(0x22, tick: 116)
        #expect(peer.drain() == [.finished(.reply(0x22))])
    }

    @Test func `after a time-out the interface is drained before the next frame`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 1)
        peer.pass(LUBAInterface.sentTimeout)
        guard case .finished(.error(.noAnswerFromInterface(let text)))? = peer.drain().first else {
            Issue.record("no failure")
            return
        }
        #expect(text.contains("did not report it as sent"))
        #expect(peer.begin(Self.query) == [.write(LUBA.readStatus.bytes)])
        // Its buffer still holds the frame: asked again a little later.
        peer.say(0x2D, [0, 0, 0, 1, 1, 0])
        #expect(peer.drain() == [])
        peer.pass(LUBAInterface.drainInterval)
        #expect(peer.drain() == [.write(LUBA.readStatus.bytes)])
        // Now the frame goes out and is answered: neither counts.
        peer.sent(Self.query.frame, id: 1)
        peer.reply(0x11)
        #expect(peer.drain() == [.event(.backward(0x11))])
        peer.say(0x2D, [0, 0, 0, 1, 0, 0])
        #expect(peer.drain() == [.write(LUBA.send(Self.query).bytes)])
        peer.accept(id: 2)
        peer.sent(Self.query.frame, id: 2)
        peer.reply(0x22)
        #expect(peer.drain() == [.finished(.reply(0x22))])
    }

    @Test func `another controller's frame ends the time for an answer`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.accept(id: 1)
        peer.sent(Self.query.frame, id: 1)
        peer.say(0x31, [0, 20, 0, 0x90, 0xFF, 0x05])
        #expect(
            peer.drain() == [.finished(.none), .event(.foreignFrame(ForwardFrame(bits: 16, data: 0xFF05)))])
    }

    @Test func `a bus without voltage is asked about every second until it is back`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.say(0x33, [1])
        _ = peer.drain()
        #expect(peer.interface.isBusDown)
        peer.pass(LUBAInterface.busDownInterval)
        #expect(peer.drain() == [.write(LUBA.readStatus.bytes)])
        peer.say(0x2D, [0, 0, 0, 1, 0, 0x80])
        #expect(peer.drain() == [])
        peer.pass(LUBAInterface.busDownInterval)
        peer.say(0x2D, [0, 0, 0, 1, 0, 0])
        #expect(peer.drain() == [.write(LUBA.readStatus.bytes), .event(.busUp)])
        #expect(!peer.interface.isBusDown)
        #expect(peer.interface.deadline == nil)
    }

    @Test func `garbage that looks like a frame does not hide the answer`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        // The start of a frame of 23 bytes that never comes, right before the acceptance.
        peer.interface.received([0x59, 0x31, 0x17], at: peer.now)
        peer.accept(id: 1)
        #expect(peer.drain() == [])
        peer.pass(LUBAInterface.answerTimeout)
        #expect(peer.drain() == [])
        peer.sent(Self.query.frame, id: 1)
        peer.reply(0x44)
        #expect(peer.drain() == [.finished(.reply(0x44))])
    }
}
