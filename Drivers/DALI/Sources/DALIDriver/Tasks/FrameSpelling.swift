/// Frames as people write them: `FE 91`, `A3 QUERY STATUS`, `G2 DAPC 127`, `all OFF`, `INITIALISE 0`, `DT6 A3 QUERY FAILURE STATUS`.
struct FrameSpelling {
    /// One frame, or ENABLE DEVICE TYPE and the command that it enables.
    let requests: [DALIRequest]

    struct Problem: Error {
        let sentence: String
    }

    init(_ text: String, priority: FramePriority) throws(Problem) {
        let words = text.split(separator: " ").map { $0.uppercased() }
        guard let first = words.first else {
            throw Problem(sentence: "a frame has at least two bytes, or words such as A3 QUERY STATUS")
        }
        if let frame = Self.hexadecimalFrame(words) {
            requests = [Self.request(frame, priority)]
        } else if first.hasPrefix("DT"), first != "DTR0", first != "DTR1", first != "DTR2" {
            requests = try Self.deviceType(words, priority)
        } else if let address = Self.address(first) {
            requests = [try Self.gear(address, Array(words.dropFirst()), priority)]
        } else {
            requests = [try Self.special(words, priority)]
        }
    }

    /// Whether it changes nothing in the field: a question, or a register that only questions use.
    var isHarmless: Bool { requests.allSatisfy(Self.isHarmless) }

    private static func isHarmless(_ request: DALIRequest) -> Bool {
        let frame = request.frame
        if frame.bits == 24 {
            return ControlDeviceOpcode.queries.contains { $0.rawValue == UInt8(truncatingIfNeeded: frame.data) }
        }
        let harmless: [SpecialCommand] = [
            .dataTransferRegister0, .dataTransferRegister1, .dataTransferRegister2, .enableDeviceType, .compare,
            .verifyShortAddress, .queryShortAddress, .ping,
        ]
        let first = UInt8(truncatingIfNeeded: frame.data >> 8)
        if let special = SpecialCommand(rawValue: first) { return harmless.contains(special) }
        return first & 1 == 1 && request.expectsReply
    }

    // MARK: bytes

    private static func hexadecimalFrame(_ words: [String]) -> ForwardFrame? {
        let joined = words.joined()
        guard words.count == 1 || words.allSatisfy({ $0.utf8.count == 2 }), [4, 6].contains(joined.utf8.count),
            joined.allSatisfy(\.isHexDigit), let data = UInt32(joined, radix: 16)
        else { return nil }
        return ForwardFrame(bits: joined.utf8.count * 4, data: data)
    }

    /// A frame sent as often and listened for as the standard asks.
    private static func request(_ frame: ForwardFrame, _ priority: FramePriority) -> DALIRequest {
        let (first, second) = (UInt8(truncatingIfNeeded: frame.data >> 8), UInt8(truncatingIfNeeded: frame.data))
        if frame.bits == 24 {
            let opcode = (ControlDeviceOpcode.queries + ControlDeviceOpcode.commands).first { $0.rawValue == second }
            return DALIRequest(
                frame, isSentTwice: opcode?.isSentTwice ?? false, priority: priority,
                expectsReply: opcode?.isQuery ?? false)
        }
        if let special = SpecialCommand(rawValue: first) { return .special(special, second, priority: priority) }
        guard first & 1 == 1 else { return DALIRequest(frame, priority: priority) }
        let opcode = GearOpcode(rawValue: second)
        return DALIRequest(
            frame, isSentTwice: opcode.isSentTwice, priority: priority, expectsReply: opcode.isQuery)
    }

    // MARK: words

    static func address(_ word: String) -> GearAddress? {
        switch word {
        case "ALL": return .broadcast
        case "UNADDRESSED": return .broadcastUnaddressed
        default: break
        }
        guard let number = Int(word.dropFirst()) else { return nil }
        switch word.first {
        case "A": return ShortAddress(number).map { .short($0) }
        case "G" where (0...15).contains(number): return .group(UInt8(number))
        default: return nil
        }
    }

    private static func gear(
        _ address: GearAddress, _ words: [String], _ priority: FramePriority
    ) throws(Problem) -> DALIRequest {
        if words.first == "DAPC" {
            guard words.count == 2, let level = UInt8(words[1]) else {
                throw Problem(sentence: "DAPC takes a level from 0 to 255: A3 DAPC 127")
            }
            return DALIRequest(.directArcPower(address, level: level), priority: priority)
        }
        let name = words.joined(separator: " ")
        guard let opcode = GearOpcode.all.first(where: { $0.name == name }) else {
            throw unknown(name, among: GearOpcode.all.compactMap(\.name))
        }
        return .gear(address, opcode, priority: priority)
    }

    private static func deviceType(_ words: [String], _ priority: FramePriority) throws(Problem) -> [DALIRequest] {
        guard let type = UInt8(words[0].dropFirst(2)), words.count > 2, let address = address(words[1]) else {
            throw Problem(sentence: "a command of a device type is written DT6 A3 QUERY FAILURE STATUS")
        }
        let all = DeviceTypeOpcode.all(type: type)
        let name = words.dropFirst(2).joined(separator: " ")
        guard let opcode = all.first(where: { $0.name == name }) else {
            throw unknown(name, among: all.map(\.name))
        }
        return DALIRequest.deviceType(address, opcode, priority: priority)
    }

    private static func special(_ words: [String], _ priority: FramePriority) throws(Problem) -> DALIRequest {
        let data = words.last.flatMap { UInt8($0) }
        let name = (data == nil ? words[...] : words.dropLast()).joined(separator: " ")
        guard let command = SpecialCommand.allCases.first(where: { $0.name == name }) else {
            throw unknown(words.joined(separator: " "), among: SpecialCommand.allCases.map(\.name))
        }
        guard command.takesData == (data != nil) else {
            throw Problem(
                sentence: command.takesData ? "\(name) takes a number from 0 to 255" : "\(name) takes no number")
        }
        return .special(command, data ?? 0, priority: priority)
    }

    private static func unknown(_ name: String, among names: [String]) -> Problem {
        let same = names.filter { $0.contains(name) || name.contains($0) }.prefix(3).joined(separator: ", ")
        let advice =
            same.isEmpty
            ? "write bytes (FE 91) or names of the standard (A3 QUERY STATUS, all OFF)" : "did you mean \(same)?"
        return Problem(sentence: "there is no command \"\(name.prefix(60))\"; \(advice)")
    }
}

extension ControlDeviceOpcode {
    static let queries: [ControlDeviceOpcode] = [
        .queryDeviceStatus, .queryNumberOfInstances, .queryInstanceType, .queryResolution, .queryInstanceEnabled,
        .queryEventScheme, .queryInputValue, .queryInputValueLatch,
    ]
    static let commands: [ControlDeviceOpcode] = [.startQuiescentMode, .stopQuiescentMode]
}
