import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

private let profile = """
    driver: modbus
    status: verified
    numbers: {table: holding}
    limits: {max_registers: 60, gaps: readable}
    values:
      - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
      - {quantity: voltage, phase: L2, at: 2, as: u16, unit: V}
    """

/// A bus of hosts over real sockets, run by the test's own thread.
private final class HostBus {
    let notebook = Notebook()
    let engine: BusEngine
    let shell: NetworkShell
    let poller: EventPoller

    init(
        port: String = "tcp", devices: [String], bus: String = "{response_timeout: 150ms}", interval: UInt64 = 100
    ) throws {
        var message = try configure(profile, devices: devices, bus: bus, port: port)
        for index in message.devices.indices { message.devices[index].intervalMs = interval }
        let configuration = BusConfiguration(message)
        guard configuration.devices.count == devices.count else {
            throw MiniYAML.Problem(description: "\(configuration.answer.diagnostics.map(\.message))")
        }
        let plan = NetworkPlan(
            hosts: configuration.links, devices: configuration.devices, options: configuration.options)
        poller = try #require(EventPoller())
        let now = BootClock.now()
        engine = BusEngine(
            options: configuration.options, line: nil,
            lanes: plan.lanes.map { BusLane(host: $0.host, framing: $0.framing, configuration.options, from: now) },
            devices: plan.devices, outlet: notebook, clock: { BootClock.now() })
        let poller = poller
        shell = NetworkShell(
            engine: engine, poller: poller,
            connections: plan.lanes.enumerated().map { lane, host in
                HostConnection(
                    lane: lane, host: host.host, framing: host.framing, poller: poller,
                    onResolved: { poller.interrupt() })
            })
        engine.begin()
        shell.start()
    }

    deinit { shell.close() }

    /// Lets the bus work until `isEnough`, or until the time is over.
    func run(_ longest: Duration, until isEnough: () -> Bool = { false }) {
        let end = BootClock.now().advanced(by: longest)
        while BootClock.now() < end, !isEnough() {
            shell.lookAtNames()
            let next = shell.turn()
            _ = poller.wait(until: min(next, end))
        }
    }

    func good(_ device: UInt32) -> [Sample] {
        notebook.all.samples.filter { $0.device == device && $0.sample.quality == .good }.map(\.sample)
    }
}

private func host(_ host: FakeHost, unit: Int = 1) -> String { "{host: \"127.0.0.1:\(host.port)\", address: \(unit)}" }

@Suite(.serialized) struct `Hosts on a network` {
    @Test func `several units behind one connection take turns on it`() throws {
        let gateway = try FakeHost { request, _ in .send([FakeHost.answer(request)]) }
        defer { gateway.stop() }
        let bus = try HostBus(devices: (1...5).map { host(gateway, unit: $0) })
        bus.run(.seconds(5)) { (0..<5).allSatisfy { bus.good($0).count >= 8 } }
        for device in UInt32(0)..<5 { #expect(bus.good(device).count >= 8) }
        #expect(gateway.all.connections == 1)
        #expect(Set(gateway.all.requests.map { $0[6] }) == [1, 2, 3, 4, 5])
    }

    @Test func `no more connections are opened to a host than the bus allows`() throws {
        let gateway = try FakeHost { request, _ in .send([FakeHost.answer(request)]) }
        defer { gateway.stop() }
        let bus = try HostBus(
            devices: (1...6).map { host(gateway, unit: $0) }, bus: "{connections: 2, response_timeout: 150ms}")
        bus.run(.seconds(5)) { (0..<6).allSatisfy { bus.good($0).count >= 4 } }
        #expect(gateway.all.mostOpen == 2)
    }

    @Test func `a host that accepts and never answers, and one that refuses, harm only themselves`() throws {
        let well = try FakeHost { request, _ in .send([FakeHost.answer(request)]) }
        let silent = try FakeHost { _, _ in .nothing }
        let gone = try FakeHost { _, _ in .nothing }
        gone.stop()
        defer {
            well.stop()
            silent.stop()
        }
        let bus = try HostBus(devices: [host(well), host(silent), "{host: \"127.0.0.1:1\", address: 1}"])
        bus.run(.seconds(3))
        // One reading of two points each 100 ms, but for the very first.
        #expect(bus.good(0).count >= 2 * 28)
        #expect(bus.notebook.all.states.last { $0.device == 0 }?.missedIntervals ?? 0 == 0)
        for device in [UInt32(1), 2] {
            #expect(bus.good(device).isEmpty)
            #expect(bus.notebook.all.states.last { $0.device == device }?.condition == .offline)
        }
        #expect(bus.notebook.all.states.last { $0.device == 1 }?.detail.contains("no answer within 150 ms") == true)
        #expect(bus.notebook.all.states.last { $0.device == 2 }?.detail.contains("refused") == true)
    }

    @Test func `an answer in pieces is an answer, half of one is none`() throws {
        let pieces = try FakeHost { request, _ in .send(FakeHost.answer(request).map { [$0] }) }
        let halves = try FakeHost { request, _ in .send([Array(FakeHost.answer(request).prefix(9))]) }
        defer {
            pieces.stop()
            halves.stop()
        }
        let bus = try HostBus(devices: [host(pieces), host(halves)])
        bus.run(.seconds(3)) {
            bus.good(0).count >= 8
                && !bus.notebook.all.states.filter { $0.device == 1 && $0.condition == .offline }.isEmpty
        }
        #expect(bus.good(0).count >= 8)
        #expect(bus.good(1).isEmpty)
        let state = bus.notebook.all.states.last { $0.device == 1 }
        #expect(state?.detail.contains("stops in the middle") == true)
    }

    @Test func `a late answer is dropped and counted and its connection lives on`() throws {
        // The answer to request n comes with that to n + 1 from the third on.
        let held = LockedBytes()
        let host = try FakeHost { request, number in
            let answer = FakeHost.answer(request)
            if number == 2 {
                held.set(answer)
                return .nothing
            }
            return .send([held.take() + answer])
        }
        defer { host.stop() }
        let bus = try HostBus(devices: ["{host: \"127.0.0.1:\(host.port)\", address: 1}"])
        bus.run(.seconds(4)) { bus.good(0).count >= 14 }
        #expect(bus.good(0).count >= 14)
        #expect(host.all.connections == 1)
        #expect(bus.engine.statistics().lateAnswers == 1)
    }

    @Test func `a connection that the host closed while idle is opened again at once`() throws {
        let host = try FakeHost { request, number in
            number % 2 == 0 ? .send([FakeHost.answer(request)]) : .close
        }
        defer { host.stop() }
        let bus = try HostBus(devices: ["{host: \"127.0.0.1:\(host.port)\", address: 1}"])
        bus.run(.seconds(3)) { bus.good(0).count >= 10 }
        #expect(bus.good(0).count >= 10)
        #expect(bus.notebook.all.states.allSatisfy { $0.condition != .offline })
    }

    @Test func `frames of a serial line over TCP are told apart by their check`() throws {
        let host = try FakeHost(frameLength: { $0.count < 8 ? nil : 8 }) { request, number in
            let count = Int(request[5])
            let words = (0..<count).flatMap { [UInt8(0), request[3] + UInt8($0)] }
            let answer = RTUFrame.checked([request[0], 3, UInt8(words.count)] + words)
            // Another unit's answer comes first once.
            return .send(number == 3 ? [RTUFrame.checked([9, 3, 2, 0, 0]), answer] : [answer])
        }
        defer { host.stop() }
        let bus = try HostBus(port: "rtu+tcp://127.0.0.1:\(host.port)", devices: ["{address: 1}", "{address: 2}"])
        bus.run(.seconds(4)) { bus.good(0).count >= 8 && bus.good(1).count >= 8 }
        #expect(bus.good(0).count >= 8 && bus.good(1).count >= 8)
        #expect(bus.good(0).first?.value == .number(ExactDecimal(1)))
        #expect(bus.engine.statistics().foreignAnswers == 1)
    }

    @Test func `a person's read of one host waits for no other`() async throws {
        let well = try FakeHost { request, _ in .send([FakeHost.answer(request)]) }
        defer { well.stop() }
        let bus = try HostBus(devices: [host(well)], interval: 10_000)
        bus.run(.milliseconds(300)) { !bus.good(0).isEmpty }
        var query = DriverQuery()
        query.points = [1]
        bus.engine.start(
            Work(
                lane: 0, device: 0, unit: 1, request: .read(table: .holding, at: 2, count: 1),
                timeout: .milliseconds(150), pause: .zero,
                purpose: .errand { exchange in
                    #expect(exchange.outcome == .answer(.words([2])))
                    query.points = []
                }))
        bus.run(.seconds(2)) { query.points.isEmpty }
        #expect(query.points.isEmpty)
    }
}
