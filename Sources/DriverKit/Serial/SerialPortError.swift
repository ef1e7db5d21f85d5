internal import CLinux
internal import Glibc

/// Why a serial port cannot be used. The description is a sentence for a technician: what happened, where, what to do.
public struct SerialPortError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// Nothing has this path: not plugged in, or another name.
        case notThere
        /// Another process has the port: "PID (name)" when /proc tells it.
        case held(by: String?)
        /// The user may not open it.
        case noPermission
        /// The path is no serial port, or the driver of the port refuses a setting.
        case unsupported
        /// It was open and has vanished: unplugged, or its other end hung up.
        case gone
        /// The bytes did not leave before the deadline: something holds the line.
        case stuck
        /// Anything else.
        case failed
    }

    public let code: Code
    /// The path as configured.
    public let path: String
    /// The system's number for it; 0 when there is none.
    public let errno: Int32
    public let description: String

    /// Worth trying again later: a person or a plug may mend it.
    public var isRetriable: Bool { code != .unsupported }

    public init(code: Code, path: String, errno: Int32 = 0, description: String) {
        self.code = code
        self.path = path
        self.errno = errno
        self.description = description
    }
}

extension SerialPortError {
    static func notThere(_ path: String, errno: Int32) -> SerialPortError {
        SerialPortError(
            code: .notThere, path: path, errno: errno,
            description: "\(path) is not there: plug the adapter in, or look for its name under /dev/serial/by-id")
    }

    static func noPermission(_ path: String, errno: Int32) -> SerialPortError {
        SerialPortError(
            code: .noPermission, path: path, errno: errno,
            description:
                "no permission to open \(path): the gateway's user must be in the port's group, usually dialout")
    }

    static func held(_ path: String, canonical: String, errno: Int32) -> SerialPortError {
        let holder = SerialPath.lockHolder(canonical) ?? PortHolder.find(path: canonical)
        let who = holder.map { "process \($0)" } ?? "another process"
        return SerialPortError(
            code: .held(by: holder), path: path, errno: errno,
            description: "\(path) is in use by \(who): stop it, or give one of the two another port")
    }

    static func unsupported(_ path: String, _ why: String, errno: Int32 = 0) -> SerialPortError {
        SerialPortError(code: .unsupported, path: path, errno: errno, description: "\(path) \(why)")
    }

    static func gone(_ path: String, errno: Int32) -> SerialPortError {
        SerialPortError(
            code: .gone, path: path, errno: errno,
            description: "\(path) is gone (\(systemMessage(errno))): adapter unplugged or its far end closed")
    }

    static func stuck(_ path: String, sent: Int, of count: Int) -> SerialPortError {
        SerialPortError(
            code: .stuck, path: path,
            description: "\(path) took only \(sent) of \(count) bytes in time: check the adapter and its flow control")
    }

    static func failed(_ path: String, _ what: String, errno: Int32) -> SerialPortError {
        SerialPortError(
            code: .failed, path: path, errno: errno, description: "\(what) \(path) failed: \(systemMessage(errno))")
    }

    /// The right error for a call on `path` that ended with `errno`.
    static func opening(_ path: String, canonical: String, errno: Int32) -> SerialPortError {
        switch errno {
        case ENOENT, ENXIO, ENODEV, ENOTDIR: notThere(path, errno: errno)
        case EACCES, EPERM: noPermission(path, errno: errno)
        case EBUSY, EWOULDBLOCK: held(path, canonical: canonical, errno: errno)
        case ENOTTY, EINVAL:
            unsupported(path, "is no serial port or refuses the settings (\(systemMessage(errno)))", errno: errno)
        default: failed(path, "opening", errno: errno)
        }
    }

    /// The right error for an exchange on an open port that ended with `errno`.
    static func exchanging(_ path: String, _ what: String, errno: Int32) -> SerialPortError {
        switch errno {
        case EIO, ENXIO, ENODEV, EBADF, 0: gone(path, errno: errno)
        default: failed(path, what, errno: errno)
        }
    }

    private static func systemMessage(_ errno: Int32) -> String {
        errno == 0 ? "end of file" : errorText(errno)
    }
}
