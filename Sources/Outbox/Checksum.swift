/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds every burst error up to 32 bits, which is how flash and torn pages fail.
struct Checksum: Sendable {
    private var state: UInt32 = 0xFFFF_FFFF

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
    }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        var current = state
        Checksum.table.withUnsafeBufferPointer { table in
            for byte in bytes { current = (current >> 8) ^ table[Int(UInt8(truncatingIfNeeded: current) ^ byte)] }
        }
        state = current
    }

    mutating func add(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            add(CollectionOfOne(UInt8(truncatingIfNeeded: rest)))
            rest >>= 8
        }
    }

    var value: UInt32 { ~state }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        var checksum = Checksum()
        checksum.add(bytes)
        return checksum.value
    }

    /// FNV-1a over 64 bits: names a dictionary by its content.
    static func contentHash(_ bytes: [UInt8]) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int64(bitPattern: hash)
    }
}
