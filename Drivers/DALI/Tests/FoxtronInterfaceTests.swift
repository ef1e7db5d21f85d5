import Telemetry
import Testing

@testable import DALIDriver

/// The state machine alone: bytes and moments in, actions out.
@Suite struct FoxtronInterfaceTests {
    static let query = DALIRequest.gear(ShortAddress(1)!, .queryActualLevel, priority: .polling)
    static let other = DALIRequest.gear(ShortAddress(2)!, .queryActualLevel, priority: .polling)
    static let level = DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)
    static let twice = DALIRequest.gear(ShortAddress(1)!, .identifyDevice, priority: .user)

    struct Peer {
        var interface = FoxtronInterface()
        var now = BootInstant(nanoseconds: 0)

        /// Greeted, and its buffer emptied.
        init() {
            interface.connect(at: now)
            say([7, 2, 4, 6])
            say([7, 1, 0, 9])
            say([7, 3, 0, 0])
            _ = drain()
            interface.begin(FoxtronInterfaceTests.level, at: now)
            say([9, 4, 0, 0, 0])
            pass(FoxtronInterface.drainPause)
            confirm(FoxtronInterfaceTests.level)
            _ = drain()
        }

        mutating func drain() -> [InterfaceAction] {
            var actions: [InterfaceAction] = []
            while let action = interface.nextAction() { actions.append(action) }
            return actions
        }

        mutating func say(_ payload: [UInt8]) { interface.received(Foxtron.bytes(payload), at: now) }

        mutating func confirm(_ request: DALIRequest, _ answer: UInt8? = nil) {
            let frame = [UInt8(request.frame.bits)] + request.frame.bytes
            if let answer { say([0x0D] + frame + [8, answer]) } else { say([0x0E] + frame) }
        }

        mutating func pass(_ duration: Duration) {
            now = now.advanced(by: duration)
            interface.elapsed(at: now)
        }

        mutating func begin(_ request: DALIRequest) -> [InterfaceAction] {
            interface.begin(request, at: now)
            return drain()
        }
    }

    @Test func `the greeting asks for firmware, number and bus power, and writes nothing`() {
        var interface = FoxtronInterface()
        let now = BootInstant(nanoseconds: 0)
        interface.connect(at: now)
        #expect(interface.nextAction() == .write(Foxtron.query(2)))
        interface.received(Foxtron.bytes([7, 2, 4, 6]), at: now)
        #expect(interface.nextAction() == .write(Foxtron.query(1)))
        interface.received(Foxtron.bytes([7, 1, 0, 9]), at: now)
        #expect(interface.nextAction() == .write(Foxtron.query(3)))
        interface.received(Foxtron.bytes([7, 3, 0, 2]), at: now)
        #expect(interface.nextAction() == .connected("Foxtron interface, firmware 4.6, number 9"))
        #expect(interface.nextAction() == .event(.busDown(.mains)))
        #expect(interface.isIdle && interface.busFault == .mains)
    }

    @Test(arguments: [([UInt8](), "no Foxtron interface answers"), ([0x80, 0xFE, 0x00], "3 bytes nobody understands")])
    func `silence and garbage are told apart`(_ bytes: [UInt8], _ words: String) {
        var interface = FoxtronInterface()
        interface.connect(at: BootInstant(nanoseconds: 0))
        _ = interface.nextAction()
        interface.received(bytes, at: BootInstant(nanoseconds: 1))
        interface.elapsed(at: BootInstant(nanoseconds: 2_000_000_000))
        guard case .connectFailed(let text)? = interface.nextAction() else {
            Issue.record("not given up")
            return
        }
        #expect(text.contains(words) && text.contains("19200 8E1"))
    }

    @Test func `a query ends with the answer that repeats its frame`() {
        var peer = Peer()
        #expect(peer.begin(Self.query) == [.write(Foxtron.send(Self.query))])
        peer.confirm(Self.query, 0xFE)
        #expect(peer.drain() == [.finished(.reply(0xFE))])
    }

    @Test func `silence is a value, and so is an unreadable answer`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.confirm(Self.query)
        #expect(peer.drain() == [.finished(.none)])
        _ = peer.begin(Self.query)
        peer.say([0x0D, 16, 3, 0xA0, 0])
        #expect(peer.drain() == [.finished(.collision)])
    }

    @Test func `frames of others between question and answer are events`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.say([3, 16, 0x19, 0x92, 8, 0xFF])
        peer.say([4, 24, 2, 4, 1])
        peer.say([4, 0])
        #expect(
            peer.drain() == [
                .event(.foreignFrame(ForwardFrame(bits: 16, data: 0x1992))), .event(.backward(0xFF)),
                .event(.foreignFrame(ForwardFrame(bits: 24, data: 0x02_0401))), .event(.framing),
            ])
        peer.confirm(Self.query, 7)
        #expect(peer.drain() == [.finished(.reply(7))])
    }

    @Test func `another master's frame equal to ours is not our confirmation`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.say([3, 16, 3, 0xA0, 8, 1])
        #expect(peer.drain() == [.event(.foreignFrame(Self.query.frame)), .event(.backward(1))])
        peer.confirm(Self.query, 2)
        #expect(peer.drain() == [.finished(.reply(2))])
    }

    @Test func `an answer that comes after its time answers nothing, and the buffer is emptied first`() {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.pass(FoxtronInterface.sentTimeout)
        guard case .finished(.error(.noAnswerFromInterface))? = peer.drain().first else {
            Issue.record("no failure")
            return
        }
        #expect(peer.begin(Self.query) == [.write(Foxtron.clearBuffer)])
        peer.confirm(Self.query, 0x11)
        peer.say([9, 4, 0, 0, 0])
        peer.confirm(Self.query, 0x12)
        #expect(peer.drain() == [])
        peer.pass(FoxtronInterface.drainPause)
        #expect(peer.drain() == [.write(Foxtron.send(Self.query))])
        peer.confirm(Self.other, 0x13)
        #expect(peer.drain() == [])
        peer.confirm(Self.query, 0x22)
        #expect(peer.drain() == [.finished(.reply(0x22))])
    }

    @Test func `what goes twice may be confirmed twice or once`() {
        var peer = Peer()
        _ = peer.begin(Self.twice)
        peer.confirm(Self.twice)
        #expect(peer.drain() == [])
        peer.confirm(Self.twice)
        #expect(peer.drain() == [.finished(.none)])
        // A converter that confirms once: the first time its silence is waited for, then no more.
        _ = peer.begin(Self.twice)
        peer.confirm(Self.twice)
        peer.pass(FoxtronInterface.secondTimeout)
        #expect(peer.drain() == [.finished(.none)])
        _ = peer.begin(Self.twice)
        peer.confirm(Self.twice)
        #expect(peer.drain() == [.finished(.none)])
        // It does confirm twice after all.
        peer.confirm(Self.twice)
        _ = peer.begin(Self.twice)
        peer.confirm(Self.twice)
        #expect(peer.drain().last != .finished(.none))
    }

    @Test(arguments: [(UInt8(1), BusFault.noVoltage), (2, .mains), (3, .supply)])
    func `a bus that fails ends the request and is asked about until it is back`(_ code: UInt8, _ fault: BusFault) {
        var peer = Peer()
        _ = peer.begin(Self.query)
        peer.say([5, code])
        #expect(peer.drain() == [.event(.busDown(fault)), .finished(.error(.busDown(fault)))])
        peer.pass(.seconds(1))
        #expect(peer.drain() == [.write(Foxtron.query(3))])
        peer.say([7, 3, 0, code])
        #expect(peer.drain() == [])
        peer.pass(.seconds(1))
        _ = peer.drain()
        peer.say([5, 0])
        #expect(peer.drain() == [.event(.busUp)])
        #expect(peer.interface.busFault == nil)
        // The frame that waited must not go out now.
        #expect(peer.begin(Self.query) == [.write(Foxtron.clearBuffer)])
    }

    @Test func `a full buffer is tried again, for a second`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.say([5, 4])
        #expect(peer.drain() == [])
        peer.pass(InterfacePatience.retryPause)
        #expect(peer.drain() == [.write(Foxtron.send(Self.level))])
        peer.now = peer.now.advanced(by: InterfacePatience.retryLimit)
        peer.say([5, 4])
        #expect(peer.drain() == [.finished(.error(.rejected(InterfacePatience.stuckBuffer)))])
    }

    @Test func `a message that arrived broken is sent once more after a second, then given up`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        peer.say([5, 5])
        peer.pass(.milliseconds(900))
        #expect(peer.drain() == [])
        peer.pass(.milliseconds(100))
        #expect(peer.drain() == [.write(Foxtron.send(Self.level))])
        peer.say([5, 5])
        guard case .finished(.error(.rejected(let reason)))? = peer.drain().first else {
            Issue.record("not given up")
            return
        }
        #expect(reason.contains("wrong check"))
    }

    @Test func `a frame that another master destroyed goes again, at most three times`() {
        var peer = Peer()
        _ = peer.begin(Self.level)
        for _ in 0..<InterfacePatience.collisionRetries {
            peer.say([0x0E, 0])
            #expect(peer.drain() == [.write(Foxtron.send(Self.level))])
        }
        peer.say([0x0E, 0])
        #expect(peer.drain() == [.finished(.error(.rejected(InterfacePatience.disturbed)))])
    }

    @Test func `an idle connection is kept alive every 20 seconds`() {
        var peer = Peer()
        #expect(peer.interface.deadline == peer.now.advanced(by: .seconds(20)))
        peer.pass(.seconds(20))
        #expect(peer.drain() == [.write(InterfaceVectors.bytes(foxtron: "doc_cfg_query_fw"))])
        #expect(peer.interface.isIdle && peer.interface.deadline == peer.now.advanced(by: .seconds(20)))
    }
}
