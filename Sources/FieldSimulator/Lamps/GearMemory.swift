/// What a gear keeps in its memory banks beyond what it measures, and how the banks are locked and latched
/// (IEC 62386-102:2022, 9.11).
struct GearMemory: Sendable {
    /// The lock byte's meanings: take a snapshot, allow lockable writes, neither.
    static let latch: UInt8 = 0xAA
    static let unlocked: UInt8 = 0x55
    static let released: UInt8 = 0xFF
    /// The lock byte lies here in every bank but 0.
    static let lockOffset = 2

    /// Lock bytes; a bank that is not here is released.
    var locks: [UInt8: UInt8] = [:]
    /// Whole banks as they were when they were latched.
    var snapshots: [UInt8: [UInt8]] = [:]
    /// Bytes that were written to keepable places, by bank and offset.
    var written: [UInt8: [Int: UInt8]] = [:]
    /// What has to be added to a resettable counter to show what was written to it, by its first offset.
    var counterOffsets: [Int: UInt64] = [:]

    mutating func forgetVolatile() {
        locks = [:]
        snapshots = [:]
    }

    /// Big-endian bytes of a number.
    static func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64(count - 1 - $0))) }
    }
}

/// Reading and writing of memory banks.
extension ControlGear {
    /// READ MEMORY LOCATION: the byte at DTR1, DTR0, and DTR0 moves on even when nothing lies there.
    func readMemory(at now: Int64) -> UInt8? {
        let (number, offset) = (dtr.1, Int(dtr.0))
        if dtr.0 < 255 { dtr.0 += 1 }
        guard let bank = memory.snapshots[number] ?? bank(number, at: now), offset < bank.count else { return nil }
        if offset == GearMemory.lockOffset, number != 0 { return memory.locks[number] ?? GearMemory.released }
        // Offset 1 of bank 0 is not there in edition 2; the first edition keeps the checksum there.
        if offset == 1, number == 0, !has(.dali1) { return nil }
        return bank[offset]
    }

    /// WRITE MEMORY LOCATION.
    ///
    /// - Returns: the byte, when it could be written.
    func writeMemory(_ data: UInt8, at now: Int64) -> UInt8? {
        guard writeEnabled else { return nil }
        let (number, offset) = (dtr.1, Int(dtr.0))
        if dtr.0 < 255 { dtr.0 += 1 }
        guard number != 0, let bank = bank(number, at: now), offset < bank.count else { return nil }
        if offset == GearMemory.lockOffset {
            memory.locks[number] = data
            memory.snapshots[number] = data == GearMemory.latch ? bank : nil
            return data
        }
        if Self.lockable(number)?.contains(offset) == true {
            guard memory.locks[number] == GearMemory.unlocked else { return nil }
            memory.written[number, default: [:]][offset] = data
            return data
        }
        return writeCounter(number, offset, data, bank) ? data : nil
    }

    /// RESET MEMORY BANK, of one bank or with 0 of all: only what is unlocked goes back to what it was made with.
    func resetMemory(bank number: UInt8) {
        for bank in memory.written.keys where number == 0 || number == bank {
            if memory.locks[bank] == GearMemory.unlocked { memory.written[bank] = nil }
        }
    }

    /// Places that are kept and can be written after the lock byte was set to 55h.
    private static func lockable(_ bank: UInt8) -> ClosedRange<Int>? {
        switch bank {
        case 1: 0x03...0x77
        case 207: 0x04...0x07
        default: nil
        }
    }

    /// Counters of bank 206 that may be set: starts (3 bytes) and seconds of light (4 bytes).
    static let resettable: [(first: Int, count: Int)] = [(0x04, 3), (0x0A, 4)]

    private func writeCounter(_ number: UInt8, _ offset: Int, _ data: UInt8, _ bank: [UInt8]) -> Bool {
        guard number == 206,
            let place = Self.resettable.first(where: { ($0.first..<$0.first + $0.count).contains(offset) })
        else { return false }
        var bytes = Array(bank[place.first..<place.first + place.count])
        let shown = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        bytes[offset - place.first] = data
        let wanted = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        memory.counterOffsets[place.first, default: 0] &+= wanted &- shown
        return true
    }
}
