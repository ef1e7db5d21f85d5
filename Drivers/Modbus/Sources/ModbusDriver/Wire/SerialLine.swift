internal import CLinux
internal import DriverKit
internal import Glibc
internal import Telemetry

/// An open serial port, as raw bytes with their times. libmodbus opens it and sets baud and parity; bytes are read and written here,
/// since the library's own reading waits for silences that the head of an answer makes needless.
///
/// Used from the bus thread only.
final class SerialLine {
    /// A thread that sleeps is woken late by about this much; the rest of a short wait is spent awake.
    static let wakeUp: Duration = .microseconds(60)
    /// Opening a tty takes microseconds; libmodbus wants a figure.
    static let openTimeout: Duration = .seconds(2)
    /// A transceiver takes a frame at once; one that does not within this holds the line by flow control or is broken.
    static let writeLimit: Duration = .seconds(2)

    /// The port does not answer any more.
    struct Gone: Error {
        let code: Int32
    }

    let path: String
    let settings: SerialSettings
    private let context: ModbusContext
    private let lock: PortLock

    private var descriptor: Int32 { context.descriptor }

    /// Opens and locks the port.
    ///
    /// - Parameter log: gets what does not keep the line from working.
    init(
        path: String, _ settings: SerialSettings, _ options: SerialLineOptions, _ finder: SerialPortFinder,
        log: (String) -> Void
    ) throws(LinkFailure) {
        let lock: PortLock
        do {
            lock = try PortLock(path: path)
        } catch {
            throw LinkFailure(message: "\(error)", isRetriable: error.isRetriable)
        }
        guard let context = ModbusContext(serial: path, settings) else {
            throw LinkFailure(message: "libmodbus refuses \(path) \(settings.words)", isRetriable: false)
        }
        let code = context.connect(timeout: Self.openTimeout)
        guard code == 0 else {
            throw LinkFailure(message: "\(path) cannot be opened: \(ModbusContext.text(code))", isRetriable: true)
        }
        do {
            try PortLock.exclude(descriptor: context.descriptor, path: path)
        } catch {
            throw LinkFailure(message: "\(error)", isRetriable: error.isRetriable)
        }
        if let direction = options.rs485 { try Self.set(direction, context.descriptor, path) }
        if options.lowLatency { Self.hurry(context.descriptor, path, finder, log) }
        // What was on the line before us is nobody's answer.
        tcflush(context.descriptor, TCIOFLUSH)
        // The bus thread's sleeps end at character times, which a slack of 50 us would double at the highest rates.
        candela_timer_slack(1)
        self.path = path
        self.settings = settings
        self.lock = lock
        self.context = context
    }

    private static func set(
        _ direction: SerialLineOptions.RS485, _ descriptor: Int32, _ path: String
    ) throws(LinkFailure) {
        let code = candela_tty_rs485(
            descriptor, direction.rtsOnSend, UInt32(direction.delayBefore.wholeMilliseconds),
            UInt32(direction.delayAfter.wholeMilliseconds))
        guard code != 0 else { return }
        throw LinkFailure(
            message: "\(path) cannot switch an RS-485 transceiver by itself (\(ModbusContext.text(code))): "
                + "leave out rs485 if the adapter switches its direction, or use a port whose kernel driver can",
            isRetriable: false)
    }

    private static func hurry(_ descriptor: Int32, _ path: String, _ finder: SerialPortFinder, _ log: (String) -> Void)
    {
        let code = candela_tty_low_latency(descriptor)
        // A port without a latency timer has nothing that could be hurried.
        guard let timer = finder.latencyTimer(of: path) else { return }
        let file = Glibc.open(timer, O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = Glibc.write(file, "1\n", 2)
            Glibc.close(file)
        }
        let milliseconds = finder.text(timer).flatMap { Int($0) } ?? 16
        guard milliseconds > 1 else { return }
        log(
            "\(path) collects bytes for \(milliseconds) ms before it hands them over, and that cannot be changed "
                + "(\(ModbusContext.text(code))): each exchange takes that much longer; a udev rule that sets "
                + "ATTR{latency_timer}=\"1\" cures it")
    }

    // MARK: bytes

    /// Everything that has come by now.
    func readWaiting() throws(Gone) -> [UInt8] {
        var all: [UInt8] = []
        // 16 rounds are 4 KB, more than the kernel keeps.
        for _ in 0..<16 where candela_bytes_waiting(descriptor) > 0 { all += try read() }
        return all
    }

    /// Waits for bytes; empty when none came until `limit`.
    func read(until limit: BootInstant) throws(Gone) -> [UInt8] {
        while true {
            let left = limit.duration(since: BootClock.now()).wholeNanoseconds
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = candela_poll(&poller, 1, max(0, left))
            if count < 0 {
                guard errno == EINTR else { throw Gone(code: errno) }
                continue
            }
            guard count > 0 else { return [] }
            let bytes = try read()
            if !bytes.isEmpty { return bytes }
            // Readable without bytes: a hang-up. A pulled adapter shows itself like this.
            guard poller.revents & Int16(POLLHUP | POLLERR | POLLNVAL) == 0 else { throw Gone(code: EIO) }
            guard left > 0 else { return [] }
            Self.sleep(until: BootClock.now().advanced(by: .milliseconds(1)))
        }
    }

    private func read() throws(Gone) -> [UInt8] {
        let number = descriptor
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: RTUFrame.longest) { buffer, count in
            let got = Glibc.read(number, buffer.baseAddress, buffer.count)
            if got < 0 { failure = errno }
            count = max(0, got)
        }
        switch failure {
        case 0, EAGAIN, EINTR: return bytes
        default: throw Gone(code: failure)
        }
    }

    /// Hands all bytes to the kernel.
    func write(_ bytes: [UInt8]) throws(Gone) {
        var rest = bytes[...]
        let limit = BootClock.now().advanced(by: Self.writeLimit)
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
                continue
            }
            guard count == 0 || errno == EAGAIN || errno == EINTR else { throw Gone(code: errno) }
            let left = limit.duration(since: BootClock.now()).wholeNanoseconds
            guard left > 0 else { throw Gone(code: ETIMEDOUT) }
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = candela_poll(&poller, 1, left)
        }
    }

    /// Sleeps to the microsecond: most of the time by the kernel, the end of it awake.
    static func sleep(until instant: BootInstant) {
        while true {
            let left = instant.duration(since: BootClock.now())
            guard left > .zero else { return }
            guard left > wakeUp else { continue }
            let nanoseconds = (left - wakeUp).wholeNanoseconds
            var pause = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            // Woken early by a signal or not: the clock is asked again.
            _ = clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nil)
        }
    }
}
