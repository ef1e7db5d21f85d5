/// Parity of a serial line.
public enum LineParity: String, Sendable, Hashable {
    case none, even, odd
}

/// What a serial line's settings mean in time.
public struct SerialTiming: Sendable, Hashable {
    public let baud: Int
    public let parity: LineParity
    public let stopBits: Int

    public init(baud: Int, parity: LineParity = .none, stopBits: Int = 1) {
        self.baud = baud
        self.parity = parity
        self.stopBits = stopBits
    }

    /// One character: start bit, eight data bits, parity bit if any, stop bits; nanoseconds.
    public var character: Int64 {
        let bits = 1 + 8 + (parity == .none ? 0 : 1) + stopBits
        return Int64(bits) * 1_000_000_000 / Int64(baud)
    }

    /// The silence that ends an RTU frame: 3.5 characters, and 1.75 ms above 19200 baud
    /// (MODBUS over Serial Line 1.02, 2.5.1.1); nanoseconds.
    public var silence: Int64 { baud > 19200 ? 1_750_000 : character * 7 / 2 }
}
