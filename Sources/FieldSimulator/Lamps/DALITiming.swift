/// How long frames take on a DALI bus (IEC 62386-101:2022, 8 and 9); all times in nanoseconds.
public enum DALITiming {
    /// One Manchester bit at 1200 bit/s.
    public static let bit: Int64 = 833_333
    /// The stop condition as it is sent; a receiver has the frame after it.
    public static let stop: Int64 = 2_450_000
    /// From the last bit of a forward frame to the start bit of the answer: the middle of 5.5 to 10.5 ms.
    public static let backwardSettling: Int64 = 8_000_000
    /// A master waits no longer for an answer to begin.
    public static let answerWindow: Int64 = 13_400_000
    /// The answers of slow gear begin here, within the standard; those of late gear here, when nobody waits any more.
    public static let slowSettling: Int64 = 10_400_000
    public static let lateSettling: Int64 = 30_000_000
    /// Two frames of a send-twice command lie no further apart.
    public static let sendTwiceWindow: Int64 = 100_000_000
    /// The bus low for longer is a system failure.
    public static let systemFailure: Int64 = 500_000_000

    /// A frame with its start bit.
    public static func frame(bits: Int) -> Int64 { Int64(bits + 1) * bit }

    /// The quiet time before a forward frame, from the last bit of what was before: the middle of each priority's range.
    public static func settling(priority: Int) -> Int64 {
        switch priority {
        case ...1: 14_100_000
        case 2: 15_500_000
        case 3: 17_000_000
        case 4: 18_600_000
        default: 20_300_000
        }
    }
}
