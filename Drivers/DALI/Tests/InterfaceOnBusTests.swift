import DriverKit
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Each framing of the driver against the simulator's interface of that kind, whose codec shares no code with it, on a bus with
/// gear, in virtual time.
@Suite struct InterfaceOnBusTests {
    /// The simulator's interface as a channel, its bytes cut into pieces.
    final class Channel: DALIChannel {
        let session: any LampGateway
        let clock = VirtualClock()
        let summary = "simulated"
        /// Bytes handed over at once.
        var piece = Int.max
        /// Something that happens on the bus at a moment.
        var agenda: [(at: BootInstant, action: (any LampGateway, BootInstant) -> Void)] = []
        private var arrived: [UInt8] = []

        init(_ interface: LampInterface, gear: Int) {
            let lamps = (0..<gear).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), isD4i: false) }
            session = interface.gateway(bus: LampBus(name: "lamps", gear: lamps, seed: 1, at: clock.now))
        }

        func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
            step()
            while arrived.isEmpty, clock.now < deadline {
                let next = [deadline, session.nextDeadline, agenda.first?.at].compactMap { $0 }.min() ?? deadline
                clock.advance(to: next)
                step()
            }
            defer { arrived.removeFirst(min(piece, arrived.count)) }
            return Array(arrived.prefix(piece))
        }

        func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
            session.receive(bytes, at: clock.now)
        }

        private func step() {
            while let first = agenda.first, first.at <= clock.now {
                agenda.removeFirst()
                first.action(session, clock.now)
            }
            arrived += session.advance(to: clock.now)
        }
    }

    /// A greeted connection.
    final class Bench {
        let channel: Channel
        let connection: DALIConnection
        private(set) var events: [DALIEvent] = []
        private(set) var greeting = DALIConnection.Greeting.failed("")

        init(_ interface: LampInterface, gear: Int = 3, piece: Int = .max) throws {
            let channel = Channel(interface, gear: gear)
            channel.piece = piece
            let kind = try #require(InterfaceKind.named(interface.rawValue))
            var record: (DALIConnection.Record) -> Void = { _ in }
            let relay = { (one: DALIConnection.Record) in record(one) }
            self.channel = channel
            connection = DALIConnection(
                channel: channel, interface: kind.make(), now: { channel.clock.now }, record: relay)
            record = { [unowned self] one in if case .event(let event) = one { events.append(event) } }
            greeting = connection.greet()
        }

        func at(_ delay: Duration, _ action: @escaping (any LampGateway, BootInstant) -> Void) {
            channel.agenda.append((channel.clock.now.advanced(by: delay), action))
        }

        func query(_ address: Int, _ opcode: GearOpcode = .queryActualLevel) -> DALIOutcome {
            connection.transact(.gear(ShortAddress(address)!, opcode, priority: .polling))
        }

        func pass(_ duration: Duration) {
            let end = channel.clock.now.advanced(by: duration)
            while channel.clock.now < end {
                channel.clock.advance(to: min(end, channel.clock.now.advanced(by: .milliseconds(20))))
                connection.service()
            }
        }
    }

    static let allQuery = DALIRequest(ForwardFrame(bits: 16, data: 0xFFA0), priority: .polling, expectsReply: true)

    @Test(arguments: LampInterface.allCases)
    func `it is greeted, and every kind of the simulator is a kind of the driver`(_ interface: LampInterface) throws {
        guard case .connected(let words) = try Bench(interface).greeting else {
            Issue.record("no greeting")
            return
        }
        #expect(words.lowercased().contains(interface.rawValue))
    }

    @Test(arguments: LampInterface.allCases, [1, 2, 7, Int.max])
    func `answers and silence are values, however the bytes arrive`(_ interface: LampInterface, _ piece: Int) throws {
        let bench = try Bench(interface, piece: piece)
        for address in 0..<3 { #expect(bench.query(address) == .reply(254)) }
        #expect(bench.query(60) == .none)
        #expect(
            bench.connection.transact(DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user))
                == .none)
        #expect(bench.query(1) == .reply(127))
        #expect(bench.query(0) == .reply(254))
        #expect(bench.events.isEmpty)
    }

    @Test(arguments: LampInterface.allCases)
    func `a query costs the bus its own time and little more`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        _ = bench.query(0)
        let begun = bench.channel.clock.now
        for _ in 0..<100 { _ = bench.query(0) }
        let each = bench.channel.clock.now.duration(since: begun).wholeNanoseconds / 100
        // 50 ms of bus at priority 5; Foxtron's text takes up to 20 ms on its line.
        #expect((49_000_000...80_000_000).contains(each))
    }

    @Test(arguments: LampInterface.allCases)
    func `gear that answer differently at once are a collision`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        _ = bench.connection.transact(DALIRequest(.directArcPower(ShortAddress(0)!, level: 100), priority: .user))
        #expect(bench.connection.transact(Self.allQuery) == .collision)
        #expect(bench.query(0) == .reply(100))
    }

    @Test(arguments: LampInterface.allCases)
    func `what must go twice goes twice, within 100 ms`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        let setting = DALIRequest.gear(ShortAddress(0)!, .setPowerOnLevel, priority: .configuration)
        #expect(bench.connection.transact(.special(.dataTransferRegister0, 100, priority: .configuration)) == .none)
        #expect(setting.isSentTwice && bench.connection.transact(setting) == .none)
        #expect(bench.query(0, .queryPowerOnLevel) == .reply(100))
    }

    @Test(arguments: LampInterface.allCases)
    func `frames of other masters and sensors come through while ours are under way`(_ interface: LampInterface) throws
    {
        let bench = try Bench(interface)
        for frame: [UInt8] in [[0x02, 0x04, 0x01], [0x03, 0x90], [0xFF, 0xFE, 0x30], [0x05, 0xA0]] {
            bench.at(.zero) { $0.foreignFrame(frame, at: $1) }
            #expect(bench.query(2) == .reply(254))
        }
        #expect(bench.events.contains(.foreignFrame(ForwardFrame(bits: 24, data: 0x02_0401))))
        #expect(bench.events.contains(.foreignFrame(ForwardFrame(bits: 16, data: 0x0390))))
    }

    @Test(arguments: LampInterface.allCases)
    func `a command to control devices has 24 bits on the bus`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        let before = bench.channel.session.bus.forwardFrames
        #expect(
            bench.connection.transact(.device(.broadcast, .startQuiescentMode, priority: .configuration)) == .none)
        #expect(bench.channel.session.bus.forwardFrames == before + 2)
        #expect(bench.query(0) == .reply(254))
    }

    @Test(arguments: LampInterface.allCases)
    func `a bus without voltage is told, and that it is back`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        #expect(bench.query(0) == .reply(254))
        bench.channel.session.bus.setPowered(false, at: bench.channel.clock.now)
        // SevenLab tells it after half a second, LUBA at the next frame.
        bench.pass(.milliseconds(600))
        #expect(bench.query(0) == .error(.busDown(.noVoltage)))
        #expect(bench.connection.busFault == .noVoltage)
        bench.channel.session.bus.setPowered(true, at: bench.channel.clock.now)
        bench.pass(.milliseconds(2500))
        #expect(bench.connection.busFault == nil)
        #expect(bench.query(0) == .reply(254))
        #expect(bench.events == [.busDown(.noVoltage), .busUp])
    }

    @Test(arguments: [(FoxtronGateway.BusPower.mains, BusFault.mains), (.badSupply, .supply)])
    func `mains on the bus and a bad supply have their own words`(
        _ power: FoxtronGateway.BusPower, _ fault: BusFault
    ) throws {
        let bench = try Bench(.foxtron)
        let gateway = try #require(bench.channel.session as? FoxtronGateway)
        gateway.setBusPower(power, at: bench.channel.clock.now)
        bench.pass(.milliseconds(100))
        #expect(bench.query(0) == .error(.busDown(fault)))
        gateway.setBusPower(.good, at: bench.channel.clock.now)
        bench.pass(.milliseconds(100))
        #expect(bench.query(0) == .reply(254))
        #expect(bench.events == [.busDown(fault), .busUp])
    }

    @Test func `a converter whose DTR is off says nothing`() throws {
        let bench = try Bench(.foxtron)
        let gateway = try #require(bench.channel.session as? FoxtronGateway)
        gateway.hasDTR = false
        guard case .error(.noAnswerFromInterface) = bench.query(0), case .failed(let words) = bench.connection.greet()
        else {
            Issue.record("it answered")
            return
        }
        #expect(words.contains("DTR"))
        gateway.hasDTR = true
        #expect(bench.connection.greet() != .failed(words))
        #expect(bench.query(0) == .reply(254))
    }

    @Test(arguments: [LampInterface.foxtron, .sevenlab])
    func `a frame that another master destroyed is sent again`(_ interface: LampInterface) throws {
        let bench = try Bench(interface)
        bench.channel.session.collide(nextFrames: 2)
        #expect(bench.query(1) == .reply(254))
    }

    @Test(arguments: LampInterface.allCases)
    func `noise on the line to the interface costs at most the request it hits`(_ interface: LampInterface) throws {
        let bench = try Bench(interface, gear: 8)
        var random = SplitMix(seed: 9)
        var answered = 0
        for round in 0..<60 {
            if round % 3 == 0 {
                let noise = (0..<Int(random.next() % 12)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                bench.at(.milliseconds(Int64(random.next() % 40))) { $0.makeNoise(noise, at: $1) }
            }
            switch bench.query(round % 8) {
            case .reply(254): answered += 1
            // No other lamp's answer, no other number: that request is lost and said to be.
            case .error: break
            case let other: Issue.record("\(other)")
            }
        }
        #expect(answered >= 55)
    }
}
