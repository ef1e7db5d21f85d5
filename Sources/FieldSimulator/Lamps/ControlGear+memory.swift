import Telemetry

/// Memory banks (IEC 62386-102, 9.11): bank 0, the identity, and for D4i gear bank 202, the active energy and power
/// (IEC 62386-252).
extension ControlGear {
    static let identityBank: UInt8 = 0
    static let energyBank: UInt8 = 202
    /// A made-up article number; it belongs to no manufacturer.
    static let gtin: UInt64 = 9_900_000_004_242

    /// READ MEMORY LOCATION: the byte at DTR1, DTR0, and DTR0 moves on even when nothing lies there.
    func readMemory(at now: Int64) -> UInt8? {
        let offset = Int(dtr.0)
        if dtr.0 < 255 { dtr.0 += 1 }
        guard let bank = bank(dtr.1, at: now), offset < bank.count, offset != 1 || dtr.1 != 0 else { return nil }
        return bank[offset]
    }

    /// WRITE MEMORY LOCATION; only the latch byte of the energy bank can be written.
    func writeMemory(_ data: UInt8, at now: Int64) -> UInt8? {
        let offset = dtr.0
        guard writeEnabled else { return nil }
        if dtr.0 < 255 { dtr.0 += 1 }
        guard dtr.1 == Self.energyBank, description.isD4i, offset == 2 else { return nil }
        latchedEnergy = nil
        if data == 0xAA { latchedEnergy = energyBytes(at: now) }
        return data
    }

    private func bank(_ number: UInt8, at now: Int64) -> [UInt8]? {
        switch number {
        case Self.identityBank: identityBytes
        case Self.energyBank where description.isD4i: latchedEnergy ?? energyBytes(at: now)
        default: nil
        }
    }

    private var identityBytes: [UInt8] {
        // Last location, reserved, last bank, GTIN, firmware 1.2, identification number, hardware 1.0,
        // parts 101, 102 and 103 in version 2.0 (none), no control device, one control gear, its index.
        [0x1A, 0, description.isD4i ? Self.energyBank : 0] + Self.bytes(Self.gtin, count: 6) + [1, 2]
            + Self.bytes(identification, count: 8) + [1, 0, 8, 8, 0xFF, 0, 1, 0]
    }

    private func energyBytes(at now: Int64) -> [UInt8] {
        integrate(to: now)
        let tenths = UInt64(power(at: .init(nanoseconds: now)) * 10)
        // Scales: energy in W.h (10^0), power in 0.1 W (10^-1).
        return [0x0F, 0, latchedEnergy == nil ? 0xFF : 0xAA, 1, 0] + Self.bytes(UInt64(energy), count: 6) + [0xFF]
            + Self.bytes(tenths, count: 4)
    }

    private static func bytes(_ number: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64(count - 1 - $0))) }
    }
}
