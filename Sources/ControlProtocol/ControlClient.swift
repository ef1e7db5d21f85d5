import CLinux
import Glibc
import SwiftProtobuf
import Telemetry

/// The CLI's end of the control socket. Calls block: for programs that do one thing at a time, never on a thread that others need.
public struct ControlClient: ~Copyable {
    /// Descriptor for poll(2) beside a keyboard; owned by the client.
    public let descriptor: Int32
    private let path: String
    private var decoder: LengthDelimited.Decoder
    private var lastRequest: UInt64

    /// A daemon that does not accept or take a request within this many seconds hangs.
    private static let sendLimit = 5

    /// Connects to the daemon.
    public init(path: String) throws(ControlClientError) {
        guard path.utf8.count <= ControlLimits.pathBytes else {
            throw ControlClientError(
                kind: .notReachable,
                message:
                    "the socket path is \(path.utf8.count) bytes long, Linux allows \(ControlLimits.pathBytes): \(path)",
                hint: "choose a shorter one with --socket, for the daemon too")
        }
        let descriptor = UnixSocket.make(nonBlocking: false)
        guard descriptor >= 0 else { throw Self.unreachable(path, errno) }
        var limit = timeval(tv_sec: Self.sendLimit, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard UnixSocket.withAddress(path, { connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.unreachable(path, code)
        }
        // All at the end: Swift 6.2 mislays initial values of a non-copyable type on the ways out above.
        self.descriptor = descriptor
        self.path = path
        decoder = LengthDelimited.Decoder(limit: ControlLimits.reply)
        lastRequest = 0
    }

    deinit { close(descriptor) }

    /// Sends a request; version and id are filled in.
    ///
    /// - Returns: the id that its replies carry.
    @discardableResult
    public mutating func send(_ request: ControlRequest) throws(ControlClientError) -> UInt64 {
        lastRequest += 1
        var request = request
        request.version = ControlLimits.version
        request.id = lastRequest
        // Cannot fail: the message has no required fields and its texts are Swift strings.
        let body: [UInt8] = (try? request.serializedBytes()) ?? []
        guard body.count <= ControlLimits.request else {
            throw ControlClientError(
                kind: .broken, message: "the request has \(body.count) bytes, the limit is \(ControlLimits.request)",
                hint: "ask for less at once")
        }
        var rest = LengthDelimited.frame(body)[...]
        while !rest.isEmpty {
            let count = UnixSocket.send(descriptor, rest)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if UnixSocket.wouldBlock {
                throw ControlClientError(
                    kind: .timedOut, message: "the daemon at \(path) does not take requests", hint: "look at its log")
            } else if !UnixSocket.isInterrupted {
                // It may have said why before it closed.
                if decoder.pending > 0 || hasInput { return lastRequest }
                throw gone
            }
        }
        return lastRequest
    }

    /// The next reply; nil when none came within `limit`.
    public mutating func receive(within limit: Duration) throws(ControlClientError) -> ControlReply? {
        let end = ContinuousClock.now.advanced(by: limit)
        while true {
            if let reply = try next() { return reply }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { return nil }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Rounded up, so that the last millisecond is not spent in circles.
            let milliseconds = Int32(clamping: min(left.wholeMilliseconds + 1, 86_400_000))
            let ready = poll(&polled, 1, milliseconds)
            if ready == 0 { continue }
            if ready < 0 {
                if UnixSocket.isInterrupted { continue }
                throw gone
            }
            try fill()
        }
    }

    /// Sends a request and waits for its reply.
    public mutating func ask(_ request: ControlRequest, within limit: Duration = .seconds(30))
        throws(ControlClientError) -> ControlReply
    {
        let id = try send(request)
        let end = ContinuousClock.now.advanced(by: limit)
        while let reply = try receive(within: ContinuousClock.now.duration(to: end)) {
            // 0: the daemon refuses the connection as a whole.
            if reply.id == id || reply.id == 0 { return reply }
        }
        throw ControlClientError(
            kind: .timedOut, message: "the daemon at \(path) did not answer within \(limit.wholeMilliseconds / 1000) s",
            hint: "look at its log")
    }

    /// Has the daemon call off what it does for this client; its last replies can still be received, further requests cannot be sent.
    public func callOff() { shutdown(descriptor, Int32(SHUT_WR)) }

    private mutating func next() throws(ControlClientError) -> ControlReply? {
        do {
            guard let bytes = try decoder.next() else { return nil }
            return try ControlReply(serializedBytes: bytes)
        } catch {
            throw ControlClientError(
                kind: .broken, message: "what answers at \(path) speaks another language: \(error)",
                hint: "is it the daemon's socket?")
        }
    }

    private var hasInput: Bool { candela_bytes_waiting(descriptor) > 0 }

    private mutating func fill() throws(ControlClientError) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 {
            decoder.append(chunk[..<count])
        } else if count == 0 || !UnixSocket.isInterrupted {
            throw gone
        }
    }

    private var gone: ControlClientError {
        ControlClientError(
            kind: .broken, message: "the daemon closed the connection at \(path)",
            hint: "it may be restarting; look at its log")
    }

    private static func unreachable(_ path: String, _ code: Int32) -> ControlClientError {
        switch code {
        case EACCES, EPERM:
            let group = groupName(of: path) ?? ControlLimits.group
            return ControlClientError(
                kind: .permissionDenied, message: "you may not use the daemon's socket \(path)",
                hint: "your user must be in group '\(group)' (sudo usermod -aG \(group) USER, then log in again)")
        case ENOENT:
            return ControlClientError(
                kind: .notReachable, message: "no daemon is reachable: \(path) does not exist",
                hint: "start the daemon, or name its socket with --socket")
        case ECONNREFUSED:
            return ControlClientError(
                kind: .notReachable, message: "no daemon is reachable: nobody listens at \(path)",
                hint: "it stopped without removing its socket; start it again")
        default:
            return ControlClientError(
                kind: .notReachable, message: "no daemon is reachable at \(path): \(UnixSocket.reason(code))",
                hint: "is it running, and is this its socket?")
        }
    }

    /// The group that owns the socket, where its folder can be read.
    private static func groupName(of path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, let entry = getgrgid(status.st_gid) else { return nil }
        return String(cString: entry.pointee.gr_name)
    }
}
