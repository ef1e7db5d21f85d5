/// How the two ends of a serial line agree to talk. Eight data bits always: no protocol of this gateway uses fewer.
public struct SerialSettings: Sendable, Hashable {
    public enum Parity: String, Sendable, Hashable, CaseIterable {
        case none
        case even
        case odd
    }

    /// Bits per second.
    public let baud: Int
    public let parity: Parity
    /// 1 or 2.
    public let stopBits: Int
    /// Data Terminal Ready is asserted while the port is open; some lamp interfaces draw their power from it.
    public let assertsDTR: Bool

    /// - Precondition: `baud` is positive, `stopBits` is 1 or 2.
    public init(baud: Int, parity: Parity = .none, stopBits: Int = 1, assertsDTR: Bool = true) {
        precondition(baud > 0, "a serial line has a speed")
        precondition(stopBits == 1 || stopBits == 2, "a character ends with one or two stop bits")
        self.baud = baud
        self.parity = parity
        self.stopBits = stopBits
        self.assertsDTR = assertsDTR
    }
}

extension SerialSettings: CustomStringConvertible {
    /// As technicians write it: `38400 8N1`.
    public var description: String {
        let letter =
            switch parity {
            case .none: "N"
            case .even: "E"
            case .odd: "O"
            }
        return "\(baud) 8\(letter)\(stopBits)"
    }
}
