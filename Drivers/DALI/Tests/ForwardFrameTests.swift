import Telemetry
import Testing

@testable import DALIDriver

@Suite struct ForwardFrameTests {
    @Test(arguments: [
        (ForwardFrame.directArcPower(ShortAddress(1)!, level: 127), [0x02, 0x7F] as [UInt8], "A1 DAPC 127"),
        (.gear(ShortAddress(5)!, .queryActualLevel), [0x0B, 0xA0], "A5 QUERY ACTUAL LEVEL"),
        (.gear(ShortAddress(63)!, .off), [0x7F, 0x00], "A63 OFF"),
        (.special(.enableDeviceType, 6), [0xC1, 0x06], "ENABLE DEVICE TYPE 6"),
        (ForwardFrame(bits: 24, data: 0xFFFE1D), [0xFF, 0xFE, 0x1D], "24 bits FF FE 1D"),
        (ForwardFrame(bits: 17, data: 0x1_0203), [0x81, 0x01, 0x80], "17 bits 81 01 80"),
    ])
    func `a frame is bytes, first bit first, and words`(_ frame: ForwardFrame, _ bytes: [UInt8], _ text: String) {
        #expect(frame.bytes == bytes)
        #expect(frame.description == text)
        #expect(ForwardFrame(bits: frame.bits, bytes: bytes) == frame)
    }

    @Test func `only 64 short addresses exist`() {
        #expect(ShortAddress(0) != nil && ShortAddress(63) != nil)
        #expect(ShortAddress(64) == nil && ShortAddress(-1) == nil)
    }

    @Test func `air time is that of the standard's table`() {
        func milliseconds(_ request: DALIRequest, _ answered: Bool) -> Double {
            AirTime.of(request, answered: answered).inSeconds * 1000
        }
        let query = DALIRequest(ForwardFrame(bits: 16, data: 0x03A0), priority: .configuration, expectsReply: true)
        #expect(abs(milliseconds(query, false) - 31.2) < 0.1)
        #expect(abs(milliseconds(query, true) - 46.7) < 0.1)
        let twice = DALIRequest(ForwardFrame(bits: 16, data: 0x0325), isSentTwice: true, priority: .configuration)
        #expect(abs(milliseconds(twice, false) - 59.4) < 0.1)
        let long = DALIRequest(ForwardFrame(bits: 24, data: 0), priority: .configuration)
        #expect(abs(milliseconds(long, false) - 37.8) < 0.1)
        #expect(abs(milliseconds(long, true) - 53.3) < 0.1)
    }

    /// A name without case, blanks and signs, as both sides write it.
    static func plain(_ name: String) -> String {
        String(name.lowercased().filter { $0.isLetter || $0.isNumber })
    }

    /// What python-dali must make of each frame this driver can send.
    static let meanings: [(ForwardFrame, deviceType: Int, String)] = {
        var all: [(ForwardFrame, deviceType: Int, String)] = []
        for address in [0, 1, 3, 31, 32, 63] {
            let short = ShortAddress(address)!
            for level in [UInt8(0), 1, 85, 127, 254] {
                all.append((.directArcPower(short, level: level), 0, "dapc \(address) \(level) once"))
            }
            for opcode in GearOpcode.all where opcode.name?.last?.isNumber == false {
                let request = DALIRequest.gear(short, opcode, priority: .polling)
                all.append(
                    (
                        request.frame, 0,
                        "\(plain(opcode.name ?? "")) \(address) \(request.isSentTwice ? "twice" : "once")"
                    ))
            }
            for opcode in DeviceTypeOpcode.LED.all {
                let request = DALIRequest.deviceType(.short(short), opcode, priority: .polling)[1]
                all.append(
                    (
                        request.frame, 6,
                        "\(plain(opcode.name)) \(address) \(request.isSentTwice ? "twice" : "once")"
                    ))
            }
        }
        for data in [UInt8(0), 4, 15] { all.append((.special(.dataTransferRegister0, data), 0, "dtr0 \(data) once")) }
        all.append((.special(.enableDeviceType, 6), 0, "enabledevicetype 6 once"))
        return all
    }()

    @Test(.enabled(if: Python.isAvailable, "\(Python.whyNot)"))
    func `an independent implementation reads every frame as it is meant`() throws {
        let script = """
            import sys
            import dali.gear.general, dali.gear.led
            from dali.command import from_frame
            from dali.frame import ForwardFrame
            for line in sys.stdin:
                bits, data, kind = (int(x, 0) for x in line.split())
                command = from_frame(ForwardFrame(bits, data), devicetype=kind)
                name = type(command).__name__.lower()
                twice = "twice" if command.sendtwice else "once"
                if hasattr(command, "power"):
                    print(name, command.destination.address, command.power, twice)
                elif hasattr(command, "destination") and command.destination is not None:
                    print(name, command.destination.address, twice)
                else:
                    print(name, command.param, twice)
            """
        let input = Self.meanings.map { "\($0.0.bits) \($0.0.data) \($0.deviceType)\n" }.joined()
        let lines = try Python.run(script, input: input).split(separator: "\n").map(String.init)
        #expect(lines.count == Self.meanings.count)
        for (line, meaning) in zip(lines, Self.meanings) { #expect(line == meaning.2, "\(meaning.0)") }
    }
}
