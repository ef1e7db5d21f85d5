import DriverProtocol
import Telemetry
import Testing

@testable import Supervision

/// A machine with a clock that moves only when told.
private struct Bench {
    var machine: SupervisionMachine
    var now = BootInstant(nanoseconds: 1_000_000_000_000)

    init(lamps: Bool = false, checkOnly: Bool = false, jitter: Double = 0.5) {
        machine = SupervisionMachine(
            bus: "meters", manifestName: "demo", hasLamps: lamps, isCheckOnly: checkOnly,
            responseTimeout: .seconds(1), limits: SupervisionLimits(), random: { jitter })
    }

    @discardableResult
    mutating func send(_ event: SupervisionMachine.Event) -> [SupervisionMachine.Action] {
        machine.handle(event, at: now)
    }

    /// Lets time pass and ticks once at its end.
    @discardableResult
    mutating func pass(_ time: Duration, outputPaused: BootInstant? = nil) -> [SupervisionMachine.Action] {
        now = now.advanced(by: time)
        return machine.handle(.tick(outputPaused: outputPaused), at: now)
    }

    /// Time until the machine wants a tick.
    var wait: Duration? { machine.deadline.map { $0.duration(since: now) } }

    mutating func hello(name: String = "demo", version: UInt32 = 1, stallAfter: UInt64 = 0)
        -> [SupervisionMachine.Action]
    {
        var hello = DriverDriverHello()
        hello.name = name
        hello.protocolVersion = version
        hello.stallAfterMs = stallAfter
        return send(.hello(hello))
    }

    @discardableResult
    mutating func beat(_ turns: UInt64, open: Bool = true) -> [SupervisionMachine.Action] {
        var heartbeat = DriverHeartbeat()
        heartbeat.turns = turns
        heartbeat.portOpen = open
        heartbeat.portDetail = open ? "" : "/dev/ttyUSB0 was unplugged"
        return send(.heartbeat(heartbeat))
    }

    mutating func untilConfigured() {
        send(.spawned(process: 42))
        _ = hello()
        send(.configured(busError: nil))
    }

    mutating func run() {
        if machine.phase == .idle { send(.start) }
        untilConfigured()
        send(.started(port: "/dev/ttyUSB0 9600 8E1"))
    }

    var detail: String { machine.state.detail }
    var condition: BusCondition { machine.state.condition }
}

extension [SupervisionMachine.Action] {
    fileprivate var gone: [String] {
        compactMap { if case .gone(let reason) = $0 { reason } else { nil } }
    }
}

@Suite struct SupervisionMachineTests {
    @Test func `a driver is greeted, configured and begun, in this order`() {
        var bench = Bench()
        #expect(bench.send(.start).contains(.spawn))
        #expect(bench.send(.spawned(process: 42)).contains(.greet))
        #expect(bench.hello() == [.configure])
        #expect(bench.send(.configured(busError: nil)) == [.deliver, .begin])
        bench.send(.started(port: "/dev/ttyUSB0 9600 8E1"))
        #expect(bench.machine.phase == .running)
        #expect(
            bench.machine.state
                == BusState(
                    condition: .running, detail: "/dev/ttyUSB0 9600 8E1", isAlarm: false, restarts: 0, process: 42))
    }

    @Test(arguments: [(0, 5), (1, 10), (2, 15)])
    func `each step of the start has its deadline`(step: Int, seconds: Int) {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        if step > 0 { _ = bench.hello() }
        if step > 1 { bench.send(.configured(busError: nil)) }
        #expect(bench.wait == .seconds(seconds))
        #expect(bench.pass(.seconds(seconds)).contains(.kill))
        bench.send(.exited(.signal(9)))
        #expect(bench.condition == .waiting)
        #expect(bench.detail.contains("within \(seconds) s and was killed"))
    }

    @Test func `another protocol version is refused with an alarm and a hint`() {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        #expect(bench.hello(version: 2).contains(.kill))
        bench.send(.exited(.signal(9)))
        #expect(bench.machine.phase == .failed)
        #expect(bench.machine.state.isAlarm)
        #expect(bench.detail.contains("speaks protocol version 2, this gateway speaks version 1"))
        #expect(bench.wait == .seconds(300))
    }

    @Test func `a driver of another name is refused`() {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        #expect(bench.hello(name: "dali").contains(.kill))
        bench.send(.exited(.signal(9)))
        #expect(bench.detail.contains("calls itself 'dali', its driver.yaml says 'demo'"))
    }

    @Test func `the first restart comes after half a second, then the pause doubles up to thirty seconds`() {
        var bench = Bench()
        bench.run()
        var pauses: [Duration] = []
        for _ in 0..<9 {
            // Slow crashes: no crash loop.
            bench.now = bench.now.advanced(by: .seconds(20))
            bench.send(.exited(.status(1)))
            pauses.append(bench.wait ?? .zero)
            #expect(bench.condition == .waiting)
            bench.pass(pauses.last!)
            bench.run()
        }
        #expect(
            pauses == [
                .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(30),
                .seconds(30), .seconds(30),
            ])
    }

    @Test(arguments: [(0.0, 400), (1.0, 600)])
    func `jitter keeps buses apart`(random: Double, milliseconds: Int) {
        var bench = Bench(jitter: random)
        bench.run()
        bench.send(.exited(.status(1)))
        #expect(bench.wait == .milliseconds(milliseconds))
    }

    @Test func `a minute of health makes the back-off begin anew`() {
        var bench = Bench()
        bench.run()
        for _ in 0..<3 {
            bench.now = bench.now.advanced(by: .seconds(30))
            bench.send(.exited(.status(1)))
            bench.pass(bench.wait!)
            bench.run()
        }
        for turn in 1...61 {
            bench.now = bench.now.advanced(by: .seconds(1))
            bench.beat(UInt64(turn))
        }
        bench.send(.exited(.signal(11)))
        #expect(bench.wait == .milliseconds(500))
        #expect(bench.detail.contains("was ended by signal 11 (SIGSEGV); started again in 500 ms"))
    }

    @Test(arguments: [(false, 300, "5 min"), (true, 60, "1 min")])
    func `five crashes within a minute are a crash loop, and a bus with lamps is never given up`(
        lamps: Bool, retry: Int, words: String
    ) {
        var bench = Bench(lamps: lamps)
        bench.send(.start)
        for crash in 1...5 {
            bench.send(.spawned(process: 42))
            bench.send(.exited(.status(3)))
            #expect(bench.machine.state.isAlarm == (crash == 5))
            if crash < 5 { bench.pass(bench.wait!) }
        }
        #expect(bench.condition == .failed)
        #expect(bench.wait == .seconds(retry))
        #expect(bench.detail.contains("crash loop"))
        #expect(bench.detail.contains("exited with status 3; tried again every \(words)"))
        // For ever: the hundredth attempt is made like the first, and one crash is enough to give up again.
        for _ in 0..<100 {
            #expect(bench.pass(.seconds(retry)).contains(.spawn))
            bench.send(.spawned(process: 42))
            bench.send(.exited(.status(3)))
            #expect(bench.condition == .failed)
            #expect(bench.wait == .seconds(retry))
        }
    }

    @Test func `a loss is told once, however often the restart fails`() {
        var bench = Bench()
        bench.run()
        var gone = bench.send(.exited(.signal(9))).gone
        for _ in 0..<10 {
            gone += bench.pass(bench.wait!).gone
            gone += bench.send(.spawned(process: 42)).gone
            gone += bench.send(.exited(.status(1))).gone
        }
        #expect(gone == ["the driver of bus 'meters' was ended by signal 9 (SIGKILL)"])
        bench.pass(bench.wait!)
        bench.run()
        #expect(bench.send(.exited(.status(1))).gone.count == 1)
    }

    @Test func `a first start that fails is a loss too, a stop on purpose is none`() {
        var bench = Bench()
        bench.send(.start)
        #expect(bench.send(.spawnFailed("/x: No such file", isTransient: false)).gone.count == 1)
        var healthy = Bench()
        healthy.run()
        let stop = healthy.send(.stop) + healthy.send(.exited(.status(0)))
        #expect(stop.gone.isEmpty)
        #expect(stop.contains(.stopped))
        #expect(healthy.condition == .disabled)
    }

    @Test func `a heart that beats without turns is a stall`() {
        var bench = Bench()
        bench.run()
        bench.beat(7)
        var actions: [SupervisionMachine.Action] = []
        for _ in 0..<10 {
            #expect(actions.isEmpty)
            bench.now = bench.now.advanced(by: .seconds(1))
            bench.beat(7)
            actions = bench.send(.tick(outputPaused: nil))
        }
        #expect(actions.contains(.kill))
        #expect(
            actions.gone.first?.contains("is alive but makes no progress (its heartbeat has stayed at turn 7)") == true)
    }

    @Test func `silence is a stall, and the hello decides how long it may last`() {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        _ = bench.hello(stallAfter: 30_000)
        bench.send(.configured(busError: nil))
        bench.send(.started(port: "p"))
        #expect(bench.pass(.seconds(29)).isEmpty)
        #expect(bench.pass(.seconds(1)).gone.first?.contains("sends no heartbeat for 30 s") == true)
    }

    @Test(arguments: [(1, 2), (3_600_000, 300)])
    func `a hello cannot ask for an impossible stall time`(milliseconds: UInt64, seconds: Int) {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        _ = bench.hello(stallAfter: milliseconds)
        bench.send(.configured(busError: nil))
        bench.send(.started(port: "p"))
        #expect(bench.wait == .seconds(seconds))
    }

    @Test func `a driver is not blamed for a listener that is slow`() {
        var bench = Bench()
        bench.run()
        #expect(bench.pass(.seconds(10), outputPaused: bench.now.advanced(by: .seconds(9))).isEmpty)
        #expect(bench.machine.phase == .running)
        #expect(bench.wait == .seconds(9))
    }

    @Test func `a port that is gone is shown and the driver left in peace`() {
        var bench = Bench()
        bench.run()
        bench.beat(1, open: false)
        #expect(bench.condition == .portLost)
        #expect(bench.detail == "/dev/ttyUSB0 was unplugged")
        bench.beat(2)
        #expect(bench.condition == .running)
    }

    @Test func `a port that is not there yet is tried again, slower and slower up to a minute`() {
        var bench = Bench()
        bench.send(.start)
        var pauses: [Duration] = []
        for _ in 0..<8 {
            bench.untilConfigured()
            #expect(bench.send(.startFailed(isRetriable: true, message: "no such port")).contains(.shutDown))
            bench.send(.exited(.status(0)))
            #expect(bench.condition == .waiting)
            #expect(!bench.machine.state.isAlarm)
            pauses.append(bench.wait!)
            bench.pass(bench.wait!)
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        bench.untilConfigured()
        bench.send(.started(port: "p"))
        #expect(bench.condition == .running)
    }

    @Test(arguments: [(false, nil), (true, 60)])
    func `a fatal start waits for another configuration, a street is still tried`(lamps: Bool, retry: Int?) {
        var bench = Bench(lamps: lamps)
        bench.send(.start)
        bench.untilConfigured()
        bench.send(.startFailed(isRetriable: false, message: "9601 baud cannot be set"))
        bench.send(.exited(.status(0)))
        #expect(bench.condition == .failed)
        #expect(bench.machine.state.isAlarm)
        #expect(bench.wait == retry.map { .seconds($0) })
        #expect(bench.send(.reconfigure).contains(.spawn))
    }

    @Test func `a bus that the driver cannot use is not started`() {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        _ = bench.hello()
        let actions = bench.send(.configured(busError: "port: expected a device path"))
        #expect(actions.first == .deliver)
        #expect(!actions.contains(.begin))
        bench.send(.exited(.status(0)))
        #expect(bench.detail.contains("cannot use the bus as configured: port: expected a device path"))
    }

    @Test(arguments: [
        DriverBreach.garbage("x"), .tooLong(length: 9_000_000, limit: 262_144), .messageFlood(perSecond: 3, limit: 2),
        .inputOverflow(limit: 8), .outputClosed, .nonsense("x"),
    ])
    func `a breach kills, is told at once and counts as a crash`(breach: DriverBreach) {
        var bench = Bench()
        bench.run()
        let actions = bench.send(.breach(breach))
        #expect(actions.first == .kill)
        #expect(actions.gone == ["the driver of bus 'meters' was killed: it \(breach)"])
        #expect(actions.contains { if case .failPending = $0 { true } else { false } })
        bench.send(.exited(.signal(9)))
        #expect(bench.wait == .milliseconds(500))
    }

    @Test func `a message before the hello is a breach`() {
        var bench = Bench()
        bench.send(.start)
        bench.send(.spawned(process: 42))
        #expect(bench.send(.message("Samples")).gone.first?.contains("sent Samples where DriverHello was due") == true)
    }

    @Test func `a stop gives the driver its response time-out and a second and a half, then kills`() {
        var bench = Bench()
        bench.run()
        #expect(bench.send(.stop).contains(.shutDown))
        #expect(bench.wait == .milliseconds(2_500))
        // What it still reads on its way out is taken.
        #expect(bench.send(.message("Samples")) == [.deliver])
        #expect(bench.pass(.milliseconds(2_500)) == [.kill])
        #expect(bench.send(.exited(.signal(9))).contains(.stopped))
    }

    @Test func `a process that even SIGKILL cannot end does not hold up the stop`() {
        var bench = Bench()
        bench.run()
        bench.send(.stop)
        bench.pass(.milliseconds(2_500))
        #expect(bench.pass(.seconds(5)).contains(.stopped))
        #expect(bench.detail.contains("(process 42) cannot be ended: it hangs in the kernel"))
    }

    @Test func `a start during a stop starts again afterwards`() {
        var bench = Bench()
        bench.run()
        bench.send(.stop)
        bench.send(.start)
        #expect(bench.send(.exited(.status(0))).contains(.spawn))
    }

    @Test func `a new configuration restarts the driver without a loss`() {
        var bench = Bench()
        bench.run()
        #expect(bench.send(.reconfigure).gone.isEmpty)
        #expect(bench.send(.exited(.status(0))).contains(.spawn))
        bench.run()
        #expect(bench.machine.state.restarts == 1)
    }

    @Test func `a check ends after the answer, and after any failure`() {
        var bench = Bench(checkOnly: true)
        bench.send(.start)
        bench.send(.spawned(process: 42))
        _ = bench.hello()
        #expect(bench.send(.configured(busError: nil)) == [.deliver, .shutDown])
        #expect(bench.send(.exited(.status(0))).contains(.stopped))
        var broken = Bench(checkOnly: true)
        broken.send(.start)
        broken.send(.spawned(process: 42))
        #expect(broken.send(.exited(.status(1))).contains(.stopped))
        #expect(broken.wait == nil)
    }
}
