public import Telemetry

extension ControlGear {
    /// Takes a 16-bit forward frame that ended at `now`; the backward frame, or nil for silence (NO).
    ///
    /// Source: IEC 62386-102:2022, 11; device type 6: IEC 62386-207.
    public func receive(_ address: UInt8, _ opcode: UInt8, at now: BootInstant) -> UInt8? {
        guard hasMains, !isSilent else { return nil }
        let time = now.nanoseconds
        if searchState != .disabled, time >= searchEnds { searchState = .disabled }
        let first = firstOfTwo
        firstOfTwo = nil
        let isRepeated =
            first.map { $0 == address && $1 == opcode && time - $2 <= DALITiming.sendTwiceWindow } ?? false
        if address & 1 == 1, (0xA1...0xFB).contains(address), address & 0xE0 == 0xA0 || address & 0xE0 == 0xC0 {
            return special(address, opcode, isRepeated: isRepeated, at: time)
        }
        guard isMeant(by: address) else {
            enabledType = nil
            return nil
        }
        guard address & 1 == 1 else {
            enabledType = nil
            writeEnabled = false
            arc(opcode, at: time)
            return nil
        }
        let type = enabledType
        let isConfiguration = (0x20...0x81).contains(opcode) || (type != nil && (0xE0...0xEB).contains(opcode))
        if isConfiguration, !isRepeated {
            firstOfTwo = (address, opcode, time)
            return nil
        }
        enabledType = nil
        if (0xE0...0xFF).contains(opcode) { return type.flatMap { typed($0, opcode, at: time) } }
        if opcode != 0x98, opcode != 0xC5, opcode != 0x9C, opcode != 0x9D, opcode != 0x81 { writeEnabled = false }
        switch opcode {
        case 0x00...0x1F: level(opcode, at: time)
        case 0x20...0x8F: configure(opcode, at: time)
        default: return query(opcode, at: time)
        }
        return nil
    }

    private func isMeant(by address: UInt8) -> Bool {
        switch address {
        case 0x00...0x7F: shortAddress == address >> 1
        case 0x80...0x9F: groups & (1 << UInt16(address >> 1 & 0xF)) != 0
        case 0xFC, 0xFD: shortAddress == nil
        case 0xFE, 0xFF: true
        default: false
        }
    }

    /// Direct arc power control.
    private func arc(_ level: UInt8, at now: Int64) {
        if level == Self.mask { return stopFade(at: now) }
        go(to: level, within: fadeDuration, at: now)
    }

    private func level(_ opcode: UInt8, at now: Int64) {
        let present = level(at: now)
        switch opcode {
        case 0x00: go(to: 0, within: 0, at: now)
        case 0x01, 0x02:
            // UP and DOWN run for 200 ms at the fade rate; they neither switch on nor off.
            guard present > 0 else { return }
            let steps = max(1, Int(stepsPerSecond * 0.2))
            let target = opcode == 1 ? Int(present) + steps : Int(present) - steps
            go(to: UInt8(min(Int(maximum), max(Int(minimum), target))), within: 200_000_000, at: now)
        case 0x03: if present > 0 { go(to: min(maximum, present &+ 1), within: 0, at: now) }
        case 0x04: if present > 0 { go(to: max(minimum, present - 1), within: 0, at: now) }
        case 0x05: go(to: maximum, within: 0, at: now)
        case 0x06: go(to: minimum, within: 0, at: now)
        case 0x07: if present > 0 { go(to: present <= minimum ? 0 : present - 1, within: 0, at: now) }
        case 0x08: go(to: present == 0 ? minimum : min(maximum, present &+ 1), within: 0, at: now)
        case 0x0A: go(to: lastActive, within: fadeDuration, at: now)
        case 0x0B, 0x0C:
            guard present > 0 else { return }
            let target = opcode == 0x0B ? maximum : minimum
            let steps = abs(Double(target) - Double(present))
            go(to: target, within: Int64(steps / stepsPerSecond * 1e9), at: now)
        case 0x10...0x1F:
            let scene = scenes[Int(opcode & 0xF)]
            if scene != Self.mask { go(to: scene, within: fadeDuration, at: now) }
        default: break
        }
    }

    private func configure(_ opcode: UInt8, at now: Int64) {
        let value = dtr.0
        switch opcode {
        case 0x20: reset(at: now)
        case 0x21: dtr.0 = actualLevel(at: BootInstant(nanoseconds: now))
        case 0x23: operatingMode = value == 0 ? 0 : operatingMode
        case 0x25: identifyEnds = now + 10_000_000_000
        case 0x2A:
            maximum = min(254, max(value, minimum))
            if level(at: now) > maximum { go(to: maximum, within: 0, at: now) }
        case 0x2B:
            minimum = min(max(value, description.physicalMinimum), maximum)
            if level(at: now) > 0, level(at: now) < minimum { go(to: minimum, within: 0, at: now) }
        case 0x2C: systemFailureLevel = value
        case 0x2D: powerOnLevel = value
        case 0x2E: fadeTime = min(15, value)
        case 0x2F: fadeRate = min(15, max(1, value))
        case 0x30: extendedFade = value > 0x4F ? 0 : value
        case 0x40...0x4F: scenes[Int(opcode & 0xF)] = value
        case 0x50...0x5F: scenes[Int(opcode & 0xF)] = Self.mask
        case 0x60...0x6F: groups |= 1 << UInt16(opcode & 0xF)
        case 0x70...0x7F: groups &= ~(1 << UInt16(opcode & 0xF))
        case 0x80:
            if value == Self.mask { shortAddress = nil } else if value & 0x81 == 1 { shortAddress = value >> 1 }
        case 0x81: writeEnabled = true
        default: break
        }
    }

    private func query(_ opcode: UInt8, at now: Int64) -> UInt8? {
        let status = status(at: now)
        func yes(_ bit: UInt8) -> UInt8? { status & 1 << bit != 0 ? 0xFF : nil }
        switch opcode {
        case 0x90: return status
        case 0x91: return 0xFF
        case 0x92: return yes(1)
        case 0x93: return yes(2)
        case 0x94: return yes(3)
        case 0x95: return yes(5)
        case 0x96: return yes(6)
        case 0x97: return 8  // version 2.0
        case 0x98: return dtr.0
        case 0x99: return firstType()
        case 0x9A: return description.physicalMinimum
        case 0x9B: return yes(7)
        case 0x9C: return dtr.1
        case 0x9D: return dtr.2
        case 0x9E: return operatingMode
        case 0x9F: return 6  // LED
        case 0xA0: return actualLevel(at: BootInstant(nanoseconds: now))
        case 0xA1: return maximum
        case 0xA2: return minimum
        case 0xA3: return powerOnLevel
        case 0xA4: return systemFailureLevel
        case 0xA5: return fadeTime << 4 | fadeRate
        case 0xA7: return remainingTypes.isEmpty ? 254 : remainingTypes.removeFirst()
        case 0xA8: return extendedFade
        case 0xB0...0xBF: return scenes[Int(opcode & 0xF)]
        case 0xC0: return UInt8(truncatingIfNeeded: groups)
        case 0xC1: return UInt8(groups >> 8)
        case 0xC2: return UInt8(randomAddress >> 16)
        case 0xC3: return UInt8(truncatingIfNeeded: randomAddress >> 8)
        case 0xC4: return UInt8(truncatingIfNeeded: randomAddress)
        case 0xC5: return readMemory(at: now)
        default: return nil
        }
    }

    private var deviceTypes: [UInt8] { description.isD4i ? [6, 50, 51, 52] : [6] }

    private func firstType() -> UInt8 {
        guard deviceTypes.count > 1 else { return deviceTypes[0] }
        remainingTypes = deviceTypes
        return Self.mask
    }

    /// Commands after ENABLE DEVICE TYPE.
    private func typed(_ type: UInt8, _ opcode: UInt8, at now: Int64) -> UInt8? {
        if opcode == 0xFF { return deviceTypes.contains(type) ? 2 : nil }
        guard type == 6 else { return nil }
        switch opcode {
        case 0xE3:
            if dtr.0 == 0 { curve = .logarithmic } else if dtr.0 == 1 { curve = .linear }
            return nil
        case 0xE4:
            if dtr.0 <= 27 { fastFade = dtr.0 }
            return nil
        case 0xED: return 0x01  // an integrated power supply
        case 0xEE: return curve == .linear ? 1 : 0
        case 0xEF: return 0x00
        case 0xF0: return 0x03  // short and open circuit are detected
        case 0xF1: return lampHasFailed ? 0x02 : 0x00
        case 0xF3: return lampHasFailed ? 0xFF : nil
        case 0xFC: return 0x00
        case 0xFD: return fastFade
        case 0xFE: return 1
        default: return nil
        }
    }
}
