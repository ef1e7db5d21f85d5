import CLinux
import DriverProtocol
import Glibc
import Synchronization
import Telemetry

import struct DriverKit.HostAddress
import struct DriverKit.NamedThread

@testable import ModbusDriver

/// A line on a pseudo-terminal with a slave at its other end that answers what a closure says. Both are gone with it.
final class PseudoLine {
    let path: String
    private let master: Int32
    private let thread: NamedThread
    private final class Flag: Sendable { let isOver = Mutex(false) }
    private let flag = Flag()

    /// - Parameter slave: bytes of a whole request (8 bytes) in, pieces out, each after its pause in milliseconds.
    init(_ slave: @escaping @Sendable ([UInt8]) -> [(after: Int, bytes: [UInt8])]) {
        var (master, slaveSide): (Int32, Int32) = (-1, -1)
        precondition(openpty(&master, &slaveSide, nil, nil, nil) == 0, "no pseudo-terminal")
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        var name = [CChar](repeating: 0, count: 128)
        ttyname_r(slaveSide, &name, name.count)
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        close(slaveSide)
        // Raw before anybody opens it: what is written early must not come back as an echo of the terminal itself.
        var settings = termios()
        tcgetattr(master, &settings)
        cfmakeraw(&settings)
        tcsetattr(master, TCSANOW, &settings)
        self.master = master
        let flag = flag
        let end = master
        thread = NamedThread("slave") {
            var request: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 256)
            while !flag.isOver.withLock({ $0 }) {
                var poller = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
                guard poll(&poller, 1, 5) > 0 else { continue }
                let count = read(end, &buffer, buffer.count)
                // Nobody has it open at present.
                guard count > 0 else {
                    usleep(1_000)
                    continue
                }
                request += buffer[..<count]
                guard request.count >= 8 else { continue }
                let whole = request
                request = []
                for piece in slave(whole) {
                    if piece.after > 0 { usleep(UInt32(piece.after) * 1_000) }
                    _ = write(end, piece.bytes, piece.bytes.count)
                }
            }
        }
    }

    /// Pulls the plug.
    func pull() {
        guard
            !flag.isOver.withLock({ isOver in
                defer { isOver = true }
                return isOver
            })
        else { return }
        thread.join()
        close(master)
    }

    deinit { pull() }
}

/// A bench in virtual time: what a task does is remembered, what it hears is prepared.
final class FakeBench: TaskBench {
    var now = BootInstant(nanoseconds: 5_000_000_000)
    let configuration: BusConfiguration
    var isReadOnly = false
    /// Answers a request.
    var slave: (ModbusRequest, UInt8) -> Exchange.Outcome = { _, _ in .silence }
    /// Bytes on the line under the settings it is tuned to, by time since the beginning.
    var line: (SerialSettings, Duration) -> [UInt8] = { _, _ in [] }
    private(set) var asked: [(request: ModbusRequest, unit: UInt8)] = []
    private(set) var tunings: [SerialSettings?] = []
    private(set) var told: [JSONValue] = []
    private let began: BootInstant

    init(bus: String = "{}") throws {
        var configure = try configure("{}", devices: [], bus: bus)
        configure.profiles = []
        configuration = BusConfiguration(configure)
        began = now
    }

    func exchange(
        _ request: ModbusRequest, unit: UInt8, host: HostAddress?, timeout: Duration, pause: Duration
    ) -> Exchange {
        asked.append((request, unit))
        let start = now
        now = now.advanced(by: .milliseconds(20))
        return Exchange(
            outcome: slave(request, unit), sent: RTUFrame.checked([unit] + request.bytes), received: [], began: start,
            ended: now, silent: .zero)
    }

    func retune(_ settings: SerialSettings?) throws(LinkFailure) { tunings.append(settings) }

    func listen(for limit: Duration) -> [HeardBytes] {
        var heard: [HeardBytes] = []
        let end = now.advanced(by: limit)
        while now < end {
            now = now.advanced(by: .milliseconds(10))
            let bytes = line((tunings.last ?? nil) ?? SerialSettings(), now.duration(since: began))
            if !bytes.isEmpty { heard.append(HeardBytes(at: now, bytes: bytes)) }
        }
        return heard
    }

    func tell(_ content: DriverNode) { told.append(content.json) }

    var lines: [String] {
        told.compactMap { if case .string(let line)? = $0["line"] { line } else { nil } }
    }
}
