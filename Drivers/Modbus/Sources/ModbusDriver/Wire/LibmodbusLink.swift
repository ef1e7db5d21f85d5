internal import CLinux
internal import CModbus
internal import DriverKit
internal import Glibc
internal import Telemetry

/// The real line, through libmodbus: it frames, sends, receives and checks the CRC; what an answer means is ours.
final class LibmodbusLink: ModbusLink {
    /// Between two bytes of one answer on a serial line: an FTDI adapter hands over bytes every 16 ms, a loaded
    /// gateway adds some; longer gaps are a broken frame.
    static let serialByteTimeout: Duration = .milliseconds(60)
    /// After a broken frame we wait until the line is silent, no longer than this: the longest frame at 1200 baud is 2.3 s.
    static let resynchronisationLimit: Duration = .milliseconds(2_500)
    /// Connecting to a host in the next street takes milliseconds, over a mobile network a second or two.
    static let connectTimeout: Duration = .seconds(2)

    let address: PortAddress
    let settings: SerialSettings
    let turnaround: Duration
    private var context: ModbusContext?
    private var lock: PortLock?
    /// The line may be used again from here on.
    private var free = BootInstant(nanoseconds: 0)

    init(_ address: PortAddress, _ settings: SerialSettings, turnaround: Duration) {
        self.address = address
        self.settings = settings
        self.turnaround = turnaround
    }

    var title: String {
        switch address {
        case .serial(let path): "\(path) \(settings.words)"
        case .tcp(let host): "\(host)"
        case .rtuOverTCP(let host): "\(host) (RTU over TCP)"
        case .hosts: "tcp"
        }
    }

    var isOpen: Bool { context != nil }
    var silence: Duration { address.isSerial ? settings.silence : .zero }
    func wireTime(bytes: Int) -> Duration { address.isSerial ? settings.time(characters: bytes) : .zero }

    var survivesLateAnswers: Bool { isTCP }

    private var isTCP: Bool {
        if case .tcp = address { true } else { false }
    }

    func open() throws(LinkFailure) {
        close()
        switch address {
        case .serial(let path): try openSerial(path)
        case .tcp(let host): try connect(ModbusContext(tcp: host), host)
        case .rtuOverTCP(let host): try connect(ModbusContext(rtuOver: host), host)
        case .hosts: throw LinkFailure(message: "no host is named", isRetriable: false)
        }
    }

    func close() {
        context = nil
        lock = nil
    }

    private func openSerial(_ path: String) throws(LinkFailure) {
        let lock: PortLock
        do {
            lock = try PortLock(path: path)
        } catch {
            throw LinkFailure(message: "\(error)", isRetriable: error.isRetriable)
        }
        guard let context = ModbusContext(serial: path, settings) else {
            throw LinkFailure(message: "libmodbus refuses \(path) \(settings.words)", isRetriable: false)
        }
        let code = context.connect(timeout: Self.connectTimeout)
        guard code == 0 else {
            throw LinkFailure(message: "\(path) cannot be opened: \(ModbusContext.text(code))", isRetriable: true)
        }
        do {
            try PortLock.exclude(descriptor: context.descriptor, path: path)
        } catch {
            throw LinkFailure(message: "\(error)", isRetriable: error.isRetriable)
        }
        // What was on the line before us is nobody's answer.
        tcflush(context.descriptor, TCIOFLUSH)
        free = BootClock.now().advanced(by: settings.silence)
        self.lock = consume lock
        self.context = consume context
    }

    private func connect(_ fresh: consuming ModbusContext?, _ host: HostAddress) throws(LinkFailure) {
        guard let context = fresh else {
            throw LinkFailure(message: "libmodbus refuses the host \(host)", isRetriable: false)
        }
        let code = context.connect(timeout: Self.connectTimeout)
        guard code == 0 else {
            throw LinkFailure(message: "\(host): \(ModbusContext.text(code))", isRetriable: true)
        }
        self.context = consume context
    }

    func exchange(_ request: ModbusRequest, unit: UInt8, timeout: Duration, pause: Duration) -> Exchange {
        let called = BootClock.now()
        if context == nil {
            do {
                try open()
            } catch {
                return Exchange(
                    outcome: .gone(error.message), sent: [], received: [], began: called, ended: BootClock.now(),
                    silent: .zero)
            }
        }
        Self.sleep(until: max(free, called).advanced(by: pause))
        let began = BootClock.now()
        let data = [unit] + request.bytes
        let (outcome, received) = transact(request, data, unit, timeout)
        let ended = BootClock.now()
        free = ended.advanced(by: silence + turnaround)
        if case .gone = outcome { close() }
        return Exchange(
            outcome: outcome, sent: data, received: received, began: called, ended: ended,
            silent: began.duration(since: called))
    }

    private func transact(
        _ request: ModbusRequest, _ data: [UInt8], _ unit: UInt8, _ timeout: Duration
    ) -> (Exchange.Outcome, [UInt8]) {
        // The kernel takes the request at once; its time on the wire is not the device's.
        let limit = timeout + wireTime(bytes: data.count + 2)
        let deadline = BootClock.now().advanced(by: limit)
        drain()
        context?.set(timeout: limit, byteTimeout: address.isSerial ? Self.serialByteTimeout : timeout)
        let code = context?.send(unit: unit, data) ?? ENOTCONN
        guard code == 0 else { return (.gone("\(title): \(ModbusContext.text(code))"), []) }
        switch context?.receive() ?? .failure(ENOTCONN) {
        case .frame(let frame):
            guard let body = check(frame) else { return garbled("an answer with a broken header", frame) }
            guard body.first == unit else { return garbled("an answer of unit \(body.first ?? 0)", frame) }
            do {
                return (.answer(try ModbusAnswer(Array(body.dropFirst()), to: request)), frame)
            } catch {
                return garbled(error.reason, frame)
            }
        case .foreign: return garbled("an answer of another unit")
        case .failure(ETIMEDOUT):
            // libmodbus says the same of no answer and of one that stops; the latter ends before our time is over.
            if BootClock.now() < deadline { return garbled("an answer that stops in the middle") }
            // On a connection a late answer would stand before the next one for ever: it goes down with the connection.
            if isTCP { close() }
            return (.silence, [])
        case .failure(ModbusContext.badCRC): return garbled("a checksum error")
        case .failure(ModbusContext.badData): return garbled("more bytes than a frame can have")
        case .failure(let code): return (.gone("\(title): \(ModbusContext.text(code))"), [])
        }
    }

    private func garbled(_ what: String, _ received: [UInt8] = []) -> (Exchange.Outcome, [UInt8]) {
        resynchronise()
        return (.broken(what), received)
    }

    /// Unit and data of a frame. libmodbus sends raw requests with transaction 0.
    private func check(_ frame: [UInt8]) -> [UInt8]? {
        guard isTCP else { return Array(frame.dropLast(2)) }
        guard frame.count > 7, frame.prefix(4).allSatisfy({ $0 == 0 })
        else { return nil }
        return Array(frame.dropFirst(6))
    }

    /// Throws away what nobody asked for, before a request.
    private func drain() {
        guard !isTCP, let descriptor = context?.descriptor else { return }
        var buffer = [UInt8](repeating: 0, count: 512)
        // 16 rounds are 8 KB: a line that still talks then is caught by the frame check.
        for _ in 0..<16 where candela_bytes_waiting(descriptor) > 0 {
            _ = Glibc.read(descriptor, &buffer, buffer.count)
        }
    }

    /// Waits until nothing has come for 3.5 characters, so that the next frame is seen from its start.
    private func resynchronise() {
        guard let descriptor = context?.descriptor else { return }
        if isTCP {
            // A byte stream that lost its frames cannot find them again.
            close()
            return
        }
        let limit = BootClock.now().advanced(by: Self.resynchronisationLimit)
        // A serial driver hands over bytes late; 20 ms covers an adapter's latency timer.
        let quiet = max(settings.silence, .milliseconds(20))
        var buffer = [UInt8](repeating: 0, count: 512)
        while BootClock.now() < limit {
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, Int32(max(1, quiet.wholeMilliseconds))) > 0 else { return }
            guard Glibc.read(descriptor, &buffer, buffer.count) > 0 else { return }
        }
    }

    private static func sleep(until instant: BootInstant) {
        let left = instant.duration(since: BootClock.now()).wholeNanoseconds
        guard left > 0 else { return }
        var pause = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
        var rest = timespec()
        while clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &rest) == EINTR { pause = rest }
    }
}
