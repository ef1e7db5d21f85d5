import DriverKit
import DriverProtocol
import Synchronization
import Telemetry

@testable import ModbusDriver

/// Time that passes only when a fake says so.
final class VirtualClock {
    var now = BootInstant(nanoseconds: 1_000_000_000_000)
    func pass(_ duration: Duration) { now = now.advanced(by: duration) }
}

/// A line with slaves on it, in virtual time: an answer takes 20 ms, silence takes the time-out.
final class FakeLink: ModbusLink {
    let title = "fake line"
    var isOpen = true
    var survivesLateAnswers = false
    var silence: Duration = .milliseconds(4)
    let clock: VirtualClock
    /// Answers a request; nil is silence.
    var slave: (ModbusRequest, UInt8) -> Exchange.Outcome
    /// How long a unit's answer takes.
    var latency: (UInt8) -> Duration = { _ in .milliseconds(20) }
    private(set) var log: [(unit: UInt8, request: ModbusRequest, at: BootInstant)] = []
    private(set) var spent: [(unit: UInt8, took: Duration)] = []

    init(_ clock: VirtualClock, _ slave: @escaping (ModbusRequest, UInt8) -> Exchange.Outcome) {
        self.clock = clock
        self.slave = slave
    }

    func wireTime(bytes: Int) -> Duration { .milliseconds(bytes) }
    func open() throws(LinkFailure) { isOpen = true }
    func close() { isOpen = false }

    func exchange(_ request: ModbusRequest, unit: UInt8, timeout: Duration, pause: Duration) -> Exchange {
        let began = clock.now
        clock.pass(pause)
        log.append((unit, request, clock.now))
        var outcome = slave(request, unit)
        if latency(unit) > timeout { outcome = .silence }
        clock.pass(outcome == .silence ? timeout : latency(unit))
        spent.append((unit, clock.now.duration(since: began)))
        return Exchange(
            outcome: outcome, sent: [unit] + request.bytes, received: [], began: began, ended: clock.now, silent: pause)
    }
}

/// Keeps what a driver says.
final class Notebook: DriverOutlet {
    struct Pages: Sendable {
        var samples: [(device: UInt32, sample: Sample)] = []
        var states: [DriverDeviceState] = []
        var memories: [DriverMemory] = []
        var lines: [String] = []
        var events: [DriverEvent] = []
    }

    private let pages = Mutex(Pages())
    var all: Pages { pages.withLock { $0 } }

    func samples(device: UInt32, _ samples: [Sample]) {
        pages.withLock { $0.samples += samples.map { (device, $0) } }
    }
    func deviceState(_ state: DriverDeviceState) { pages.withLock { $0.states.append(state) } }
    func event(_ event: DriverEvent) { pages.withLock { $0.events.append(event) } }
    func traceRecord(_ record: DriverTraceRecord) {}
    func remember(_ memory: DriverMemory) { pages.withLock { $0.memories.append(memory) } }
    func log(_ line: String) { pages.withLock { $0.lines.append(line) } }
}

/// Holding registers that hold their own address.
func registers(_ request: ModbusRequest) -> Exchange.Outcome {
    guard case .read(_, let address, let count) = request else { return .answer(.written) }
    return .answer(.words((0..<count).map { address &+ UInt16($0) }))
}

/// A configuration as the runtime would send it.
func configure(_ profile: String, devices: [String], bus: String = "{}", port: String = "/dev/fake") throws
    -> DriverConfigure
{
    var configure = DriverConfigure()
    configure.port = port
    configure.options = try MiniYAML.parse(bus)
    for (index, options) in devices.enumerated() {
        var device = DriverDevice()
        device.index = UInt32(index)
        device.name = "device-\(index)"
        device.profile = "test"
        device.intervalMs = 1_000
        device.options = try MiniYAML.parse(options)
        configure.devices.append(device)
    }
    var sent = DriverProfile()
    sent.name = "test"
    sent.content = try MiniYAML.parse(profile)
    configure.profiles = [sent]
    return configure
}

/// A bus in virtual time.
struct FakeBus {
    let clock = VirtualClock()
    let link: FakeLink
    let notebook = Notebook()
    let engine: BusEngine

    init(
        _ profile: String, devices: [String], bus: String = "{}", interval: UInt64 = 1_000,
        edit: (inout DriverConfigure) -> Void = { _ in },
        slave: @escaping (ModbusRequest, UInt8) -> Exchange.Outcome
    ) throws {
        var message = try configure(profile, devices: devices, bus: bus)
        for index in message.devices.indices { message.devices[index].intervalMs = interval }
        edit(&message)
        let configuration = BusConfiguration(message)
        guard configuration.devices.count == devices.count else {
            throw MiniYAML.Problem(description: "\(configuration.answer.diagnostics.map(\.message))")
        }
        link = FakeLink(clock, slave)
        engine = BusEngine(
            options: configuration.options, links: [link], devices: configuration.devices, outlet: notebook,
            clock: { [clock] in clock.now })
        engine.begin()
    }

    var spent: [(unit: UInt8, took: Duration)] { link.spent }

    /// Lets the bus run for so long.
    func run(_ duration: Duration) {
        let end = clock.now.advanced(by: duration)
        while clock.now < end {
            let next = engine.turn()
            if next > clock.now { clock.now = min(next, end) }
        }
    }

    func samples(_ device: UInt32) -> [Sample] { notebook.all.samples.filter { $0.device == device }.map(\.sample) }
}
