import CLinux
import Glibc

/// The one owner of a file descriptor; closes it at the end of its life.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Neither inherited by a child nor able to block the loop.
    func prepare() {
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
    }

    /// What is there to read: nil when the other side has gone, empty when there is nothing now.
    func read(atMost count: Int = 4096) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = Glibc.read(number, &buffer, count)
        if got > 0 { return Array(buffer[0..<got]) }
        if got < 0, errno == EAGAIN || errno == EINTR { return [] }
        return nil
    }

    /// Writes what fits; nil when the other side has gone, else the number of bytes taken.
    func write(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty else { return 0 }
        let sent = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
        if sent >= 0 { return sent }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }
}

/// What the system refused, for a person.
public struct FieldServerError: Error, Sendable, CustomStringConvertible {
    /// What was tried, with the path or address.
    public let action: String
    /// The system's error number.
    public let code: Int32
    /// What to do about it.
    public let advice: String

    init(_ action: String, code: Int32 = errno, advice: String) {
        self.action = action
        self.code = code
        self.advice = advice
    }

    public var description: String { "\(action): \(String(cString: strerror(code))); \(advice)" }
}
