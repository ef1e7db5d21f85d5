import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Control devices` {
    func device(
        _ instances: [SensorDescription.Kind] = [.light, .occupancy], address: UInt8? = 3, scheme: UInt8 = 2
    ) -> ControlDevice {
        ControlDevice(
            SensorDescription(name: "sensor", shortAddress: address, instances: instances, eventScheme: scheme),
            seed: 1,
            at: second(0))
    }

    /// Sends a frame in hexadecimal, twice when it begins with x2.
    @discardableResult
    func send(_ device: ControlDevice, _ text: String, at time: Double = 1) -> UInt8? {
        let isTwice = text.hasPrefix("x2 ")
        let bytes = hex(isTwice ? String(text.dropFirst(3)) : text)
        if isTwice { _ = device.receive(bytes, at: second(time)) }
        return device.receive(bytes, at: second(time + 0.04))
    }

    /// Address byte 07 is short address 3; instance byte FE the device (lamps.md 2.6).
    @Test(
        arguments: [
            ("07 FE 35", 2), ("07 FE 34", 8), ("07 FE 46", 2), ("07 FE 30", 0x20), ("07 00 80", 4), ("07 01 80", 3),
            ("07 C3 80", 3), ("07 C4 80", 4), ("07 00 81", 10), ("07 00 86", 255), ("07 00 88", 255), ("07 00 8B", 2),
            ("07 01 2D", 90), ("07 01 2E", 20), ("07 01 2C", 2), ("07 00 3E", 30), ("07 00 3D", 30), ("07 00 3F", 5),
            ("07 00 3C", 10), ("09 FE 35", nil), ("FF FE 35", 2), ("FD FE 35", nil), ("07 00 2D", nil),
            ("06 FE 35", nil),
        ] as [(String, UInt8?)])
    func `queries are answered as the standard says`(_ frame: String, _ answer: UInt8?) {
        #expect(send(device(), frame) == answer)
    }

    @Test func `settings count when they come twice`() {
        let device = device()
        send(device, "C1 30 07")
        send(device, "07 01 21")
        #expect(send(device, "07 01 2D") == 90)
        send(device, "x2 07 01 21", at: 2)
        #expect(send(device, "07 01 2D", at: 3) == 7)
        send(device, "x2 07 00 63", at: 4)
        #expect(send(device, "07 00 86", at: 5) == nil)
        send(device, "x2 07 FE 1D", at: 6)
        #expect(send(device, "07 FE 40", at: 7) == 255)
        #expect((send(device, "07 FE 30", at: 7) ?? 0) & 2 != 0)
        send(device, "x2 07 FE 1E", at: 8)
        #expect(send(device, "07 FE 40", at: 9) == nil)
    }

    /// Occupied, three repetitions, vacant after the hold timer: bits 9 to 0 by IEC 62386-303.
    @Test func `an occupancy sensor reports, repeats and lets go after its hold timer`() {
        let device = device([.occupancy])
        send(device, "C1 30 03")
        send(device, "x2 07 00 21", at: 1)
        device.setMovement(true, at: second(10))
        // Short address 3 and instance 0 of scheme device and instance: 0000 0110 1000 0000.
        #expect(device.events(at: second(10)) == [hex("06 80 0B")])
        device.setMovement(false, at: second(12))
        var seen: [(Double, [UInt8])] = []
        while let due = device.nextDeadline, due <= second(60).nanoseconds {
            for event in device.events(at: BootInstant(nanoseconds: due)) {
                seen.append((Double(due - second(0).nanoseconds) / 1e9, event))
            }
        }
        #expect(seen.map(\.1) == [hex("06 80 0E"), hex("06 80 08")])
        #expect(seen.map(\.0) == [30, 42])
        #expect(device.value(ofInstance: 0) == 0)
    }

    @Test func `a light sensor reports changes after its dead time and the level again with its timer`() {
        let device = device([.light])
        device.setLight(0.5, at: second(1))
        #expect(device.nextDeadline == second(30).nanoseconds)
        #expect(device.events(at: second(30)) == [hex("06 82 00")])
        device.setLight(0.51, at: second(31))
        #expect(device.nextDeadline == second(60).nanoseconds)
        device.setLight(0.1, at: second(31.1))
        // The dead time is 1.5 s after the last event.
        #expect(device.nextDeadline == second(31.5).nanoseconds)
        #expect(device.events(at: second(31.5)) == [hex("06 80 66")])
        #expect(send(device, "07 00 8C", at: 32) == 0x19)
        #expect(send(device, "07 00 8D", at: 33) == 0x86)
    }

    /// Who an event is by: bits 23, 22 and 15 choose the scheme.
    @Test(
        arguments: [
            (0, UInt8(3), "88 80 00"), (1, 3, "06 10 00"), (2, 3, "06 80 00"), (2, nil, "88 80 00"), (3, 3, "88 80 00"),
        ] as [(UInt8, UInt8?, String)])
    func `an event carries its sender in the scheme that was chosen`(
        _ scheme: UInt8, _ address: UInt8?, _ expected: String
    ) {
        let device = device([.light], address: address, scheme: scheme)
        device.setLight(0, at: second(1))
        #expect(device.events(at: second(30)) == [hex(expected)])
    }

    @Test func `quiescent mode holds events back and ends by itself`() {
        let device = device([.occupancy])
        send(device, "x2 FF FE 1D")
        device.setMovement(true, at: second(5))
        #expect(device.events(at: second(6)).isEmpty)
        #expect(device.events(at: second(890)).isEmpty)
        #expect(!device.events(at: second(902)).isEmpty)
    }

    @Test func `a device without address is found by the search and gets one`() {
        let device = device(address: nil)
        send(device, "x2 C1 01 7F")
        send(device, "x2 C1 02 00", at: 2)
        let random = device.randomAddress
        #expect(random != 0xFFFFFF)
        for (command, shift) in [(5, 16), (6, 8), (7, 0)] {
            let byte = String(random >> UInt32(shift) & 0xFF, radix: 16)
            send(device, "C1 0\(command) \(byte)", at: 3)
        }
        #expect(send(device, "C1 03 00", at: 4) == 255)
        send(device, "C1 08 09", at: 5)
        #expect(send(device, "C1 09 09", at: 6) == 255)
        send(device, "C1 04 00", at: 7)
        #expect(send(device, "C1 03 00", at: 8) == nil)
        send(device, "C1 00 00", at: 9)
        #expect(send(device, "13 FE 35", at: 10) == 2)
    }

    @Test(arguments: LampInterface.allCases)
    func `events of a sensor reach every interface`(_ kind: LampInterface) {
        let sensor = SensorDescription(name: "s", shortAddress: 3, instances: [.occupancy])
        let bus = LampBus(name: "lamps", gear: [], sensors: [sensor], seed: 1, at: second(0))
        let gateway = kind.gateway(bus: bus)
        bus.sensors[0].setMovement(true, at: second(1))
        let bytes = drain(gateway, from: second(1), for: 1).flatMap(\.bytes)
        #expect(bus.log.map(\.data) == [hex("06 80 0B")])
        #expect(bus.log.map(\.origin) == [.device])
        #expect(!bytes.isEmpty)
    }
}
