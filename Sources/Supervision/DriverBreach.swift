/// What a driver does wrong. It is killed for each of these.
enum DriverBreach: Error, Sendable, Hashable, CustomStringConvertible {
    /// Bytes on stdout that are no message.
    case garbage(String)
    case tooLong(length: UInt64, limit: Int)
    /// An envelope of another version.
    case wrongVersion(UInt32)
    case messageFlood(perSecond: Int, limit: Int)
    case byteFlood(perSecond: Int, limit: Int)
    /// It does not take what is sent to it.
    case inputStuck(waiting: Int, for: Duration)
    case inputOverflow(limit: Int)
    case outputClosed
    /// A message that has no place at this moment.
    case outOfOrder(message: String, before: String)
    /// A message whose content cannot be.
    case nonsense(String)

    /// The end of a sentence that begins with "the driver of bus X was killed: it".
    var description: String {
        switch self {
        case .garbage(let detail):
            "wrote bytes to its standard output that are no protocol message (\(detail)); a driver's log belongs on stderr"
        case .tooLong(let length, let limit):
            "announced a message of \(length) bytes, over the limit of \(limit); it may have printed text to its "
                + "standard output, a driver's log belongs on stderr"
        case .wrongVersion(let version):
            "sent a message of protocol version \(version), this gateway speaks version 1; install a driver that fits"
        case .messageFlood(let rate, let limit):
            "floods: \(rate) messages per second over the last seconds, the limit is \(limit)"
        case .byteFlood(let rate, let limit):
            "floods: \(rate) bytes per second over the last seconds, the limit is \(limit)"
        case .inputStuck(let waiting, let time):
            "does not read its standard input: \(waiting) bytes have waited for \(time.inWords)"
        case .inputOverflow(let limit):
            "does not read its standard input: more than \(limit) bytes wait for it"
        case .outputClosed: "closed its standard output but goes on running"
        case .outOfOrder(let message, let expected): "sent \(message) where \(expected) was due"
        case .nonsense(let detail): "sent nonsense: \(detail)"
        }
    }
}

/// How a process ended.
enum DriverExit: Sendable, Hashable, CustomStringConvertible {
    case status(Int32)
    case signal(Int32)

    /// From the status of waitpid(2).
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7F
        self = signal == 0 ? .status((waitStatus >> 8) & 0xFF) : .signal(signal)
    }

    var description: String {
        switch self {
        case .status(let status): "exited with status \(status)"
        case .signal(let signal): "was ended by signal \(signal)\(Self.names[signal].map { " (\($0))" } ?? "")"
        }
    }

    /// The signals a technician meets, by their Linux numbers.
    private static let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
        11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 31: "SIGSYS",
    ]
}

extension Duration {
    /// "5 s", "1.5 s", "500 ms", "5 min": for sentences.
    var inWords: String {
        let (seconds, attoseconds) = components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        if milliseconds >= 60_000, milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000) min" }
        if milliseconds % 1_000 == 0 { return "\(milliseconds / 1_000) s" }
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        let tenths = (milliseconds + 50) / 100
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
