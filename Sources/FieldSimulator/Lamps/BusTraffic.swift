public import Telemetry

/// What the interface sees after a forward frame.
public enum BackwardFrame: Sendable, Equatable {
    case silence
    case answer(UInt8)
    /// Several gear at once, or noise: start bits seen, no readable byte.
    case collision
}

/// A backward frame and when it comes.
public struct BusResponse: Sendable, Equatable {
    public var frame: BackwardFrame
    /// Nanoseconds from the last bit of the forward frame to the start bit of the answer. The standard allows 5.5 to 10.5 ms;
    /// what begins after 13.4 ms satisfies no query.
    public var settling: Int64

    public init(_ frame: BackwardFrame, settling: Int64 = DALITiming.backwardSettling) {
        self.frame = frame
        self.settling = settling
    }
}

/// A forward frame that was on the bus.
public struct LoggedFrame: Sendable, Equatable {
    public enum Origin: Sendable, Equatable {
        /// The interface under test.
        case master
        /// Another master.
        case foreign
        /// An event message of a control device.
        case device
    }

    /// Two or three bytes.
    public let data: [UInt8]
    /// The end of its last bit.
    public let at: BootInstant
    public let origin: Origin
    public let answer: BackwardFrame

    /// It tells control gear a level: direct arc power, or one of the level commands 00 to 1F.
    public var setsLevel: Bool {
        guard data.count == 2, data[0] <= 0x9F || data[0] >= 0xFC else { return false }
        return data[0] & 1 == 0 ? data[1] != 255 : data[1] <= 0x1F && data[1] != 0x09
    }
}
