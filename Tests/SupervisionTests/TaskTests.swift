import DriverProtocol
import Glibc
import Logging
import Synchronization
import Telemetry
import Testing

@testable import Supervision

/// Tasks of drivers: steps in order, one end, and never a caller left waiting.
@Suite(.timeLimit(.minutes(1))) struct TaskTests {
    private final class Steps: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ node: DriverNode) { texts.withLock { $0.append(node.json["line"]?.text ?? "?") } }
    }

    private func counting(_ to: Int64, pause: String = "0") -> DriverNode {
        DriverNode(json: ["to": .number(ExactDecimal(to)), "pause_s": .number(ExactDecimal(pause) ?? .zero)])
    }

    private func started(_ executable: String = exampleDriver, limits: SupervisionLimits = SupervisionLimits()) async
        -> DriverBench
    {
        let bench = DriverBench(executable: executable, limits: limits)
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        return bench
    }

    @Test func `the steps of a task come in order, and then its end`() async {
        let bench = await started()
        let steps = Steps()
        let done = await bench.supervisor.task("count", arguments: counting(200)) { steps.add($0) }
        #expect(done.failure.isEmpty)
        #expect(done.result.json["counted"]?.number == ExactDecimal(200))
        #expect(steps.all == (1...200).map { "\($0) of 200" })
        #expect(await bench.supervisor.tasks.isEmpty)
        await bench.supervisor.stop()
    }

    @Test func `arguments arrive, and results come back`() async {
        let bench = await started()
        // The example driver keeps numbers as they were written, as text.
        let sent: JSONValue = ["list": [1, "two", true, nil]]
        let done = await bench.supervisor.task("echo", arguments: DriverNode(json: sent))
        #expect(done.result.json["list"] == ["1", "two", true, nil])
        await bench.supervisor.stop()
    }

    @Test func `a task that is called off ends with the driver's own word`() async throws {
        let bench = await started()
        let steps = Steps()
        let task = Task {
            await bench.supervisor.task("count", arguments: counting(1_000_000, pause: "0.01")) { steps.add($0) }
        }
        while steps.all.isEmpty { await Task.yield() }
        task.cancel()
        let done = await task.value
        #expect(done.failure == "called off")
        #expect(await bench.supervisor.tasks.isEmpty)
        // The driver is sound and does the next one.
        #expect(await bench.supervisor.task("count", arguments: counting(1)).failure.isEmpty)
        await bench.supervisor.stop()
    }

    @Test func `a task with a limit is called off after it`() async {
        let bench = await started()
        let done = await bench.supervisor.task(
            "count", arguments: counting(1_000_000, pause: "0.01"), within: .milliseconds(50))
        #expect(done.failure == "called off")
        await bench.supervisor.stop()
    }

    @Test func `a driver that ignores CancelTask does not keep the caller waiting`() async {
        let folder = TemporaryFolder()
        let deaf = folder.driver(
            """
            def hello():
                for message in messages():
                    if "hello" in message:
                        send(hello={"name": "demo", "driver_version": "1", "protocol_version": 1, "tasks": ["deaf"]})
                        return
            hello()
            greet()
            turns = 0
            import select
            while True:
                turns += 1
                send(heartbeat={"turns": turns, "port_open": 1})
                if select.select([0], [], [], 0.2)[0] and not os.read(0, 65536): break
            """)
        var limits = SupervisionLimits()
        limits.taskCancelWithin = .milliseconds(100)
        let bench = await started(deaf, limits: limits)
        let done = await bench.supervisor.task("deaf", arguments: counting(1), within: .milliseconds(50))
        #expect(done.failure.contains("did not end within 50 ms"), "\(done.failure)")
        #expect(done.failure.contains("did not say that it ended within 100 ms"), "\(done.failure)")
        await bench.supervisor.stop()
    }

    @Test func `a driver that dies ends its tasks in words`() async {
        let bench = await started()
        let process = await bench.process
        let steps = Steps()
        let task = Task {
            await bench.supervisor.task("count", arguments: counting(1_000_000, pause: "0.01")) { steps.add($0) }
        }
        while steps.all.isEmpty { await Task.yield() }
        kill(process, SIGKILL)
        let done = await task.value
        #expect(done.failure.contains("SIGKILL"), "\(done.failure)")
        await bench.supervisor.stop()
    }

    @Test func `an unknown task names the known ones, and a stopped bus says that it is stopped`() async {
        let bench = await started()
        let unknown = await bench.supervisor.task("scan", arguments: counting(1))
        #expect(unknown.failure == "the driver of bus 'meters' knows no task \"scan\"; it knows echo, count")
        await bench.supervisor.stop()
        let stopped = await bench.supervisor.task("echo", arguments: counting(1))
        #expect(stopped.failure == "the driver of bus 'meters' is not running: stopped")
    }

    @Test func `a driver that is only configured does tasks without a port`() async {
        let sink = CollectingSink()
        var configure = DriverBench.configure(devices: 0)
        // Start would fail here.
        configure.port = "missing"
        let supervisor = DriverSupervisor(
            bus: "meters", executable: exampleDriver, manifestName: "demo", configure: configure, configureOnly: true,
            hasLamps: false, log: .init(label: "test") { _ in CollectingLog(lines: CollectingLog.Lines()) }, sink: sink)
        await supervisor.start()
        let state = await supervisor.settled(within: .seconds(20))
        #expect(state.detail == "configured; the port is not opened")
        let done = await supervisor.task("count", arguments: counting(3))
        #expect(done.failure.isEmpty, "\(done.failure)")
        await supervisor.stop()
        #expect(sink.gone.isEmpty)
    }

    @Test func `what a slow reader has no room for is counted`() async {
        let mailbox = DriverTaskMailbox()
        for number in 0..<(DriverTaskMailbox.stepLimit + 7) {
            mailbox.post(DriverNode(json: ["line": .string("\(number)")]))
        }
        mailbox.post(DriverTaskDone())
        var lines: [String] = []
        while case .step(let step) = await mailbox.next() { lines.append(step.json["line"]?.text ?? "") }
        #expect(lines.count == DriverTaskMailbox.stepLimit + 1)
        #expect(lines.last == "... 7 lines were left out: they came faster than they were read")
    }
}
