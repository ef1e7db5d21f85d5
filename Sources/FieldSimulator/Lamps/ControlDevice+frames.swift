public import Telemetry

/// What a control device does with a forward frame of 24 bits (IEC 62386-103:2022, 7.2 and 11).
extension ControlDevice {
    /// Instance bytes: the device itself, and all instances.
    private static let wholeDevice: UInt8 = 0xFE
    private static let allInstances: UInt8 = 0xFF
    /// Commands of an instance that configure it, and those of its kind.
    private static let configuration: ClosedRange<UInt8> = 0x61...0x68
    private static let occupancyTwice: Set<UInt8> = [0x21, 0x22, 0x23]
    private static let lightTwice: Set<UInt8> = [0x30, 0x31, 0x32, 0x33]

    /// The backward frame, or nil for silence (NO).
    public func receive(_ frame: [UInt8], at now: BootInstant) -> UInt8? {
        guard frame.count == 3, frame[0] & 1 == 1, !isSilent else { return nil }
        let time = now.nanoseconds
        if searchState != .disabled, time >= searchEnds { searchState = .disabled }
        let first = firstOfTwo
        firstOfTwo = nil
        if isSentTwice(frame), !(first.map { $0 == frame && time - $1 <= DALITiming.sendTwiceWindow } ?? false) {
            if isSpecial(frame[0]) || isMeant(by: frame[0]) { firstOfTwo = (frame, time) }
            return nil
        }
        if isSpecial(frame[0]) { return special(frame, at: time) }
        guard isMeant(by: frame[0]) else { return nil }
        if frame[1] == Self.wholeDevice { return deviceCommand(frame[2], at: time) }
        let numbers = instances.indices.filter { isMeant($0, by: frame[1]) }
        // A question to several instances would collide within the device; the first answers.
        let answers = numbers.compactMap { instanceCommand(frame[2], of: $0, at: time) }
        return answers.first
    }

    private func isSpecial(_ address: UInt8) -> Bool { (0xC1...0xDF).contains(address) }

    private func isSentTwice(_ frame: [UInt8]) -> Bool {
        if isSpecial(frame[0]) { return frame[0] == 0xC1 && (frame[1] == 0x01 || frame[1] == 0x02) }
        if frame[1] == Self.wholeDevice { return frame[2] < 0x30 }
        if Self.configuration.contains(frame[2]) { return true }
        return instances.indices.contains { number in
            isMeant(number, by: frame[1])
                && (instances[number].kind == .light ? Self.lightTwice : Self.occupancyTwice).contains(frame[2])
        }
    }

    private func isMeant(by address: UInt8) -> Bool {
        switch address {
        case 0x01...0x7F: shortAddress == address >> 1
        case 0x80...0xBF: groups & 1 << UInt32(address >> 1 & 0x1F) != 0
        case 0xFD: shortAddress == nil
        case 0xFF: true
        default: false
        }
    }

    private func isMeant(_ number: Int, by instance: UInt8) -> Bool {
        switch instance {
        case 0x00...0x1F: number == Int(instance)
        case 0x80...0x9F: instances[number].groups.contains(instance & 0x1F)
        case 0xC0...0xDF: instances[number].kind.rawValue == instance & 0x1F
        case Self.allInstances: true
        default: false
        }
    }

    // MARK: Special commands

    private func special(_ frame: [UInt8], at now: Int64) -> UInt8? {
        switch frame[0] {
        case 0xC1: return addressing(frame[1], frame[2], at: now)
        case 0xC5: dtr.0 = frame[1]
        case 0xC7: (dtr.1, dtr.0) = (frame[1], frame[2])
        case 0xC9: (dtr.2, dtr.1) = (frame[1], frame[2])
        default: break
        }
        return nil
    }

    private func addressing(_ command: UInt8, _ data: UInt8, at now: Int64) -> UInt8? {
        switch command {
        case 0x00: searchState = .disabled
        case 0x01:
            guard data == 0xFF || data == 0x7F && shortAddress == nil || shortAddress == data else { return nil }
            searchState = .enabled
            searchEnds = now + ControlGear.searchWindow
        case 0x30: dtr.0 = data
        case 0x31: dtr.1 = data
        case 0x32: dtr.2 = data
        default: return search(command, data)
        }
        return nil
    }

    private func search(_ command: UInt8, _ data: UInt8) -> UInt8? {
        guard searchState != .disabled else { return nil }
        let isSelected = randomAddress == searchAddress
        switch command {
        case 0x02: randomAddress = UInt32(random.next() % UInt64(ControlGear.noRandomAddress))
        case 0x03: return searchState == .enabled && randomAddress <= searchAddress ? 0xFF : nil
        case 0x04: if isSelected, searchState == .enabled { searchState = .withdrawn }
        case 0x05: searchAddress = searchAddress & 0x00FFFF | UInt32(data) << 16
        case 0x06: searchAddress = searchAddress & 0xFF00FF | UInt32(data) << 8
        case 0x07: searchAddress = searchAddress & 0xFFFF00 | UInt32(data)
        case 0x08: if isSelected { program(data) }
        case 0x09: return shortAddress == data ? 0xFF : nil
        case 0x0A: return isSelected ? shortAddress ?? Self.mask : nil
        default: break
        }
        return nil
    }

    /// 00AAAAAA, or MASK for none.
    private func program(_ value: UInt8) {
        if value == Self.mask { shortAddress = nil } else if value < 64 { shortAddress = value }
    }

    // MARK: Commands to the device

    private func deviceCommand(_ opcode: UInt8, at now: Int64) -> UInt8? {
        if opcode >= 0x30 { return deviceQuery(opcode, at: now) }
        let pair = UInt32(dtr.2) << 8 | UInt32(dtr.1)
        switch opcode {
        case 0x01: powerCycleSeen = false
        case 0x10: reset(at: now)
        case 0x14: program(dtr.0)
        case 0x15: writeEnabled = true
        case 0x19: groups |= pair
        case 0x1A: groups |= pair << 16
        case 0x1B: groups &= ~pair
        case 0x1C: groups &= ~(pair << 16)
        case 0x1D: quiescentEnds = now + Self.quiescentTime
        case 0x1E: quiescentEnds = now
        case 0x1F: notifiesPowerCycle = true
        case 0x20: notifiesPowerCycle = false
        default: break
        }
        return nil
    }

    private func reset(at now: Int64) {
        groups = 0
        randomAddress = ControlGear.noRandomAddress
        searchAddress = ControlGear.noRandomAddress
        powerCycleSeen = false
        notifiesPowerCycle = false
        quiescentEnds = now
        instances = instances.map { SensorInstance($0.kind, scheme: 0, at: now) }
    }

    private func deviceQuery(_ opcode: UInt8, at now: Int64) -> UInt8? {
        func yes(_ is: Bool) -> UInt8? { `is` ? 0xFF : nil }
        let isQuiescent = now < quiescentEnds
        switch opcode {
        case 0x30:
            return (isQuiescent ? 1 << 1 : 0) | (shortAddress == nil ? 1 << 2 : 0) | (powerCycleSeen ? 1 << 5 : 0)
        case 0x33: return yes(shortAddress == nil)
        case 0x34: return 8  // version 2.0
        case 0x35: return UInt8(instances.count)
        case 0x36: return dtr.0
        case 0x37: return dtr.1
        case 0x38: return dtr.2
        case 0x39...0x3B: return UInt8(truncatingIfNeeded: randomAddress >> (8 * UInt32(0x3B - opcode)))
        case 0x3C: return readMemory()
        case 0x3E: return 0
        case 0x40: return yes(isQuiescent)
        case 0x41...0x44: return UInt8(truncatingIfNeeded: groups >> (8 * UInt32(opcode - 0x41)))
        case 0x45: return yes(notifiesPowerCycle)
        case 0x46: return 1 << 1  // instances, no application controller
        default: return nil
        }
    }

    /// Bank 0, the identity, laid out as that of control gear.
    private func readMemory() -> UInt8? {
        let offset = Int(dtr.0)
        if dtr.0 < 255 { dtr.0 += 1 }
        let bank: [UInt8] =
            [0x1A, 0, 0] + GearMemory.bytes(description.gtin, 6) + [1, 0] + GearMemory.bytes(identification, 8)
            + [1, 0, 8, 0xFF, 8, 1, 0, 0]
        guard dtr.1 == 0, offset != 1, offset < bank.count else { return nil }
        return bank[offset]
    }

    // MARK: Commands to an instance

    private func instanceCommand(_ opcode: UInt8, of number: Int, at now: Int64) -> UInt8? {
        if opcode < 0x60 {
            return instances[number].kind == .light ? light(opcode, of: number) : occupancy(opcode, of: number, at: now)
        }
        let instance = instances[number]
        switch opcode {
        case 0x61: if (2...5).contains(dtr.0) { instances[number].priority = dtr.0 }
        case 0x62: instances[number].isEnabled = true
        case 0x63: instances[number].isEnabled = false
        case 0x64...0x66: instances[number].groups[Int(opcode - 0x64)] = dtr.0 < 32 ? dtr.0 : Self.mask
        case 0x67: if dtr.0 <= 4 { instances[number].scheme = dtr.0 }
        case 0x68: instances[number].filter = dtr.0
        case 0x80: return instance.kind.rawValue
        case 0x81: return instance.kind == .light ? 10 : 2
        case 0x82: return 0
        case 0x83: return instance.isEnabled ? 1 << 1 : 0
        case 0x84: return instance.priority
        case 0x86: return instance.isEnabled ? 0xFF : nil
        case 0x88...0x8A: return instance.groups[Int(opcode - 0x88)]
        case 0x8B: return instance.scheme
        case 0x8C: return instances[number].readValue()
        case 0x8D: return instance.latched.isEmpty ? nil : instances[number].latched.removeFirst()
        case 0x8E: return 254  // no features
        case 0x90: return instance.filter
        default: break
        }
        return nil
    }

    /// IEC 62386-304.
    private func light(_ opcode: UInt8, of number: Int) -> UInt8? {
        switch opcode {
        case 0x30: instances[number].reportTimer = dtr.0
        case 0x31: instances[number].hysteresis = min(25, dtr.0)
        case 0x32: instances[number].deadtime = dtr.0
        case 0x33: instances[number].leastHysteresis = dtr.0
        case 0x3C: return instances[number].leastHysteresis
        case 0x3D: return instances[number].deadtime
        case 0x3E: return instances[number].reportTimer
        case 0x3F: return instances[number].hysteresis
        default: break
        }
        return nil
    }

    /// IEC 62386-303.
    private func occupancy(_ opcode: UInt8, of number: Int, at now: Int64) -> UInt8? {
        switch opcode {
        case 0x20: instances[number].catches = true
        case 0x21: instances[number].holdTimer = min(254, dtr.0)
        case 0x22: instances[number].reportTimer = dtr.0
        case 0x23: instances[number].deadtime = dtr.0
        case 0x24: instances[number].cancelHold(at: now)
        case 0x2C: return instances[number].deadtime
        case 0x2D: return instances[number].holdTimer
        case 0x2E: return instances[number].reportTimer
        case 0x2F: return instances[number].catches ? 0xFF : nil
        default: break
        }
        return nil
    }
}
