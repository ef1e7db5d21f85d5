public import Telemetry

/// What is done with a forward frame (IEC 62386-102:2022, 9.2 and 11).
extension ControlGear {
    /// Commands that edition 2 brought: gear of the first edition does not know them.
    private static let secondEdition: Set<UInt8> = [
        0x0A, 0x0B, 0x0C, 0x22, 0x23, 0x24, 0x25, 0x30, 0x9E, 0x9F, 0xA6, 0xA7, 0xA8, 0xAA, 0xFF,
    ]
    /// Commands of the device types that count only when they come twice.
    private static let typedTwice: [UInt8: ClosedRange<UInt8>] = [6: 0xE0...0xE4, 8: 0xF0...0xF5]
    /// QUERY CONTENT DTR0, 1, 2 leave the memory writable.
    private static let keepsMemoryOpen: Set<UInt8> = [0x98, 0x9C, 0x9D, 0x81]

    /// Takes a 16-bit forward frame that ended at `now`; the backward frame, or nil for silence (NO).
    public func receive(_ address: UInt8, _ opcode: UInt8, at now: BootInstant) -> UInt8? {
        let time = now.nanoseconds
        busHasFailed = false
        guard hasMains, !isSilent, time >= deafUntil else { return nil }
        if searchState != .disabled, time >= searchEnds { searchState = .disabled }
        let first = firstOfTwo
        firstOfTwo = nil
        let isRepeated =
            first.map { $0 == address && $1 == opcode && time - $2 <= DALITiming.sendTwiceWindow } ?? false
        let types = remainingTypes
        remainingTypes = nil
        if address & 1 == 1, (0xA1...0xCB).contains(address) {
            return special(address, opcode, isRepeated: isRepeated, at: time)
        }
        let type = enabledType
        enabledType = nil
        guard isMeant(by: address) else { return nil }
        guard address & 1 == 1 else {
            writeEnabled = false
            arc(opcode, at: time)
            return nil
        }
        guard !has(.dali1) || !Self.secondEdition.contains(opcode) else { return nil }
        if isSentTwice(opcode, type), !isRepeated {
            enabledType = type
            firstOfTwo = (address, opcode, time)
            return nil
        }
        if !Self.keepsMemoryOpen.contains(opcode) { writeEnabled = false }
        if opcode >= 0xE0 { return type.flatMap { typed($0, opcode, at: time) } }
        if opcode != 0x09 { sequenceEnds = 0 }
        switch opcode {
        case 0x00...0x1F: moveLevel(opcode, at: time)
        case 0x20...0x8F: configure(opcode, at: time)
        case 0xA7: return nextType(of: types)
        default: return query(opcode, at: time)
        }
        return nil
    }

    /// From the last bit of a query to the start bit of this gear's answer, nanoseconds.
    var answerSettling: Int64 {
        if has(.lateAnswers) { return DALITiming.lateSettling }
        return has(.slowAnswers) ? DALITiming.slowSettling : DALITiming.backwardSettling
    }

    private func isSentTwice(_ opcode: UInt8, _ type: UInt8?) -> Bool {
        if (0x20...0x81).contains(opcode) { return true }
        return type.flatMap { Self.typedTwice[$0] }?.contains(opcode) ?? false
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

    /// Commands 20 to 81, which came twice.
    private func configure(_ opcode: UInt8, at now: Int64) {
        let value = dtr.0
        let number = Int(opcode & 0xF)
        switch opcode {
        case 0x20: reset(at: now)
        case 0x21: dtr.0 = actualLevel(at: BootInstant(nanoseconds: now))
        case 0x22: deafUntil = now + Self.deafness
        case 0x23: operatingMode = value == 0 ? 0 : operatingMode
        case 0x24: resetMemory(bank: value)
        case 0x25: identifyEnds = now + Self.identifyTime
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
        case 0x40...0x4F:
            scenes[number] = value
            colour?.store(scene: number)
        case 0x50...0x5F: scenes[number] = Self.mask
        case 0x60...0x6F: groups |= 1 << UInt16(number)
        case 0x70...0x7F: groups &= ~(1 << UInt16(number))
        case 0x80: program(value)
        case 0x81: writeEnabled = true
        default: break
        }
    }

    /// A short address as commands write it: 0AAAAAA1, or MASK for none; anything else changes nothing.
    func program(_ value: UInt8) {
        if value == Self.mask { shortAddress = nil } else if value & 0x81 == 1 { shortAddress = value >> 1 }
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
        case 0x97: return has(.dali1) ? 1 : 8  // edition 1, or 2.0
        case 0x98: return dtr.0
        case 0x99: return firstType()
        case 0x9A: return description.physicalMinimum
        case 0x9B: return yes(7)
        case 0x9C: return dtr.1
        case 0x9D: return dtr.2
        case 0x9E: return operatingMode
        case 0x9F: return 6  // LED
        case 0xA0:
            colour?.report()
            return actualLevel(at: BootInstant(nanoseconds: now))
        case 0xA1: return maximum
        case 0xA2: return minimum
        case 0xA3: return powerOnLevel
        case 0xA4: return systemFailureLevel
        case 0xA5: return fadeTime << 4 | fadeRate
        case 0xA8: return extendedFade
        case 0xAA: return yes(0)
        case 0xB0...0xBF: return scenes[Int(opcode & 0xF)]
        case 0xC0: return UInt8(truncatingIfNeeded: groups)
        case 0xC1: return UInt8(groups >> 8)
        case 0xC2...0xC4:
            guard !has(.noRandomQuery) else { return nil }
            return UInt8(truncatingIfNeeded: randomAddress >> (8 * UInt32(0xC4 - opcode)))
        case 0xC5: return readMemory(at: now)
        default: return nil
        }
    }

    private func firstType() -> UInt8 {
        let types = deviceTypes
        guard types.count > 1 else { return types[0] }
        remainingTypes = types
        return Self.mask
    }

    /// Only right after QUERY DEVICE TYPE or itself; 254 when all were told.
    private func nextType(of types: [UInt8]?) -> UInt8? {
        guard let types else { return nil }
        guard let next = types.first else { return 254 }
        remainingTypes = Array(types.dropFirst())
        return next
    }

    /// Commands after ENABLE DEVICE TYPE.
    private func typed(_ type: UInt8, _ opcode: UInt8, at now: Int64) -> UInt8? {
        guard deviceTypes.contains(type) else { return nil }
        if opcode == 0xFF { return type == 6 || type == 8 ? 2 : 1 }
        switch type {
        case 6: return ledCommand(opcode, at: now)
        case 8: return colourCommand(opcode, at: now)
        default: return nil
        }
    }
}
