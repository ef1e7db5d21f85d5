import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Who sits at an address, and what is said when it is somebody else.
struct GearIdentityTests {
    static func lamps(_ count: Int) -> [GearDescription] {
        SimulatedBus.lamps(count) { $1.identification = UInt64(1000 + $0) }
    }

    static let article = GearDescription.madeUpArticle

    /// Two gear change addresses while nobody looks.
    static func swap(_ bus: SimulatedBus, _ a: String, _ b: String) throws {
        let (first, second) = (bus.gear(a), bus.gear(b))
        let addresses = (try #require(first.shortAddress), try #require(second.shortAddress))
        for (one, old, new) in [(first, addresses.0, addresses.1), (second, addresses.1, addresses.0)] {
            _ = one.receive(0xA3, new << 1 | 1, at: bus.clock.now)
            _ = one.receive(old << 1 | 1, 0x80, at: bus.clock.now)
            _ = one.receive(old << 1 | 1, 0x80, at: bus.clock.now)
            #expect(one.shortAddress == new)
        }
    }

    static func cycleMains(_ bus: SimulatedBus) {
        for one in bus.bus.gear { one.setMains(false, at: bus.clock.now) }
        bus.run(for: .seconds(40))
        for one in bus.bus.gear { one.setMains(true, at: bus.clock.now) }
        bus.run(for: .seconds(90))
    }

    static func changes(_ bus: SimulatedBus) -> [DriverEvent] {
        bus.outlet.all.events.filter { $0.kind == "identity_changed" }
    }

    @Test func `the first meeting is remembered and nothing is raised`() throws {
        let bus = SimulatedBus(gear: Self.lamps(2))
        try bus.start()
        bus.run(for: .seconds(30))
        let kept = bus.outlet.all.memories.filter { $0.key == GearIdentity.memoryKey }
        #expect(
            kept.map { String(decoding: $0.bytes, as: UTF8.self) } == ["\(Self.article)/1000", "\(Self.article)/1001"])
        #expect(Self.changes(bus).isEmpty)
        Self.cycleMains(bus)
        #expect(Self.changes(bus).isEmpty)
        #expect(bus.outlet.all.memories.filter { $0.key == GearIdentity.memoryKey }.count == 2)
    }

    @Test func `another gear at the address is one alarm, and is run`() throws {
        var memories = BusBudgetTests.memories(Self.lamps(1))
        memories.append(
            DriverMemory(device: "lamp-01", key: GearIdentity.memoryKey, bytes: Array("\(Self.article)/77".utf8)))
        let bus = SimulatedBus(gear: Self.lamps(1), memories: memories)
        try bus.start()
        bus.run(for: .seconds(120))
        #expect(Self.changes(bus).map(\.phase) == [1])
        let detail = try #require(Self.changes(bus).first).detail
        #expect(
            detail
                == "short address 0: gear \(Self.article)/1000 answers; its own, \(Self.article)/77, was not found on this bus;"
                + " accept it with `candela lamp replace lamp-01`, or put the old one back")
        let answer = bus.submit(0, action: "off")
        #expect(bus.run(atMost: .seconds(3)) { answer.done?.outcome == .verified })
        // Accepted: the alarm ends and stays away.
        let accepted = bus.perform("replace", Configuration.map(["device": "lamp-01"]), atMost: .seconds(20))
        #expect(accepted?.failure == "")
        #expect(Self.changes(bus).map(\.phase) == [1, 2])
        Self.cycleMains(bus)
        #expect(Self.changes(bus).count == 2)
    }

    /// Polling rests while gear is given addresses, and so does the look at who they are.
    @Test func `gear that a commissioning put in a lamp's place before anybody looked there is told`() throws {
        let bus = SimulatedBus(gear: Self.lamps(3))
        try bus.start()
        bus.run(for: .seconds(2))
        func commission() throws -> DriverTaskDone {
            try #require(
                bus.perform("commission", Configuration.map([:] as [String: String]), atMost: .seconds(120)))
        }
        #expect(try commission().failure == "")
        bus.bus.replace("lamp-02", at: bus.clock.now)
        let new = try #require(bus.bus.gear(named: "lamp-02"))
        #expect(new.shortAddress == nil)
        #expect(try commission().failure == "")
        #expect(new.shortAddress == 1)
        bus.run(for: .seconds(60))
        #expect(Self.changes(bus).map(\.phase) == [1])
        #expect(Self.changes(bus).map(\.device) == [1])
        #expect(bus.perform("replace", Configuration.map(["device": "lamp-02"]), atMost: .seconds(20))?.failure == "")
        #expect(Self.changes(bus).map(\.phase) == [1, 2])
    }

    @Test func `the file's word goes before what was remembered`() throws {
        let bus = SimulatedBus(gear: Self.lamps(1), options: ["gear": "\(Self.article)/5"])
        try bus.start()
        bus.run(for: .seconds(30))
        #expect(Self.changes(bus).map(\.phase) == [1])
        #expect(
            bus.outlet.all.states.last { $0.device == 0 }?.detail.contains("where \(Self.article)/5 belongs") == true)
    }

    @Test func `two that changed places are told with both places, and end when they are back`() throws {
        let bus = SimulatedBus(gear: Self.lamps(4))
        try bus.start()
        bus.run(for: .seconds(60))
        try Self.swap(bus, "lamp-02", "lamp-04")
        Self.cycleMains(bus)
        let raised = Self.changes(bus)
        #expect(raised.map(\.phase) == [1, 1])
        #expect(Set(raised.map(\.device)) == [1, 3])
        for (device, other, place) in [(UInt32(1), "lamp-04", 3), (3, "lamp-02", 1)] {
            let detail = try #require(raised.first { $0.device == device }).detail
            #expect(detail.contains("which is that of \(other) (short address \(place))"))
            #expect(detail.contains("is now at short address \(place) (\(other))"))
        }
        try Self.swap(bus, "lamp-02", "lamp-04")
        Self.cycleMains(bus)
        #expect(Self.changes(bus).map(\.phase) == [1, 1, 2, 2])
    }

    @Test func `gear of the old edition has a number of four bytes`() throws {
        let bus = SimulatedBus(
            gear: SimulatedBus.lamps(1) {
                $1.personality = [.dali1]; $1.identification = 0x0102_0304
            })
        try bus.start()
        bus.run(for: .seconds(40))
        let kept = bus.outlet.all.memories.last { $0.key == GearIdentity.memoryKey }
        #expect(kept.map { String(decoding: $0.bytes, as: UTF8.self) } == "\(Self.article)/\(0x0102_0304)")
    }

    @Test(arguments: ["1/2/3", "", "/", "x/1", "1/", "281474976710656/1", "1/18446744073709551616", "+1/2"])
    func `what is no identity is not taken for one`(_ text: String) { #expect(GearIdentity(text) == nil) }

    @Test func `a reading that others tore is taken up with the registers set anew`() throws {
        var read = IdentityRead(try #require(ShortAddress(0)))
        let bank: [UInt8] =
            [0x1A, 0, 0] + [0, 0, 0, 0, 0, 7] + [1, 2] + [0, 0, 0, 0, 0, 0, 0, 9] + [1, 0, 8, 8, 0, 0, 1, 0]
        var isUndisturbed = true
        var register = 0
        var steps = 0
        while case .exchange(let requests) = read.next(isUndisturbed: isUndisturbed) {
            steps += 1
            var outcomes: [DALIOutcome] = []
            for request in requests {
                if request.frame.data >> 8 == 0xA3 { register = Int(request.frame.data & 0xFF) }
                guard request.expectsReply else {
                    outcomes.append(.none)
                    continue
                }
                outcomes.append(.reply(bank[register]))
                register += 1
            }
            read.received(outcomes)
            isUndisturbed = true
            // Somebody else reads from another gear's memory after every second step.
            if steps % 2 == 0 {
                isUndisturbed = false
                register = 0
            }
            try #require(steps < 100)
        }
        #expect(read.result == .identity(GearIdentity(gtin: 7, number: 9)))
    }
}
