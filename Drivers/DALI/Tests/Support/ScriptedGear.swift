import Telemetry

/// A control gear for tests: just enough of IEC 62386-102 to be polled and commanded.
final class ScriptedGear {
    var level: Double
    var target: Double
    var minimum: UInt8 = 1
    var maximum: UInt8 = 254
    var curve: UInt8?
    var fadeIndex: UInt8 = 0
    var lampFailed = false
    var gearFailed = false
    var powerCycled = false
    /// Answers nothing, obeys still.
    var isSilent = false
    /// Another gear answers at the same address.
    var collides = false
    /// Reports MASK.
    var isStarting = false
    /// Levels ordered are not obeyed.
    var isStuck = false
    var identified = 0
    private var transferRegister: UInt8 = 0
    private var fadeStart: (at: BootInstant, from: Double)?
    private var enabledType: UInt8?
    private var lastConfiguration: (opcode: UInt8, at: BootInstant)?

    init(level: UInt8 = 0) {
        self.level = Double(level)
        target = Double(level)
    }

    static let fadeSeconds = [0, 0.7, 1, 1.4, 2, 2.8, 4, 5.7, 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5]

    private func settle(_ now: BootInstant) {
        guard let start = fadeStart else { return }
        let whole = Self.fadeSeconds[Int(fadeIndex)]
        let gone = now.duration(since: start.at).inSeconds
        if gone >= whole {
            level = target
            fadeStart = nil
        } else {
            level = start.from + (target - start.from) * gone / whole
        }
    }

    func special(_ command: UInt8, _ data: UInt8) {
        enabledType = command == 0xC1 ? data : nil
        if command == 0xA3 { transferRegister = data }
    }

    func directLevel(_ wanted: UInt8, at now: BootInstant) {
        settle(now)
        enabledType = nil
        powerCycled = false
        guard wanted != 255, !isStuck else { return }
        target = wanted == 0 ? 0 : Double(min(max(wanted, minimum), maximum))
        if fadeIndex == 0 { level = target } else { fadeStart = (now, level) }
    }

    /// - Returns: the answer, if the opcode asks for one.
    func command(_ opcode: UInt8, at now: BootInstant) -> UInt8? {
        settle(now)
        let type = enabledType
        enabledType = nil
        if (0x20...0x81).contains(opcode) {
            defer { lastConfiguration = (opcode, now) }
            guard let last = lastConfiguration, last.opcode == opcode,
                now.duration(since: last.at) <= .milliseconds(100)
            else { return nil }
            if opcode == 0x25 { identified += 1 }
            if opcode == 0x2E { fadeIndex = min(transferRegister, 15) }
            return nil
        }
        switch opcode {
        case 0x00: jump(to: 0)
        case 0x05: jump(to: Double(maximum))
        case 0x90:
            var bits: UInt8 = (gearFailed ? 1 : 0) | (lampFailed ? 2 : 0) | (level > 0 && !lampFailed ? 4 : 0)
            if fadeStart != nil { bits |= 16 }
            if powerCycled { bits |= 128 }
            return bits
        case 0xA0: return isStarting ? 255 : UInt8(level.rounded())
        case 0xA1: return maximum
        case 0xA2: return minimum
        case 0xA5: return fadeIndex << 4 | 7
        case 0xEE where type == 6: return curve
        default: break
        }
        return nil
    }

    private func jump(to wanted: Double) {
        guard !isStuck else { return }
        level = wanted
        target = wanted
        fadeStart = nil
    }
}
