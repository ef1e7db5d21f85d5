import Telemetry
import Testing

@testable import FieldSimulator

/// Against what the firmware's own tests and description expect of it.
@Suite struct `The SevenLab gateway` {
    func gateway(_ count: Int = 3) -> SevenLabGateway {
        let gear = (0..<count).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), isD4i: false) }
        return SevenLabGateway(bus: LampBus(name: "lamps", gear: gear, seed: 1, at: second(0)))
    }

    /// The lines it says, their time cut off.
    func talk(_ gateway: SevenLabGateway, _ text: String, at start: Double = 1) -> [String] {
        gateway.receive(Array(text.utf8), at: second(start))
        let bytes = drain(gateway, from: second(start)).flatMap(\.bytes)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map {
            $0.hasPrefix("{") ? String($0.dropFirst(9)) : String($0)
        }
    }

    @Test func `a question mark needs no end of line`() {
        #expect(talk(gateway(), "?") == ["DALI USB interface - SevenLab 2024", "Version 3.5.0 "])
    }

    @Test(arguments: [
        ("Q5 10 03A0\r", [">10 000003a0}", ":08 000000fe}"]), ("Q5 10 79A0\r", [">10 000079a0}", ":81 00000000}"]),
        ("S2 10 027F\r", [">10 0000027f}"]), ("S3 10+A500\r", [">10 0000a500}", ">10 0000a500}"]),
        ("S1 10 A3CD\r", [">10 0000a3cd}"]), ("R2 2 10 FF02\r", [String](repeating: ">10 0000ff02}", count: 3)),
        ("YFF\r", [">08 000000ff}"]), ("I\r", [":83 00027101}"]),
    ])
    func `a command is answered as the firmware does`(_ command: String, _ lines: [String]) {
        #expect(talk(gateway(), command) == lines)
    }

    @Test(arguments: ["Sx\r", "Y200\r", "S0 10 FF00\r", "S7 10 FF00\r", "S9 10 FF00\r", "S2 10 11111\r", "S2 21 0\r"])
    func `a bad command is refused`(_ command: String) {
        #expect(talk(gateway(), command) == [":a3 00000000}"])
    }

    @Test func `a letter begins a new command wherever it comes`() {
        #expect(talk(gateway(), "S2 10 02Q5 10 03A0\r") == [">10 000003a0}", ":08 000000fe}"])
    }

    @Test func `two commands at once are both done, of ten some find the queue full`() {
        #expect(talk(gateway(), "S1 10 A3CD\rS1 10 A3CE\r") == [">10 0000a3cd}", ">10 0000a3ce}"])
        let lines = talk(gateway(), String(repeating: "S1 10 A3CD\r", count: 10))
        #expect(lines.filter { $0 == ":a2 00000000}" }.count == 5)
    }

    @Test func `gear that answer at once break a bit's time`() {
        let gateway = gateway()
        _ = gateway.bus.transmit([0x00, 100], at: second(0.5))
        #expect(talk(gateway, "Q5 10 FFA0\r").last?.hasPrefix(":83") == true)
    }

    @Test func `a bus that is low for half a second is told, and for how long it was`() {
        let gateway = gateway()
        gateway.bus.setPowered(false, at: second(1))
        _ = gateway.advance(to: second(1))
        #expect(talk(gateway, "", at: 1) == [":91 00000000}"])
        gateway.bus.setPowered(true, at: second(1.6))
        // 600,000 microseconds, shifted by eight bits.
        let bytes = gateway.advance(to: second(1.6)) + drain(gateway, from: second(1.6)).flatMap(\.bytes)
        #expect(String(decoding: bytes, as: UTF8.self).hasSuffix(":92 0927c000}\r\n"))
    }

    @Test func `frames of others are told, of 24 bits as well`() {
        let gateway = gateway()
        gateway.foreignFrame([0x02, 0x04, 0x01], at: second(1))
        #expect(talk(gateway, "", at: 1) == [":18 00020401}"])
    }

    @Test func `a waveform that was not begun cannot be executed`() {
        #expect(talk(gateway(), "X\r") == [":a0 00000000}"])
        #expect(talk(gateway(), "W1A0\rN1A0\rX\r") == [])
    }
}
