import CLinux
import Glibc

/// Tells systemd how the service is: READY, STATUS, STOPPING, WATCHDOG (sd_notify(3), by its documented datagram).
///
/// Silent where no service manager listens. It must be called from the daemon's own loops, so that a feed proves they turn.
struct ServiceNotifier: Sendable {
    private let socketPath: String?
    /// How often the watchdog wants to be fed: half of what systemd allows; nil when it is off.
    let watchdogInterval: Duration?

    /// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
    init() {
        socketPath = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        let microseconds = getenv("WATCHDOG_USEC").flatMap { Int64(String(cString: $0)) }
        watchdogInterval = microseconds.map { .microseconds($0 / 2) }
    }

    func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    func status(_ status: String) { send("STATUS=\(status)") }
    func stopping() { send("STOPPING=1") }
    func feedWatchdog() { send("WATCHDOG=1") }

    private func send(_ text: String) {
        guard let socketPath, !socketPath.isEmpty else { return }
        var address = sockaddr_un()
        let bytes = Array(socketPath.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: bytes)
            // A leading @ stands for the abstract namespace.
            if bytes.first == UInt8(ascii: "@") { path[0] = 0 }
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = Array(text.utf8).withUnsafeBytes {
                    sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), generic, length)
                }
            }
        }
    }
}
