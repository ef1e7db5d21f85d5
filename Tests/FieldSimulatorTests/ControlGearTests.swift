import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Control gear` {
    func gear(_ address: UInt8? = 1, curve: LightCurve = .logarithmic, isD4i: Bool = false) -> ControlGear {
        ControlGear(
            GearDescription(name: "lamp", shortAddress: address, curve: curve, isD4i: isD4i), seed: 1, at: second(0))
    }

    /// Sends both frames of a configuration command 30 ms apart.
    func twice(_ gear: ControlGear, _ address: UInt8, _ opcode: UInt8, at seconds: Double = 1) {
        #expect(gear.receive(address, opcode, at: second(seconds)) == nil)
        _ = gear.receive(address, opcode, at: second(seconds + 0.03))
    }

    func set(_ gear: ControlGear, _ opcode: UInt8, to value: UInt8, at seconds: Double = 1) {
        _ = gear.receive(0xA3, value, at: second(seconds))
        twice(gear, 0x03, opcode, at: seconds + 0.05)
    }

    struct Step: CustomStringConvertible, Sendable {
        let description: String
        let address: UInt8
        let opcode: UInt8
        let level: UInt8
    }

    /// From level 200 with a minimum of 85 (IEC 62386-102, 9.8 and 11.3).
    static let steps: [Step] = [
        Step(description: "DAPC", address: 0x02, opcode: 127, level: 127),
        Step(description: "DAPC below the minimum", address: 0x02, opcode: 10, level: 85),
        Step(description: "DAPC 0", address: 0x02, opcode: 0, level: 0),
        Step(description: "MASK", address: 0x02, opcode: 255, level: 200),
        Step(description: "OFF", address: 0x03, opcode: 0x00, level: 0),
        Step(description: "STEP UP", address: 0x03, opcode: 0x03, level: 201),
        Step(description: "STEP DOWN", address: 0x03, opcode: 0x04, level: 199),
        Step(description: "RECALL MAX", address: 0x03, opcode: 0x05, level: 254),
        Step(description: "RECALL MIN", address: 0x03, opcode: 0x06, level: 85),
        Step(description: "STEP DOWN AND OFF", address: 0x03, opcode: 0x07, level: 199),
        Step(description: "ON AND STEP UP", address: 0x03, opcode: 0x08, level: 201),
        Step(description: "a scene that is not set", address: 0x03, opcode: 0x13, level: 200),
        Step(description: "broadcast OFF", address: 0xFF, opcode: 0x00, level: 0),
        Step(description: "another address", address: 0x05, opcode: 0x00, level: 200),
        Step(description: "a group it is not in", address: 0x81, opcode: 0x00, level: 200),
        Step(description: "broadcast unaddressed", address: 0xFD, opcode: 0x00, level: 200),
    ]

    @Test(arguments: steps)
    func `level commands lead to their level`(_ step: Step) {
        let gear = gear()
        _ = gear.receive(0x02, 200, at: second(1))
        #expect(gear.receive(step.address, step.opcode, at: second(2)) == nil)
        #expect(gear.receive(0x03, 0xA0, at: second(2.1)) == step.level)
    }

    @Test func `a fade moves along the clock, says so, and ends at its level`() {
        let gear = gear()
        _ = gear.receive(0x02, 100, at: second(1))
        set(gear, 0x2E, to: 4)  // 2.0 s
        _ = gear.receive(0x02, 200, at: second(10))
        #expect(gear.receive(0x03, 0xA0, at: second(11)) == 150)
        #expect((gear.receive(0x03, 0x90, at: second(11)) ?? 0) & 0x10 != 0)
        #expect(gear.receive(0x03, 0xA0, at: second(12.01)) == 200)
        #expect((gear.receive(0x03, 0x90, at: second(12.01)) ?? 0) & 0x10 == 0)
        // MASK stops it half-way down to off.
        _ = gear.receive(0x02, 0, at: second(20))
        _ = gear.receive(0x02, 255, at: second(21))
        #expect(gear.receive(0x03, 0xA0, at: second(30)) == 143)
        _ = gear.receive(0x02, 0, at: second(40))
        #expect((gear.receive(0x03, 0xA0, at: second(41.9)) ?? 0) >= 85)
        #expect(gear.receive(0x03, 0xA0, at: second(42.01)) == 0)
    }

    @Test(arguments: [(0, 0.0), (1, 0.707), (2, 1.0), (7, 5.657), (15, 90.51)])
    func `fade times are the standard's`(_ setting: Int, _ seconds: Double) {
        let gear = gear()
        set(gear, 0x2E, to: UInt8(setting))
        #expect(abs(Double(gear.fadeDuration) / 1e9 - seconds) < 0.001)
    }

    @Test func `an extended fade counts when the fade time is zero`() {
        let gear = gear()
        set(gear, 0x30, to: 0x42)
        #expect(gear.fadeDuration == 180_000_000_000)
    }

    @Test(arguments: [(0.03, true), (0.1, true), (0.101, false)])
    func `a configuration command counts only when it comes twice within 100 ms`(_ gap: Double, _ counts: Bool) {
        let gear = gear()
        _ = gear.receive(0xA3, 100, at: second(1))
        _ = gear.receive(0x03, 0x2D, at: second(2))
        _ = gear.receive(0x03, 0x2D, at: second(2 + gap))
        #expect(gear.receive(0x03, 0xA3, at: second(3)) == (counts ? 100 : 254))
    }

    @Test func `a frame between the two makes them none`() {
        let gear = gear()
        _ = gear.receive(0xA3, 100, at: second(1))
        _ = gear.receive(0x03, 0x2D, at: second(2))
        _ = gear.receive(0x07, 0xA0, at: second(2.02))
        _ = gear.receive(0x03, 0x2D, at: second(2.04))
        #expect(gear.receive(0x03, 0xA3, at: second(3)) == 254)
    }

    @Test func `limits, scenes and groups are set and obeyed`() {
        let gear = gear()
        set(gear, 0x2A, to: 220)
        set(gear, 0x2B, to: 120)
        set(gear, 0x43, to: 180)
        twice(gear, 0x03, 0x6A)
        _ = gear.receive(0x02, 250, at: second(4))
        #expect(gear.receive(0x03, 0xA0, at: second(4.1)) == 220)
        #expect(gear.receive(0x03, 0x94, at: second(4.2)) == 0xFF)
        _ = gear.receive(0x95, 0x13, at: second(5))
        #expect(gear.receive(0x03, 0xA0, at: second(5.1)) == 180)
        #expect(gear.receive(0x03, 0xC1, at: second(5.2)) == 0b100)
        #expect(gear.receive(0x03, 0xB3, at: second(5.3)) == 180)
        #expect(gear.receive(0x03, 0xA2, at: second(5.4)) == 120)
    }

    @Test func `status bits tell of power cycle, lamp failure, reset state and missing address`() {
        let gear = gear()
        #expect(gear.receive(0x03, 0x90, at: second(1)) == 0b1010_0100)
        _ = gear.receive(0x02, 200, at: second(2))
        #expect(gear.receive(0x03, 0x90, at: second(3)) == 0b0010_0100)
        set(gear, 0x2D, to: 200, at: 3.1)
        gear.setLampFailed(true, at: second(4))
        #expect(gear.receive(0x03, 0x90, at: second(5)) == 0b0000_0010)
        #expect(gear.receive(0x03, 0x92, at: second(5)) == 0xFF)
        #expect(gear.receive(0x03, 0xA0, at: second(5)) == 255)
        #expect((self.gear(nil).receive(0xFD, 0x90, at: second(1)) ?? 0) & 0x40 != 0)
    }

    @Test func `mains that return bring the power-on level and are seen`() {
        let gear = gear()
        set(gear, 0x2D, to: 150)
        _ = gear.receive(0x02, 200, at: second(2))
        gear.setMains(false, at: second(3))
        #expect(gear.receive(0x03, 0x91, at: second(4)) == nil)
        #expect(gear.power(at: second(4)) == 0)
        gear.setMains(true, at: second(5))
        #expect(gear.receive(0x03, 0xA0, at: second(6)) == 150)
        #expect(gear.receive(0x03, 0x9B, at: second(6)) == 0xFF)
    }

    @Test func `device type 6 needs to be enabled for the very next command`() {
        let gear = gear(curve: .linear)
        #expect(gear.receive(0x03, 0xEE, at: second(1)) == nil)
        _ = gear.receive(0xC1, 6, at: second(2))
        #expect(gear.receive(0x03, 0xEE, at: second(2.05)) == 1)
        #expect(gear.receive(0x03, 0xEE, at: second(2.1)) == nil)
        _ = gear.receive(0xC1, 6, at: second(3))
        _ = gear.receive(0x03, 0x90, at: second(3.05))
        #expect(gear.receive(0x03, 0xEE, at: second(3.1)) == nil)
        _ = gear.receive(0xA3, 0, at: second(4))
        _ = gear.receive(0xC1, 6, at: second(4.05))
        twice(gear, 0x03, 0xE3, at: 4.1)
        #expect(gear.curve == .logarithmic)
    }

    @Test func `several device types are told one after the other`() {
        let gear = gear(isD4i: true)
        let answers = [0x99, 0xA7, 0xA7, 0xA7, 0xA7, 0xA7].map { gear.receive(0x03, $0, at: second(1)) }
        #expect(answers == [255, 6, 50, 51, 52, 254])
    }

    @Test(arguments: [
        (127, 0.0312), (169, 0.0982), (203, 0.2485), (228, 0.4917), (229, 0.505), (253, 0.9731), (254, 1),
    ])
    func `the light curve is the standard's`(_ level: Int, _ light: Double) {
        #expect(abs(LightCurve.logarithmic.light(at: Double(level)) - light) < 0.0005)
    }

    @Test func `energy is power over time and memory bank 202 shows it`() throws {
        let gear = gear(isD4i: true)
        _ = gear.receive(0x02, 254, at: second(0))
        gear.integrate(to: second(0).nanoseconds)
        let before = gear.energy
        gear.integrate(to: second(7200).nanoseconds)
        #expect(abs(gear.energy - before - 84) < 0.001)
        _ = gear.receive(0xC3, 202, at: second(7201))
        _ = gear.receive(0xA3, 4, at: second(7201))
        let bytes = try (0..<12).map { _ in try #require(gear.receive(0x03, 0xC5, at: second(7202))) }
        let energy = bytes[1...6].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(energy == UInt64(gear.energy))
        #expect(bytes[7] == 0xFF)
        #expect(bytes[8...11].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == 420)
        #expect(gear.receive(0x03, 0xC5, at: second(7203)) == nil)
    }
}

@Suite struct `The lamp bus` {
    func bus(_ gear: [GearDescription]) -> LampBus { LampBus(name: "lamps", gear: gear, seed: 1, at: second(0)) }

    @Test func `different answers at the same time collide, equal ones sometimes`() {
        let gear = (0..<2).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0)) }
        let bus = bus(gear)
        _ = bus.transmit([0x00, 100], at: second(1))
        #expect(bus.transmit([0xFF, 0xA0], at: second(2)) == .collision)
        var seen: Set<String> = []
        for index in 0..<50 { seen.insert("\(bus.transmit([0xFF, 0x91], at: second(3 + Double(index))))") }
        #expect(seen == ["answer(255)", "collision"])
        bus.gear[1].isSilent = true
        #expect(bus.transmit([0xFF, 0xA0], at: second(60)) == .answer(100))
    }

    @Test func `a bus without voltage for 500 ms sends its gear to the system failure level`() {
        let bus = bus([GearDescription(name: "lamp", shortAddress: 0)])
        _ = bus.transmit([0x00, 100], at: second(1))
        bus.setPowered(false, at: second(2))
        bus.settle(at: second(2.4))
        #expect(bus.gear[0].actualLevel(at: second(2.4)) == 100)
        #expect(bus.transmit([0x01, 0xA0], at: second(2.45)) == .silence)
        bus.settle(at: second(2.6))
        #expect(bus.gear[0].actualLevel(at: second(2.6)) == 254)
    }

    /// The binary search of IEC 62386-102 with every frame in virtual time.
    @Test func `sixty-four gear without addresses are all found by the search`() throws {
        let bus = bus((0..<64).map { GearDescription(name: "lamp-\($0)", shortAddress: nil) })
        var time = 1.0
        func send(_ address: UInt8, _ data: UInt8) -> BackwardFrame {
            time += 0.03
            return bus.transmit([address, data], at: second(time))
        }
        func isBelow(_ search: Int) -> Bool {
            for (address, shift) in [(UInt8(0xB1), 16), (0xB3, 8), (0xB5, 0)] {
                _ = send(address, UInt8(truncatingIfNeeded: search >> shift))
            }
            return send(0xA9, 0) != .silence
        }
        for _ in 0..<2 { _ = send(0xA5, 0) }
        for _ in 0..<2 { _ = send(0xA7, 0) }
        for address in 0..<UInt8(64) {
            var (low, high) = (0, 0xFFFFFE)
            #expect(isBelow(high))
            while low < high {
                let middle = (low + high) / 2
                if isBelow(middle) { high = middle } else { low = middle + 1 }
            }
            #expect(isBelow(low))
            _ = send(0xB7, address << 1 | 1)
            #expect(send(0xB9, address << 1 | 1) == .answer(0xFF))
            _ = send(0xAB, 0)
        }
        #expect(!isBelow(0xFFFFFE))
        _ = send(0xA1, 0)
        #expect(Set(bus.gear.compactMap(\.shortAddress)).count == 64)
        #expect(send(0xA9, 0) == .silence)
    }

    @Test func `the search window closes after a quarter of an hour`() {
        let bus = bus([GearDescription(name: "lamp", shortAddress: nil)])
        for moment in [1, 1.03] { _ = bus.transmit([0xA5, 0], at: second(moment)) }
        #expect(bus.transmit([0xA9, 0], at: second(899)) == .answer(0xFF))
        #expect(bus.transmit([0xA9, 0], at: second(902)) == .silence)
    }
}
