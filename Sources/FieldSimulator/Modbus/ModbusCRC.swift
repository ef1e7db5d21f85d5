/// The check of Modbus RTU (MODBUS over Serial Line 1.02, 6.2.2), computed bit by bit: the simulator has its own
/// implementation on purpose, so that a bug shared with the gateway cannot hide.
enum ModbusCRC {
    static func value(of bytes: some Sequence<UInt8>) -> UInt16 {
        var register: UInt16 = 0xFFFF
        for byte in bytes {
            register ^= UInt16(byte)
            for _ in 0..<8 {
                let carry = register & 1
                register >>= 1
                if carry == 1 { register ^= 0xA001 }
            }
        }
        return register
    }

    static func appended(to bytes: [UInt8]) -> [UInt8] {
        let check = value(of: bytes)
        return bytes + [UInt8(truncatingIfNeeded: check), UInt8(check >> 8)]
    }

    static func isRight(_ frame: [UInt8]) -> Bool {
        guard frame.count >= 3 else { return false }
        let check = value(of: frame.dropLast(2))
        return frame[frame.count - 2] == UInt8(truncatingIfNeeded: check) && frame[frame.count - 1] == UInt8(check >> 8)
    }
}
