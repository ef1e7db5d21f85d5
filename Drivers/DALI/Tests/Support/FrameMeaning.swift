import Testing

@testable import DALIDriver

/// What a frame is meant to say, in words that an independent decoder can be held against: `A3 querystatus once`.
struct FrameMeaning: Hashable {
    let frame: ForwardFrame
    /// Enabled by the frame before; 0: none.
    let deviceType: UInt8
    let text: String

    /// In the order in which they are sent: ENABLE DEVICE TYPE holds for the next one.
    static func all(_ requests: [DALIRequest]) -> [FrameMeaning] {
        var type: UInt8 = 0
        return requests.map { request in
            defer {
                type =
                    request.frame.data >> 8 == 0xC1 && request.frame.bits == 16
                    ? UInt8(truncatingIfNeeded: request.frame.data) : 0
            }
            return FrameMeaning(request, type)
        }
    }

    private init(_ request: DALIRequest, _ type: UInt8) {
        frame = request.frame
        let (first, second) = (UInt8(truncatingIfNeeded: frame.data >> 8), UInt8(truncatingIfNeeded: frame.data))
        let twice = request.isSentTwice ? "twice" : "once"
        let typed = (DeviceTypeOpcode.LED.all + DeviceTypeOpcode.Colour.all).first {
            $0.type == type && $0.rawValue == second && first & 1 == 1 && second >= 0xE0
        }
        deviceType = typed == nil && second != 0xFF ? 0 : type
        if frame.bits == 24 {
            text = "\(Self.device(frame)) \(twice)"
        } else if let typed, let address = GearAddress(firstByte: first) {
            text = "\(address.short) \(Self.plain(typed.name)) \(twice)"
        } else if GearAddress(firstByte: first) != nil {
            let words = frame.description.split(separator: " ", maxSplits: 1)
            text = "\(words[0]) \(Self.plain(String(words.last ?? ""))) \(twice)"
        } else {
            text = "\(Self.plain(frame.description)) \(twice)"
        }
    }

    private static func device(_ frame: ForwardFrame) -> String {
        let bytes = frame.bytes
        let sensorOpcodes = SensorSetting.light.flatMap { [$0.set, $0.query] }
        if bytes[0] == 0xC1, bytes[1] == 0x30 { return "device dtr0 \(bytes[2])" }
        // The instance commands of light sensors share numbers with commands to whole devices.
        let opcode = (bytes[1] == 0xFE ? opcodes : sensorOpcodes + opcodes).first { $0.rawValue == bytes[2] }
        let target = bytes[0] == 0xFF ? "all" : "A\(bytes[0] >> 1)"
        let instance = bytes[1] == 0xFE ? "" : " instance \(bytes[1])"
        return "device \(target)\(instance) \(plain(opcode?.name ?? "?"))"
    }

    /// Of devices, and of instances of all kinds: what they share has the same number.
    private static let opcodes =
        ControlDeviceOpcode.queries + ControlDeviceOpcode.commands + [.setEventScheme]
        + SensorSetting.occupancy.flatMap { [$0.set, $0.query] }

    /// A name without case, blanks and signs, as both sides write it.
    static func plain(_ name: String) -> String {
        let plain = String(name.lowercased().filter { $0.isLetter || $0.isNumber })
        return spellings[plain] ?? plain
    }

    /// Names that python-dali spells in its own way.
    private static let spellings = [
        "querygroups07": "querygroupszerotoseven", "querygroups815": "querygroupseighttofifteen",
        "queryrgbwafcontrol": "queryrbgwafcontrol",
    ]

    /// python-dali's reading of `<bits> <data> <device type>` lines.
    private static let script = """
        import sys
        import dali.gear.general, dali.gear.led, dali.gear.colour
        import dali.device.general, dali.device.light, dali.device.occupancy
        from dali.command import from_frame
        from dali.frame import ForwardFrame

        def target(address):
            words = str(address).strip("<>").split(" ")
            if words[0] == "address": return "A" + words[-1]
            if words[0] == "group": return "G" + words[-1]
            return "unaddressed" if words[1] == "unaddressed" else "all"

        bare = ("terminate", "randomise", "compare", "withdraw", "ping", "queryshortaddress")
        for line in sys.stdin:
            bits, data, kind = (int(x, 0) for x in line.split())
            command = from_frame(ForwardFrame(bits, data), devicetype=kind)
            name = type(command).__name__.lower()
            twice = "twice" if command.sendtwice else "once"
            if bits == 24 and data >> 16 == 0xC1:
                print("device", name, command.param, twice)
            elif bits == 24:
                instance = getattr(command, "instance", None)
                number = getattr(instance, "value", None)
                where = "" if number is None else " instance %d" % number
                print("device", target(command.destination) + where, name, twice)
            elif hasattr(command, "power"):
                level = 0 if command.power == "OFF" else 255 if command.power == "MASK" else command.power
                print(target(command.destination), name + str(level), twice)
            elif getattr(command, "destination", None) is not None:
                param = getattr(command, "param", None)
                print(target(command.destination), name + ("" if param is None else str(param)), twice)
            else:
                print(name + ("" if name in bare else str(command.param)), twice)
        """

    /// Fails for each that an independent implementation reads as something else.
    static func expectIndependentlyRead(_ meanings: [FrameMeaning], sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let input = meanings.map { "\($0.frame.bits) \($0.frame.data) \($0.deviceType)\n" }.joined()
        let lines = try Python.run(script, input: input).split(separator: "\n").map(String.init)
        #expect(lines.count == meanings.count, sourceLocation: sourceLocation)
        for (line, meaning) in zip(lines, meanings) {
            #expect(line == meaning.text, "\(meaning.frame)", sourceLocation: sourceLocation)
        }
    }
}
