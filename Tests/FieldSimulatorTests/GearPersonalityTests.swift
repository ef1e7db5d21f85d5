import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Personalities of gear` {
    func bench(_ traits: GearPersonality...) -> GearBench {
        GearBench {
            $0.isD4i = true
            $0.personality = Set(traits)
        }
    }

    /// Level 120 for ten minutes, then what the gear says (level, lamp on) and what the lamp does (W of 42).
    static let reports: [(GearPersonality?, UInt8?, Bool, ClosedRange<Double>)] = [
        (nil, 120, true, 4.0...4.5), (.lampOpen, 255, false, 0.3...0.3), (.lampShort, 255, false, 0.3...0.3),
        (.ignoresDimming, 254, true, 42...42), (.concealsDimming, 120, true, 42...42),
        (.gearFailure, 120, true, 4.0...4.5),
        (.silent, nil, false, 42...42), (.slowStart, 120, true, 4.0...4.5),
    ]

    @Test(arguments: reports)
    func `what a gear says and what its lamp does`(
        _ trait: GearPersonality?, _ level: UInt8?, _ isOn: Bool, _ power: ClosedRange<Double>
    ) {
        let bench = GearBench { $0.personality = trait.map { [$0] } ?? [] }
        bench.send("02 78")
        bench.wait(600)
        #expect(bench.send("03 A0") == level)
        #expect(((bench.send("03 90") ?? 0) & 4 != 0) == isOn)
        #expect(power.contains((bench.gear.power(at: bench.now) * 10).rounded() / 10))
    }

    @Test func `one ignores OFF and another conceals that it burns`() {
        let burner = bench(.ignoresOff)
        burner.send("02 C8,03 00")
        #expect(burner.send("03 A0") == 200)
        burner.send("02 00")
        #expect(burner.gear.power(at: burner.now) > 10)
        let welded = bench(.concealsBurning)
        welded.send("02 C8,03 00")
        #expect(welded.send("03 A0") == 0)
        #expect(welded.send("03 93") == nil)
        #expect(welded.gear.power(at: welded.now) == 42)
    }

    @Test func `a cycling lamp goes out and comes back six times in an hour`() {
        let bench = bench(.cycling)
        bench.send("02 C8")
        bench.gear.integrate(to: bench.now.nanoseconds)
        let starts = bench.gear.lampStarts
        var outages = 0
        var was = true
        for _ in 0..<360 {
            bench.wait(10)
            let isOn = bench.gear.saysOn(at: bench.now.nanoseconds)
            if was, !isOn { outages += 1 }
            was = isOn
        }
        bench.gear.integrate(to: bench.now.nanoseconds)
        #expect(outages == 6)
        #expect((5...6).contains(bench.gear.lampStarts - starts))
        #expect(bench.send("03 A0") == 200)
    }

    @Test func `a hot gear gives less light, says so, and recovers`() {
        let bench = bench()
        bench.send("02 FE")
        let full = bench.gear.power(at: bench.now)
        bench.gear.set(.derating, true, at: bench.now)
        bench.wait(7200)
        bench.gear.integrate(to: bench.now.nanoseconds)
        #expect(bench.gear.temperature > 80)
        #expect(bench.gear.power(at: bench.now) < 0.85 * full)
        #expect(bench.send("C1 06,03 F1") == 0x40)
        #expect(bench.send("03 A0") == 254)
        bench.gear.set(.derating, false, at: bench.now)
        bench.wait(7200)
        #expect(bench.send("C1 06,03 F1") == 0)
        #expect(bench.gear.power(at: bench.now) == full)
    }

    @Test(arguments: [false, true])
    func `after mains come back the lamp says MASK, then its level`(_ isSlow: Bool) {
        let bench = isSlow ? bench(.slowStart) : bench()
        bench.send("A3 96,03 2D x2")
        bench.gear.setMains(false, at: bench.now)
        bench.wait(60)
        bench.gear.setMains(true, at: bench.now)
        let returned = bench.time
        bench.wait(-0.04)
        #expect(bench.send("03 91") == nil)
        var first: Double?
        while bench.time < returned + 4, first == nil {
            if let level = bench.send("03 A0"), level != 255 {
                #expect(level == 150)
                first = bench.time - returned
            }
        }
        #expect((isSlow ? 2.0...3.1 : 0.3...1.0).contains(first ?? 0))
        #expect(bench.send("03 9B") == 0xFF)
    }

    @Test func `mains that come back while the bus is down lead to the failure level`() {
        let bus = LampBus(name: "b", gear: [GearDescription(name: "l", shortAddress: 0)], seed: 1, at: second(0))
        for opcode in [0x2C, 0x2C] as [UInt8] {
            _ = bus.transmit([0xA3, 130], at: second(0.9))
            _ = bus.transmit([0x01, opcode], at: second(0.95))
            _ = bus.transmit([0x01, opcode], at: second(0.98))
        }
        bus.setPowered(false, at: second(1))
        bus.settle(at: second(3))
        bus.gear[0].setMains(false, at: second(4))
        bus.gear[0].setMains(true, at: second(5))
        #expect(bus.gear[0].actualLevel(at: second(9)) == 130)
    }

    @Test func `a gear is deaf for 300 ms after RESET`() {
        let bench = bench(.deafAfterReset)
        bench.send("03 20 x2")
        bench.wait(0.2)
        #expect(bench.send("03 91") == nil)
        bench.wait(0.1)
        #expect(bench.send("03 91") == 0xFF)
    }

    @Test func `gear that is weird when it is commissioned`() {
        let keeps = bench(.keepsRandom)
        keeps.send("A5 00 x2,A7 00 x2")
        #expect(keeps.gear.randomAddress == 0xFFFFFF)
        let mute = bench(.noVerify, .noRandomQuery)
        mute.send("A5 00 x2,A7 00 x2")
        #expect(mute.send("B9 03") == nil)
        #expect(mute.send("03 C2") == nil)
        let plain = bench()
        plain.send("A5 00 x2")
        #expect(plain.send("B9 03") == 0xFF)
    }

    @Test func `gear with a duplicate random address draw another one the second time`() {
        let gear = (0..<3).map {
            GearDescription(name: "l\($0)", shortAddress: UInt8($0), personality: $0 < 2 ? [.duplicateRandom] : [])
        }
        let bus = LampBus(name: "b", gear: gear, seed: 5, at: second(0))
        var time = 1.0
        func twice(_ frame: [UInt8]) {
            for _ in 0..<2 {
                time += 0.03
                _ = bus.transmit(frame, at: second(time))
            }
        }
        twice([0xA5, 0])
        twice([0xA7, 0])
        #expect(Set(bus.gear.map(\.randomAddress)).count == 2)
        twice([0xA7, 0])
        #expect(Set(bus.gear.map(\.randomAddress)).count == 3)
    }
}

@Suite struct `Bus traffic of the simulator` {
    func bus(_ traits: Set<GearPersonality>..., sensors: [SensorDescription] = []) -> LampBus {
        let gear = traits.enumerated().map {
            GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), personality: $1)
        }
        return LampBus(name: "lamps", gear: gear, sensors: sensors, seed: 1, at: second(0))
    }

    @Test(arguments: [([], 8.0), ([.slowAnswers], 10.4), ([.lateAnswers], 30)] as [(Set<GearPersonality>, Double)])
    func `answers begin in their time`(_ traits: Set<GearPersonality>, _ milliseconds: Double) {
        let response = bus(traits).respond(to: [0x01, 0x91], at: second(1))
        #expect(response == BusResponse(.answer(255), settling: Int64(milliseconds * 1e6)))
    }

    @Test func `equal answers at different times are no answer`() {
        let bus = bus([], [.slowAnswers])
        for index in 0..<20 { #expect(bus.transmit([0xFF, 0x91], at: second(Double(index))) == .collision) }
    }

    @Test func `a late answer is told by the interface and ends no query`() {
        let gateway = LampInterface.luba.gateway(bus: bus([.lateAnswers]))
        gateway.receive(hex("59 32 07 00 10 05 01 A0 00 00 81"), at: second(1))
        gateway.receive(hex("59 32 07 00 10 05 03 A0 00 00 83"), at: second(1.001))
        var receiver = LUBAReceiver()
        let events = drain(gateway, from: second(1)).flatMap { receiver.receive($0.bytes) }
        #expect(events.filter { $0.command == 0x31 && $0.data[3] == 0x88 }.count == 1)
        #expect(events.filter { $0.command == 0x31 && $0.data[3] == 0x10 }.count == 2)
    }

    @Test func `the log has every frame with its time, who sent it and what came back`() {
        let bus = bus([])
        _ = bus.transmit([0x00, 120], at: second(1))
        _ = bus.respond(to: [0x01, 0xA0], from: .foreign, at: second(2))
        #expect(bus.log.map(\.data) == [[0, 120], [1, 0xA0]])
        #expect(bus.log.map(\.setsLevel) == [true, false])
        #expect(bus.log.map(\.answer) == [.silence, .answer(120)])
        #expect(bus.log.map(\.origin) == [.master, .foreign])
        #expect(bus.log.map(\.at) == [second(1), second(2)])
    }

    @Test func `noise destroys frames and answers as often as it was told, the same for the same seed`() {
        func outcomes() -> [BackwardFrame] {
            let bus = bus([])
            bus.noise = 0.2
            return (0..<1000).map { bus.transmit([0x01, 0x91], at: second(Double($0))) }
        }
        let once = outcomes()
        #expect(once == outcomes())
        #expect((150...250).contains(once.filter { $0 == .silence }.count))
        #expect((120...200).contains(once.filter { $0 == .collision }.count))
    }

    @Test func `another master goes on until it is silenced, and waits for its turn on the bus`() {
        let bus = bus([])
        let gateway = LampInterface.luba.gateway(bus: bus)
        bus.schedule(foreign: [0xFF, 0x05], at: second(1), every: 500_000_000)
        _ = drain(gateway, from: second(0), for: 5.9)
        #expect(bus.log.filter { $0.origin == .foreign }.count == 10)
        bus.clearForeign()
        _ = drain(gateway, from: second(6), for: 5)
        #expect(bus.log.count <= 11)
    }

    @Test func `a swapped gear is other hardware without an address`() throws {
        let bus = bus([.lampOpen], [])
        let old = bus.gear[0]
        let new = try #require(bus.replace("lamp-0", at: second(5)))
        #expect(new.shortAddress == nil)
        #expect(new.identification != old.identification)
        #expect(!new.lampHasFailed)
        #expect(bus.gear(named: "lamp-0") === new)
        #expect(bus.replace("nobody", at: second(6)) == nil)
    }
}
