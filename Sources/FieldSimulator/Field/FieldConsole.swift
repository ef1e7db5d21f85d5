public import Telemetry

/// The commands by which a person or a test makes the field misbehave, one per line, one line of answer.
///
/// An answer begins with `ok` or with `error:`.
public struct FieldConsole {
    enum Failure: Error { case message(String) }

    public static let help = """
        silent DEVICE on|off; crc DEVICE N; late DEVICE MS; exception DEVICE CODE|off; feeder DEVICE on|off; \
        foreign DEVICE N; limit DEVICE N|off; mute-above DEVICE N|off; echo PORT on|off; mismatch PORT on|off; \
        set DEVICE POINT VALUE|auto; get DEVICE POINT; devices; garbage PORT N; gone PORT on|off; ports; \
        lamp levels; lamp NAME failed|ok|get|swap; gear ADDRESS|NAME silent|ok|traits; gear ADDRESS|NAME TRAIT on|off; \
        mains BUS|LAMP|FEEDER on|off; sensor NAME get; sensor NAME light PERCENT; sensor NAME movement|silent on|off; \
        bus NAME up|down|quiet; bus NAME send HEX [every MS]; bus NAME frames; bus NAME log N; bus NAME noise PERCENT; help
        """

    public let field: FieldSimulation

    public init(_ field: FieldSimulation) { self.field = field }

    public func perform(_ line: String, at now: BootInstant) -> String {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        do {
            guard let command = words.first else { throw Failure.message("an empty line") }
            let answer = try perform(command, Array(words.dropFirst()), at: now)
            return answer.isEmpty ? "ok" : "ok " + answer
        } catch Failure.message(let problem) {
            return "error: \(problem)"
        } catch {
            return "error: \(error)"
        }
    }

    private func perform(_ command: String, _ words: [String], at now: BootInstant) throws -> String {
        switch command {
        case "help": return Self.help
        case "devices": return listDevices()
        case "ports": return listPorts()
        case "silent", "crc", "late", "exception", "feeder", "foreign", "limit", "mute-above":
            return try fault(command, words, at: now)
        case "set", "get": return try value(command, words, at: now)
        case "garbage", "gone", "echo", "mismatch": return try port(command, words, at: now)
        case "lamp": return try lamp(words, at: now)
        case "gear": return try gear(words, at: now)
        case "sensor": return try sensor(words, at: now)
        case "mains": return try mains(words, at: now)
        case "bus": return try bus(words, at: now)
        default: throw Failure.message("unknown command \(command); help lists the commands")
        }
    }

    // MARK: Meters

    private func device(_ name: String) throws -> ModbusDevice {
        guard let device = field.devices[name] else {
            throw Failure.message(
                "no device \(name); devices are \(field.devices.keys.sorted().joined(separator: ", "))")
        }
        return device
    }

    func count(_ words: [String], _ expected: Int, _ form: String) throws {
        guard words.count == expected else { throw Failure.message("expected: \(form)") }
    }

    func flag(_ word: String) throws -> Bool {
        switch word {
        case "on": return true
        case "off": return false
        default: throw Failure.message("expected on or off, not \(word)")
        }
    }

    func number(_ word: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(word), range.contains(number) else {
            throw Failure.message("expected a number from \(range.lowerBound) to \(range.upperBound), not \(word)")
        }
        return number
    }

    private func fault(_ command: String, _ words: [String], at now: BootInstant) throws -> String {
        try count(words, 2, "\(command) DEVICE VALUE")
        let device = try device(words[0])
        switch command {
        case "silent": device.faults.silent = try flag(words[1])
        case "crc": device.faults.brokenChecks = try number(words[1], 0...1_000_000)
        case "late": device.faults.late = Int64(try number(words[1], 0...600_000)) * 1_000_000
        case "exception":
            device.faults.exception = words[1] == "off" ? nil : UInt8(try number(words[1], 1...255))
        case "foreign": device.faults.foreign = try number(words[1], 0...1_000_000)
        case "limit": device.faults.limit = words[1] == "off" ? nil : try number(words[1], 1...125)
        case "mute-above": device.faults.muteAbove = words[1] == "off" ? nil : try number(words[1], 1...125)
        default:
            guard field.energize(device, try flag(words[1]), at: now) else {
                throw Failure.message("\(device.name) is no electricity meter")
            }
        }
        return ""
    }

    private func value(_ command: String, _ words: [String], at now: BootInstant) throws -> String {
        try count(words, command == "set" ? 3 : 2, command == "set" ? "set DEVICE POINT VALUE" : "get DEVICE POINT")
        let device = try device(words[0])
        if command == "get" {
            guard let value = device.value(of: words[1], at: now) else { throw unknownPoint(words[1], device) }
            return "\(value)"
        }
        if words[2] == "auto" {
            guard device.release(words[1]) else { throw Failure.message("\(words[1]) was not set") }
            return ""
        }
        guard let value = Double(words[2]) else { throw Failure.message("\(words[2]) is no number") }
        guard device.freeze(words[1], at: value) else { throw unknownPoint(words[1], device) }
        return ""
    }

    private func unknownPoint(_ name: String, _ device: ModbusDevice) -> Failure {
        let points = device.product.points.map(\.name).joined(separator: ", ")
        return .message("\(device.name) has no point \(name); it has \(points)")
    }

    private func listDevices() -> String {
        field.devices.values.sorted { $0.name < $1.name }.map {
            "\($0.name)=\($0.product.identifier)/\($0.unit) requests=\($0.counts.requests) answers=\($0.counts.answers)"
                + " exceptions=\($0.counts.exceptions)"
        }.joined(separator: "; ")
    }

    // MARK: Ports

    private func listPorts() -> String {
        field.ports.map { port in
            let text = "\(port.name) \(port.timing.baud) baud\(port.isGone ? " gone" : "")"
            guard let line = port.session as? RTULine else { return text }
            let counts = line.counts
            return text + " frames=\(counts.frames) broken=\(counts.brokenFrames) answers=\(counts.answers)"
                + " early=\(counts.earlyRequests) collisions=\(counts.collisions) bytes=\(counts.bytes)"
        }.joined(separator: "; ")
    }

    private func port(_ command: String, _ words: [String], at now: BootInstant) throws -> String {
        try count(words, 2, "\(command) PORT \(command == "garbage" ? "N" : "on|off")")
        guard let port = field.port(words[0]) else {
            let names = field.ports.map(\.name).joined(separator: ", ")
            throw Failure.message("no port \(words[0]); ports are \(names)")
        }
        if command == "gone" {
            port.isGone = try flag(words[1])
            return ""
        }
        if command != "garbage" {
            guard let line = port.session as? RTULine else {
                throw Failure.message("\(port.name) is no Modbus line")
            }
            if command == "echo" { line.echoes = try flag(words[1]) } else { line.isMismatched = try flag(words[1]) }
            return ""
        }
        let noise = (0..<(try number(words[1], 1...4096))).map { _ in UInt8(truncatingIfNeeded: field.random.next()) }
        port.session.makeNoise(noise, at: now)
        return ""
    }

    // MARK: Lamps

    private func bus(_ words: [String], at now: BootInstant) throws -> String {
        guard words.count >= 2, let bus = field.bus(words[0]) else {
            throw Failure.message(
                "expected: bus NAME up|down|quiet|send|frames|log|noise; buses are \(field.buses.map(\.name))")
        }
        switch words[1] {
        case "up": bus.setPowered(true, at: now)
        case "down": bus.setPowered(false, at: now)
        case "send":
            if words.count == 5, words[3] == "every" { return try repeated(bus, words, at: now) }
            guard words.count == 3, let bytes = Self.bytes(words[2]), bytes.count == 2 || bytes.count == 3 else {
                throw Failure.message("expected two or three bytes in hexadecimal, as in FF05")
            }
            for port in field.ports {
                guard let gateway = port.session as? any LampGateway, gateway.bus === bus else { continue }
                gateway.foreignFrame(bytes, at: now)
            }
        case "frames": return bus.levelCommands.map(Self.hexadecimal).joined(separator: " ")
        default: return try watch(bus, Array(words.dropFirst()))
        }
        return ""
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
