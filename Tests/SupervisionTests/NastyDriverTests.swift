import CLinux
import DriverProtocol
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Supervision

/// Drivers that do what no driver should. Each costs its own bus only, is named with what it did, and leaves nothing behind.
@Suite(.serialized, .timeLimit(.minutes(2))) struct NastyDriverTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: String
        let says: String
    }

    private static let idle = "\nfor message in messages(): pass\n"

    static let cases: [Case] = [
        Case(
            testDescription: "speaks version 2", body: "greet(version=2)",
            says: "speaks protocol version 2, this gateway speaks version 1"),
        Case(
            testDescription: "sends version 2", body: "raw(b'\\x02\\x08\\x02')" + idle,
            says: "sent a message of protocol version 2"),
        Case(testDescription: "has another name", body: "greet(name='dali')", says: "calls itself 'dali'"),
        Case(
            testDescription: "prints to stdout", body: "print('Hello, world! ' * 20, flush=True)" + idle,
            says: "log belongs on stderr"),
        Case(
            testDescription: "sends random bytes", body: "greet()\nraw(b'\\x05' + bytes([255] * 5))" + idle,
            says: "that are no protocol message"),
        Case(
            testDescription: "sends empty messages", body: "greet()\nraw(b'\\0' * 100)" + idle,
            says: "a message without a version"),
        Case(
            testDescription: "announces a message over the limit", body: "greet()\nraw(wire.varint(262145))" + idle,
            says: "announced a message of 262145 bytes, over the limit of 262144"),
        Case(
            testDescription: "speaks before its hello", body: "send(heartbeat={'turns': 1})" + idle,
            says: "sent Heartbeat where DriverHello was due"),
        Case(
            testDescription: "greets twice",
            body: "greet()\nsend(hello={'name': 'demo', 'protocol_version': 1})" + idle, says: "sent a second hello"),
        Case(
            testDescription: "floods with messages",
            body:
                "greet()\nblock = wire.frame({'heartbeat': {'turns': 1, 'port_open': 1}}) * 500\nwhile True: raw(block)",
            says: "floods: "),
        Case(
            testDescription: "floods with bytes",
            body: "greet()\nblock = wire.frame({'trace_record': {'data': b'x' * 200000}})\nwhile True: raw(block)",
            says: "bytes per second over the last seconds"),
        Case(
            testDescription: "speaks of a device it did not describe",
            body: "greet()\nsend(samples={'device': 9, 'boot_ns': 1, 'point': [0], 'mantissa': [1], 'exponent': [0]})"
                + idle,
            says: "Samples of device 9, which Configured did not describe"),
        Case(
            testDescription: "closes its output and lives on", body: "greet()\nos.close(1)" + idle,
            says: "closed its standard output but goes on running"),
        Case(
            testDescription: "dies by a fault", body: "greet()\nos.kill(os.getpid(), signal.SIGSEGV)",
            says: "was ended by signal 11 (SIGSEGV)"),
        Case(
            testDescription: "gives up without being asked", body: "greet()\nsys.exit(0)", says: "exited with status 0"),
    ]

    @Test(arguments: cases)
    func `a driver that misbehaves is ended and named`(_ nasty: Case) async {
        let folder = TemporaryFolder()
        var limits = SupervisionLimits()
        // An unoptimised build is too slow for the real limit: back-pressure would hold the flood below it.
        limits.bytesPerSecond = 400_000
        limits.messagesPerSecond = 500
        // Once is enough for this test.
        limits.firstBackOff = .seconds(300)
        limits.longestBackOff = .seconds(300)
        let body = "open('pid', 'w').write(str(os.getpid()))\n" + nasty.body
        let bench = DriverBench(executable: folder.driver(body), limits: limits)
        await bench.supervisor.start()
        await bench.sink.waitUntilGone()
        #expect(bench.sink.gone.count == 1)
        #expect(bench.sink.gone.first?.contains(nasty.says) == true, "\(bench.sink.gone)")
        #expect(bench.sink.gone.first?.hasPrefix("the driver of bus 'meters' ") == true)
        await bench.sink.wait {
            if case .state(let state) = $0 { [.waiting, .failed].contains(state.condition) } else { false }
        }
        let process = Int32(folder.read("pid") ?? "") ?? 0
        #expect(process > 0)
        #expect(!exists(process))
        await bench.supervisor.stop()
    }

    @Test func `a driver that says nothing is ended after the time for its hello`() async {
        let folder = TemporaryFolder()
        var limits = SupervisionLimits()
        limits.helloWithin = .milliseconds(300)
        limits.firstBackOff = .seconds(300)
        limits.longestBackOff = .seconds(300)
        let bench = DriverBench(executable: folder.write("driver", "#!/bin/sh\nexec sleep 1000\n"), limits: limits)
        await bench.supervisor.start()
        await bench.sink.wait(for: .waiting)
        #expect(bench.sink.gone.first?.contains("sent no hello within 300 ms and was killed") == true)
        await bench.supervisor.stop()
    }

    @Test func `a heart that beats without turns is ended`() async {
        let folder = TemporaryFolder()
        let bench = DriverBench(
            executable: folder.driver(
                "greet(stall=2000)\nwhile True:\n  send(heartbeat={'turns': 5, 'port_open': 1})\n  time.sleep(0.2)"))
        await bench.supervisor.start()
        await bench.sink.waitUntilGone()
        #expect(bench.sink.gone.first?.contains("makes no progress (its heartbeat has stayed at turn 5)") == true)
        await bench.supervisor.stop()
    }

    @Test func `a driver that exits at once is given up after five crashes`() async {
        let folder = TemporaryFolder()
        var limits = SupervisionLimits()
        limits.firstBackOff = .milliseconds(10)
        let bench = DriverBench(executable: folder.write("driver", "#!/bin/sh\nexit 7\n"), limits: limits)
        await bench.supervisor.start()
        await bench.sink.wait(for: .failed)
        let state = await bench.supervisor.state
        #expect(state.isAlarm)
        #expect(
            state.detail.contains(
                "crash loop (5 crashes in a row), the last: the driver of bus 'meters' exited with status 7"))
        #expect(state.restarts == 4)
        #expect(bench.sink.gone.count == 1)
        await bench.supervisor.stop()
    }

    @Test(arguments: [
        ("/nonexistent/driver", "No such file or directory"),
        (packageRoot + "/docs/driver-protocol.md", "Permission denied"),
        ("/tmp", "Permission denied"),
    ])
    func `a program that cannot be started is named with its path`(path: String, reason: String) async {
        let bench = DriverBench(executable: path)
        await bench.supervisor.start()
        await bench.sink.wait(for: .failed)
        let detail = await bench.supervisor.state.detail
        #expect(detail.contains("cannot be started: \(path): \(reason);"), "\(detail)")
        await bench.supervisor.stop()
    }

    @Test func `a driver that ignores the stop is killed, with all that it started`() async {
        let folder = TemporaryFolder()
        let body = """
            import subprocess
            for number in range(1, 32):
                if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
            child = subprocess.Popen(["/bin/sleep", "1000"])
            open("child", "w").write(str(child.pid))
            greet()
            while True: time.sleep(1)
            """
        var limits = SupervisionLimits()
        limits.stopGrace = .milliseconds(200)
        let bench = DriverBench(executable: folder.driver(body), limits: limits)
        await bench.supervisor.start()
        let process = await bench.supervisor.settled(within: .seconds(20)).process
        let child = Int32(folder.read("child") ?? "") ?? 0
        #expect(process > 0 && child > 0 && exists(child))
        let watch = candela_process_descriptor(child)
        await bench.supervisor.stop()
        #expect(!exists(process))
        // The child is reaped by init in its own time; that it has ended is what the descriptor tells.
        var ended = pollfd(fd: watch, events: Int16(POLLIN), revents: 0)
        #expect(poll(&ended, 1, 10_000) == 1)
        close(watch)
    }

    @Test func `a driver that never reads is ended before its queue grows over the limit`() async {
        let folder = TemporaryFolder()
        var limits = SupervisionLimits()
        limits.inputBytes = 400_000
        limits.firstBackOff = .seconds(300)
        limits.longestBackOff = .seconds(300)
        let bench = DriverBench(executable: folder.driver("greet()\nwhile True: time.sleep(1)"), limits: limits)
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    var command = DriverCommand()
                    command.action = String(repeating: "x", count: 50_000)
                    let done = await bench.supervisor.command(command)
                    #expect(done.outcome == .failed)
                    #expect(done.reason.hasPrefix("the driver of bus 'meters' "))
                }
            }
        }
        await bench.sink.wait(for: .waiting)
        #expect(
            bench.sink.gone == [
                "the driver of bus 'meters' was killed: it does not read its standard input: more than 400000 bytes wait for it"
            ])
        await bench.supervisor.stop()
    }

    @Test func `a driver that takes nothing for too long is ended`() async {
        let folder = TemporaryFolder()
        var limits = SupervisionLimits()
        limits.inputStall = .milliseconds(500)
        let bench = DriverBench(executable: folder.driver("greet()\nwhile True: time.sleep(1)"), limits: limits)
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        var command = DriverCommand()
        command.action = String(repeating: "x", count: 200_000)
        let done = await bench.supervisor.command(command)
        #expect(done.reason.hasPrefix("the driver of bus 'meters' stopped: "), "\(done.reason)")
        #expect(bench.sink.gone.first?.contains("does not read its standard input:") == true)
        await bench.supervisor.stop()
    }

    @Test func `a request without an answer ends at its time`() async {
        let folder = TemporaryFolder()
        let bench = DriverBench(executable: folder.driver("greet()" + Self.idle))
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        let answer = await bench.supervisor.query(DriverQuery(), within: .milliseconds(50))
        #expect(answer.failure == "the driver of bus 'meters' gave no answer within 50 ms")
        await bench.supervisor.stop()
    }

    @Test func `those who wait for a driver that dies are told at once`() async {
        let folder = TemporaryFolder()
        let bench = DriverBench(
            executable: folder.driver("greet()\nfor message in messages():\n  if 'query' in message: os._exit(3)"))
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        let answer = await bench.supervisor.query(DriverQuery(), within: .seconds(600))
        #expect(answer.failure == "the driver of bus 'meters' stopped: the driver of bus 'meters' exited with status 3")
        await bench.supervisor.stop()
    }

    @Test func `a flood on stderr is rationed and does the driver no harm`() async {
        let folder = TemporaryFolder()
        let body = """
            for round in range(200): os.write(2, b"x" * 5000 + b"\\n" + b"short\\n" * 100)
            greet()
            send(event={"kind": "done"})
            for message in messages(): pass
            """
        let bench = DriverBench(executable: folder.driver(body))
        await bench.supervisor.start()
        await bench.sink.wait { if case .event(let event) = $0 { event.kind == "done" } else { false } }
        await bench.supervisor.stop()
        let lines = bench.lines.all
        #expect(lines.contains(String(repeating: "x", count: 1024) + " ... (cut)"))
        #expect(lines.count < 1_000)
        #expect(
            lines.contains {
                $0.contains("more lines of the driver were left out")
                    || $0.contains("lines of the driver were left out:")
            })
    }

    @Test func `a slow listener slows the driver and loses nothing`() async {
        let folder = TemporaryFolder()
        let body = """
            greet()
            for number in range(3000):
                send(samples={"device": 0, "boot_ns": 1, "point": [0], "mantissa": [number], "exponent": [0], "text": []})
                if number % 100 == 0: open("progress", "w").write(str(number))
            send(event={"kind": "done"})
            for message in messages(): pass
            """
        let gate = GatedSink()
        let bench = DriverBench(executable: folder.driver(body), sink: gate)
        await bench.supervisor.start()
        await gate.reachedGate()
        gate.open()
        await gate.collector.wait { if case .event(let event) = $0 { event.kind == "done" } else { false } }
        let numbers = gate.collector.reports.flatMap { report -> [Int64] in
            if case .samples(let blocks) = report { blocks.flatMap(\.mantissas) } else { [] }
        }
        #expect(numbers == Array(0..<3000))
        await bench.supervisor.stop()
    }

    @Test func `a driver has three descriptors, no privileges to gain and a clean environment`() async {
        let folder = TemporaryFolder()
        let body = """
            status = open("/proc/self/status").read()
            facts = ",".join(sorted(os.listdir("/proc/self/fd"))[:4]) + "|" + ",".join(sorted(os.environ)) + "|"
            facts += [line.split()[1] for line in status.splitlines() if line.startswith("NoNewPrivs")][0]
            facts += "|" + str(signal.pthread_sigmask(signal.SIG_BLOCK, [])) + "|" + os.getcwd()
            open("facts", "w").write(facts)
            greet()
            for message in messages(): pass
            """
        let bench = DriverBench(executable: folder.driver(body))
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        let facts = (folder.read("facts") ?? "").split(separator: "|", omittingEmptySubsequences: false)
        #expect(facts.count == 5)
        // 3 is the folder that is being listed.
        #expect(facts.first == "0,1,2,3")
        let known: Set<Substring> = ["CANDELA_SIM_DIR", "LANG", "LC_CTYPE", "PATH", "TZ"]
        #expect(Set(facts[1].split(separator: ",")).isSubset(of: known), "\(facts[1])")
        #expect(facts[2] == "1")
        #expect(facts[3] == "set()")
        #expect(facts[4] == folder.path)
        await bench.supervisor.stop()
    }
}

/// Holds up at the first samples until it is opened.
private final class GatedSink: DriverSink {
    private struct State: Sendable {
        var isOpen = false
        var isReached = false
        var waiting: CheckedContinuation<Void, Never>?
        var watcher: CheckedContinuation<Void, Never>?
    }

    let collector = CollectingSink()
    private let state = Mutex(State())

    func driver(_ bus: String, didReport report: DriverReport) async {
        if case .samples = report {
            await withCheckedContinuation { continuation in
                let (isOpen, watcher) = state.withLock { state in
                    state.isReached = true
                    if !state.isOpen { state.waiting = continuation }
                    defer { state.watcher = nil }
                    return (state.isOpen, state.watcher)
                }
                watcher?.resume()
                if isOpen { continuation.resume() }
            }
        }
        await collector.driver(bus, didReport: report)
    }

    func reachedGate() async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if !state.isReached { state.watcher = continuation }
                return state.isReached
            }
            if isReached { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }
}
