internal import CLinux
internal import CSerialPort
internal import Glibc
public import Telemetry

/// One open serial port and its only owner: it is closed when the value ends.
///
/// Blocking; to be used on the bus's own thread. Through libserialport where the system knows the port, directly where it
/// is a pseudo-terminal. The port is locked (flock and TIOCEXCL): a second user gets an error that names the first.
public struct SerialPort: ~Copyable {
    /// The path as configured; may be a link of udev, which follows an adapter from plug to plug.
    public let path: String
    /// The device behind it.
    public let canonicalPath: String
    public let settings: SerialSettings
    private let opened: SerialBackend.Opened

    /// Opens, locks and sets up a port. Bytes received earlier are thrown away.
    ///
    /// - Throws: ``SerialPortError`` with ``SerialPortError/Code/notThere``, `held`, `noPermission`, `unsupported` or `failed`.
    public init(path: String, settings: SerialSettings) throws(SerialPortError) {
        guard let canonical = SerialPath.canonical(path) else {
            throw .opening(path, canonical: path, errno: errno)
        }
        self.opened = try SerialBackend.open(path, canonical: canonical, settings)
        self.path = path
        self.canonicalPath = canonical
        self.settings = settings
    }

    deinit { SerialBackend.close(opened) }

    /// Closes the port now.
    public consuming func close() {}

    /// For people: `/dev/ttyUSB0 38400 8N1`.
    public var summary: String {
        path == canonicalPath ? "\(path) \(settings)" : "\(path) (\(canonicalPath)) \(settings)"
    }

    /// Waits until bytes are there or `deadline` has passed.
    ///
    /// What has arrived already is returned even when the deadline is past.
    ///
    /// - Returns: at most `maximum` bytes; none when the deadline passed.
    /// - Throws: ``SerialPortError/Code/gone`` when the adapter was unplugged or the far end hung up.
    public func read(maximum: Int = 4096, until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(1, maximum))
        while true {
            let ready = try wait(for: Int16(POLLIN), until: deadline)
            guard ready else { return [] }
            let count = Glibc.read(opened.descriptor, &bytes, bytes.count)
            if count > 0 { return Array(bytes[..<count]) }
            // Readable and yet nothing to read: the far end hung up.
            if count == 0 { throw .gone(path, errno: 0) }
            if errno == EAGAIN || errno == EINTR { continue }
            throw .exchanging(path, "reading", errno: errno)
        }
    }

    /// Hands all bytes to the port.
    ///
    /// - Throws: ``SerialPortError/Code/stuck`` when it does not take them before `deadline`; `gone` as for reading.
    public func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(opened.descriptor, $0.baseAddress! + sent, $0.count - sent)
            }
            if count > 0 {
                sent += count
                continue
            }
            if count < 0, errno == EINTR { continue }
            guard count == 0 || errno == EAGAIN else { throw .exchanging(path, "writing to", errno: errno) }
            guard try wait(for: Int16(POLLOUT), until: deadline) else {
                throw .stuck(path, sent: sent, of: bytes.count)
            }
        }
    }

    /// Throws away what was received and not read, and what was written and not sent.
    public func flush() {
        tcflush(opened.descriptor, TCIOFLUSH)
    }

    /// True when one of `events` is there, false when the deadline passed.
    private func wait(for events: Int16, until deadline: BootInstant) throws(SerialPortError) -> Bool {
        while true {
            let left = deadline.nanoseconds - BootClock.now().nanoseconds
            // Rounded up: a wait cut to 0 ms would spin through the last millisecond.
            let milliseconds = left <= 0 ? 0 : Int32(min(left / 1_000_000 + 1, 60_000))
            var entry = pollfd(fd: opened.descriptor, events: events, revents: 0)
            let count = poll(&entry, 1, milliseconds)
            if count > 0 {
                if entry.revents & events != 0 { return true }
                throw .gone(path, errno: entry.revents & Int16(POLLNVAL) != 0 ? EBADF : EIO)
            }
            if count < 0, errno != EINTR { throw .exchanging(path, "waiting for", errno: errno) }
            if count == 0, BootClock.now().nanoseconds >= deadline.nanoseconds { return false }
        }
    }
}
