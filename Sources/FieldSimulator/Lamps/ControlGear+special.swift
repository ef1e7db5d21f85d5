/// Special commands, which every gear hears (IEC 62386-102:2022, 9.14 and 11.7).
extension ControlGear {
    func special(_ address: UInt8, _ data: UInt8, isRepeated: Bool, at now: Int64) -> UInt8? {
        enabledType = nil
        if ![0xA3, 0xC3, 0xC5, 0xC7, 0xC9].contains(address) { writeEnabled = false }
        switch address {
        case 0xA1:
            searchState = .disabled
            identifyEnds = 0
        case 0xA3: dtr.0 = data
        case 0xC3: dtr.1 = data
        case 0xC5: dtr.2 = data
        case 0xA5, 0xA7:
            guard isRepeated else {
                firstOfTwo = (address, data, now)
                return nil
            }
            if address == 0xA5 { initialise(data, at: now) } else { randomise() }
        case 0xC1: enabledType = data
        case 0xC7: return writeMemory(data, at: now)
        case 0xC9: if !has(.dali1) { _ = writeMemory(data, at: now) }
        default: return search(address, data)
        }
        return nil
    }

    private func initialise(_ data: UInt8, at now: Int64) {
        let isMeant =
            switch data {
            case 0x00: true
            case 0xFF: shortAddress == nil
            default: data & 0x81 == 1 && shortAddress == data >> 1
            }
        guard isMeant else { return }
        searchState = .enabled
        searchEnds = now + Self.searchWindow
    }

    private func randomise() {
        guard searchState != .disabled, !has(.keepsRandom) else { return }
        if has(.duplicateRandom), !hasDrawnCommon {
            hasDrawnCommon = true
            randomAddress = commonRandomAddress
        } else {
            // FFFFFF means "none": it is never drawn.
            randomAddress = UInt32(random.next() % UInt64(Self.noRandomAddress))
        }
    }

    private func search(_ address: UInt8, _ data: UInt8) -> UInt8? {
        guard searchState != .disabled else { return nil }
        let isSelected = randomAddress == searchAddress
        switch address {
        case 0xA9: return searchState == .enabled && randomAddress <= searchAddress ? 0xFF : nil
        case 0xAB: if isSelected, searchState == .enabled { searchState = .withdrawn }
        case 0xB1: searchAddress = searchAddress & 0x00FFFF | UInt32(data) << 16
        case 0xB3: searchAddress = searchAddress & 0xFF00FF | UInt32(data) << 8
        case 0xB5: searchAddress = searchAddress & 0xFFFF00 | UInt32(data)
        case 0xB7: if isSelected { program(data) }
        case 0xB9: return data & 0x81 == 1 && shortAddress == data >> 1 && !has(.noVerify) ? 0xFF : nil
        case 0xBB: return isSelected ? shortAddress.map { $0 << 1 | 1 } ?? Self.mask : nil
        default: break
        }
        return nil
    }
}
