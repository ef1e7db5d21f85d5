internal import DriverKit
internal import Telemetry

/// One way to devices: a serial line, or a connection to one host. Used from the bus thread only; every call may block
/// for the time-out handed in.
protocol ModbusLink: AnyObject {
    /// For people: "/dev/ttyUSB0 9600 8E1", "192.0.2.17:502".
    var title: String { get }
    var isOpen: Bool { get }
    /// Wire time of so many bytes, in one direction; zero where it does not matter (TCP).
    func wireTime(bytes: Int) -> Duration
    /// A late answer can never be taken for the answer to another request: it went down with its connection.
    var survivesLateAnswers: Bool { get }
    /// Silence that the line needs before each request.
    var silence: Duration { get }

    func open() throws(LinkFailure)
    func close()

    /// Sends a request and waits for its answer, after the silence that the line needs.
    ///
    /// - Parameters:
    ///   - timeout: from the end of the request to the first byte of the answer.
    ///   - pause: kept before the request, beyond the silence.
    func exchange(_ request: ModbusRequest, unit: UInt8, timeout: Duration, pause: Duration) -> Exchange

    /// Other settings for the open line, nil for the bus's own again. Serial lines only.
    func retune(_ settings: SerialSettings?) throws(LinkFailure)
    /// Bytes that come within `limit`, each piece with its time of arrival; nothing is sent. Serial lines only.
    func listen(for limit: Duration) -> [HeardBytes]
}

extension ModbusLink {
    func retune(_ settings: SerialSettings?) throws(LinkFailure) {
        throw LinkFailure(message: "\(title) is no serial line: it has no baud rate", isRetriable: false)
    }
    func listen(for limit: Duration) -> [HeardBytes] { [] }
}

/// Why a link is not open.
struct LinkFailure: Error, Sendable, Hashable {
    let message: String
    let isRetriable: Bool
}

/// What one exchange came to.
struct Exchange: Sendable, Hashable {
    enum Outcome: Sendable, Hashable {
        case answer(ModbusAnswer)
        /// Nothing came.
        case silence
        /// Something came that is no answer to this request.
        case broken(String)
        /// The line itself is gone: unplugged, or the host cannot be reached.
        case gone(String)
    }

    let outcome: Outcome
    /// As they went over the wire, as far as known.
    let sent: [UInt8]
    let received: [UInt8]
    let began: BootInstant
    /// End of the exchange: the moment at which a value was acquired.
    let ended: BootInstant
    /// Part of it that the protocol's silence took before the request.
    let silent: Duration
    /// What else was on the line.
    var strays = LineStrays()
    /// Silence that the protocol wants before the request and that was over when the exchange began: the bus was idle,
    /// but could have carried nothing else.
    var rested: Duration = .zero
    /// From the end of the request on the wire to the first byte of the answer; nil where none came or nobody measured.
    var latency: Duration?

    var took: Duration { ended.duration(since: began) }
}

/// What was heard on a line besides the answer that was waited for.
struct LineStrays: Sendable, Hashable {
    /// Whole answers of units that were not asked.
    var foreign = 0
    /// Whole answers of the unit to something that was asked earlier.
    var late = 0
    /// Our own request, heard again.
    var echoes = 0
    /// Bytes that belong to no frame.
    var noise = 0

    var isEmpty: Bool { self == LineStrays() }
}

/// Address and baud of a serial line.
struct SerialSettings: Sendable, Hashable {
    enum Parity: String, Sendable, Hashable {
        case none, even, odd

        var letter: Character {
            switch self {
            case .none: "N"
            case .even: "E"
            case .odd: "O"
            }
        }
    }

    var baud = 9_600
    var parity = Parity.none
    var stopBits = 1

    /// Start bit, eight data bits, parity and stop bits.
    var bitsPerCharacter: Int { 9 + (parity == .none ? 0 : 1) + stopBits }

    func time(characters: Int) -> Duration {
        .nanoseconds(Int64(characters) * Int64(bitsPerCharacter) * 1_000_000_000 / Int64(baud))
    }

    /// 3.5 characters; 1.75 ms above 19200 baud (Modbus over Serial Line V1.02, clause 2.5.1.1).
    var silence: Duration { baud > 19_200 ? .microseconds(1_750) : time(characters: 7) / 2 }

    var words: String { "\(baud) 8\(parity.letter)\(stopBits)" }
}

/// Where a bus leads.
enum PortAddress: Sendable, Hashable {
    case serial(path: String)
    case tcp(HostAddress)
    case rtuOverTCP(HostAddress)
    /// Each device names its host.
    case hosts

    static let forms = "a device path, tcp://HOST:PORT, rtu+tcp://HOST:PORT, or tcp with a host for each device"

    init?(_ text: String) {
        if text == "tcp" {
            self = .hosts
        } else if text.hasPrefix("/") {
            self = .serial(path: text)
        } else if text.hasPrefix("tcp://"), let host = HostAddress(String(text.dropFirst(6))) {
            self = .tcp(host)
        } else if text.hasPrefix("rtu+tcp://"), let host = HostAddress(String(text.dropFirst(10))) {
            self = .rtuOverTCP(host)
        } else {
            return nil
        }
    }

    var isSerial: Bool {
        if case .serial = self { true } else { false }
    }

    /// Where a network port leads; nil for a serial line, and where each device names its own.
    var host: HostAddress? {
        switch self {
        case .tcp(let host), .rtuOverTCP(let host): host
        case .serial, .hosts: nil
        }
    }

    /// Unit addresses: on a serial line 1 to 247; TCP devices use 0 and 255 for themselves as well
    /// (Modbus Messaging on TCP/IP V1.0b, clause 4.4.2.2).
    var units: ClosedRange<Int> {
        switch self {
        case .serial, .rtuOverTCP: 1...247
        case .tcp, .hosts: 0...255
        }
    }
}

extension HostAddress {
    /// Modbus TCP's registered port.
    static let standardPort = 502

    /// HOST or HOST:PORT; an IPv6 address stands in brackets.
    init?(_ text: String) { self.init(text, standardPort: Self.standardPort) }
}
