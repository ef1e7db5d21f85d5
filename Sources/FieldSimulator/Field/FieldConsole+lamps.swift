import Telemetry

/// Commands to lamps, their gear, sensors and buses.
extension FieldConsole {
    private func gear(named name: String) throws -> ControlGear {
        if let address = UInt8(name), let gear = field.buses.lazy.compactMap({ $0.gear(at: address) }).first {
            return gear
        }
        guard let gear = field.gear(name) else {
            let names = field.buses.flatMap { $0.gear.map(\.description.name) }.joined(separator: ", ")
            throw Failure.message("no lamp \(name); lamps are \(names)")
        }
        return gear
    }

    func lamp(_ words: [String], at now: BootInstant) throws -> String {
        if words == ["levels"] {
            return field.buses.flatMap(\.gear).map { "\($0.description.name)=\($0.actualLevel(at: now))" }
                .joined(separator: " ")
        }
        try count(words, 2, "lamp NAME failed|ok|get|swap, or lamp levels")
        let gear = try gear(named: words[0])
        switch words[1] {
        case "failed": gear.setLampFailed(true, at: now)
        case "ok": gear.setLampFailed(false, at: now)
        case "swap":
            for bus in field.buses { bus.replace(gear.description.name, at: now) }
        case "get": return describe(gear, at: now)
        default: throw Failure.message("expected failed, ok, get or swap, not \(words[1])")
        }
        return ""
    }

    private func describe(_ gear: ControlGear, at now: BootInstant) -> String {
        gear.integrate(to: now.nanoseconds)
        let address = gear.shortAddress.map { String($0) } ?? "none"
        let random = String(gear.randomAddress, radix: 16, uppercase: true)
        return "level=\(gear.actualLevel(at: now)) power=\(gear.power(at: now)) energy=\(gear.energy)"
            + " address=\(address) identifying=\(gear.identifyEnds > now.nanoseconds) light=\(gear.light(at: now))"
            + " temperature=\(gear.temperature) starts=\(gear.lampStarts) hours=\(gear.lampSeconds / 3600)"
            + " mains=\(gear.hasMains ? "on" : "off") random=\(random) identity=\(gear.description.gtin)/\(gear.identification)"
            + (gear.colourTemperature.map { " mirek=\($0)" } ?? "")
    }

    func gear(_ words: [String], at now: BootInstant) throws -> String {
        let form = "gear ADDRESS|NAME silent|ok|traits, or gear ADDRESS|NAME TRAIT on|off"
        guard words.count == 2 || words.count == 3 else { throw Failure.message("expected: \(form)") }
        let gear = try gear(named: words[0])
        switch (words[1], words.count) {
        case ("silent", 2): gear.set(.silent, true, at: now)
        case ("ok", 2): for trait in gear.personality { gear.set(trait, false, at: now) }
        case ("traits", 2): return gear.personality.map(\.rawValue).sorted().joined(separator: " ")
        default:
            guard words.count == 3, let trait = GearPersonality(rawValue: words[1]) else {
                let known = GearPersonality.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure.message("expected: \(form); traits are \(known)")
            }
            gear.set(trait, try flag(words[2]), at: now)
        }
        return ""
    }

    func mains(_ words: [String], at now: BootInstant) throws -> String {
        try count(words, 2, "mains BUS|LAMP|FEEDER on|off")
        let on = try flag(words[1])
        if let bus = field.bus(words[0]) {
            for gear in bus.gear { gear.setMains(on, at: now) }
        } else if let meter = field.devices[words[0]] {
            guard field.energize(meter, on, at: now) else {
                throw Failure.message("\(meter.name) is no electricity meter")
            }
        } else {
            try gear(named: words[0]).setMains(on, at: now)
        }
        return ""
    }

    func sensor(_ words: [String], at now: BootInstant) throws -> String {
        let form = "sensor NAME get, sensor NAME light PERCENT, or sensor NAME movement|silent on|off"
        guard words.count >= 2 else { throw Failure.message("expected: \(form)") }
        guard let sensor = field.sensor(words[0]) else {
            let names = field.buses.flatMap { $0.sensors.map(\.description.name) }.joined(separator: ", ")
            throw Failure.message("no sensor \(words[0]); sensors are \(names)")
        }
        switch (words[1], words.count) {
        case ("get", 2):
            let address = sensor.shortAddress.map { String($0) } ?? "none"
            let values = sensor.description.instances.enumerated().map {
                " \($1.name)=\(sensor.value(ofInstance: $0) ?? 0)"
            }
            return "address=\(address) quiescent=\(sensor.isQuiescent(at: now))" + values.joined()
        case ("light", 3): sensor.setLight(Double(try number(words[2], 0...100)) / 100, at: now)
        case ("movement", 3): sensor.setMovement(try flag(words[2]), at: now)
        case ("silent", 3): sensor.isSilent = try flag(words[2])
        default: throw Failure.message("expected: \(form)")
        }
        return ""
    }

    /// `bus NAME noise PERCENT`, `bus NAME log N`, `bus NAME quiet`.
    func watch(_ bus: LampBus, _ words: [String]) throws -> String {
        switch (words[0], words.count) {
        case ("noise", 2):
            bus.noise = Double(try number(words[1], 0...100)) / 100
            return ""
        case ("quiet", 1):
            bus.clearForeign()
            return ""
        case ("log", 2):
            return bus.log.suffix(try number(words[1], 1...LampBus.rememberedFrames)).map(Self.line).joined(
                separator: " ")
        default:
            throw Failure.message("expected up, down, quiet, send HEX [every MS], frames, log N or noise PERCENT")
        }
    }

    /// `milliseconds:origin:frame:answer` with `-` for silence and `?` for a collision.
    private static func line(_ frame: LoggedFrame) -> String {
        let origin =
            switch frame.origin {
            case .master: "master"
            case .foreign: "foreign"
            case .device: "device"
            }
        let answer =
            switch frame.answer {
            case .silence: "-"
            case .collision: "?"
            case .answer(let byte): hexadecimal([byte])
            }
        return "\(frame.at.nanoseconds / 1_000_000):\(origin):\(hexadecimal(frame.data)):\(answer)"
    }

    /// `bus NAME send HEX every MS`: another master that does not stop until `bus NAME quiet`.
    func repeated(_ bus: LampBus, _ words: [String], at now: BootInstant) throws -> String {
        guard let bytes = Self.bytes(words[2]), bytes.count == 2 || bytes.count == 3 else {
            throw Failure.message("expected two or three bytes in hexadecimal, as in FF05")
        }
        bus.schedule(foreign: bytes, at: now, every: Int64(try number(words[4], 20...3_600_000)) * 1_000_000)
        return ""
    }
}
