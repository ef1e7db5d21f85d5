internal import CLinux
internal import Glibc

/// Why a port cannot be had for ourselves alone. Each sentence says what to do.
public enum PortLockFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no such file now.
    case missing(path: String)
    /// We may not open it.
    case notPermitted(path: String)
    /// Another process uses it; `holder` as "PID (name)" when /proc tells.
    case held(path: String, holder: String?)
    /// Anything else the system says.
    case system(path: String, code: Int32)

    public var description: String {
        switch self {
        case .missing(let path):
            "\(path) does not exist: is the adapter plugged in? `ls -l /dev/serial/by-id` shows those that are"
        case .notPermitted(let path):
            "no permission to open \(path): the gateway's user must be in the port's group (usually dialout)"
        case .held(let path, let holder):
            "\(path) is in use by \(holder.map { "process \($0)" } ?? "another process"): one port has one master; stop the other program"
        case .system(let path, let code): "\(path) cannot be locked: \(errorText(code))"
        }
    }

    /// Worth trying again by itself: a port may appear, a holder may go. All but missing rights.
    public var isRetriable: Bool {
        if case .notPermitted = self { false } else { true }
    }
}

/// The right to use one serial port alone, among all programs that keep to it (flock), held until it is dropped.
///
/// A C library that opens the port by its path does so while this is held, and then ``exclude(descriptor:path:)``
/// is called with the library's descriptor, so that programs that know nothing of locks are kept out by the kernel (TIOCEXCL).
public struct PortLock: ~Copyable {
    private let descriptor: Int32

    /// Opens `path` and locks it.
    ///
    /// - Parameter path: of the device; symbolic links are followed.
    public init(path: String) throws(PortLockFailure) {
        let descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw PortLock.failure(errno, path) }
        do {
            try PortLock.lock(descriptor: descriptor, path: path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Locks a descriptor that the caller opened (and keeps): until it is closed, no other ``PortLock`` gets the port.
    public static func lock(descriptor: Int32, path: String) throws(PortLockFailure) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            throw failure(errno, path)
        }
    }

    /// Tells the kernel to refuse further opens of this terminal (TIOCEXCL). Nothing happens to what is no terminal.
    public static func exclude(descriptor: Int32, path: String) throws(PortLockFailure) {
        let code = candela_tty_exclusive(descriptor)
        if code != 0 && code != ENOTTY && code != EINVAL { throw failure(code, path) }
    }

    private static func failure(_ code: Int32, _ path: String) -> PortLockFailure {
        switch code {
        case ENOENT, ENXIO, ENODEV, ENOTDIR: .missing(path: path)
        case EACCES, EPERM: .notPermitted(path: path)
        case EWOULDBLOCK, EBUSY: .held(path: path, holder: PortHolder.find(path: path))
        default: .system(path: path, code: code)
        }
    }
}

/// Who holds a port, as far as /proc shows it.
enum PortHolder {
    /// "PID (name)" of a process that has the port open; nil when it is not ours to see.
    static func find(path: String) -> String? {
        guard let target = canonical(path), let processes = opendir("/proc") else { return nil }
        defer { closedir(processes) }
        while let entry = readdir(processes) {
            guard let process = Int32(name(of: entry)), process != getpid() else { continue }
            if has(process: process, open: target) { return "\(process) (\(command(of: process)))" }
        }
        // Our own process comes last: two buses of one process on one port is a test, never a gateway.
        return has(process: getpid(), open: target) ? "\(getpid()) (this program)" : nil
    }

    private static func has(process: Int32, open target: String) -> Bool {
        let folder = "/proc/\(process)/fd"
        guard let descriptors = opendir(folder) else { return false }
        defer { closedir(descriptors) }
        while let entry = readdir(descriptors) {
            if link("\(folder)/\(name(of: entry))") == target { return true }
        }
        return false
    }

    private static func command(of process: Int32) -> String {
        let descriptor = open("/proc/\(process)/comm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "unknown" }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).prefix { $0 != 10 }, as: UTF8.self)
    }

    private static func canonical(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func link(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
    }
}
