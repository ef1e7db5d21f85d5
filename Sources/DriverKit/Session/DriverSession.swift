internal import CLinux
internal import DriverProtocol
internal import Glibc
internal import SwiftProtobuf
internal import Synchronization
internal import Telemetry

/// The life of one driver between the first byte on its input and its exit status.
///
/// Three threads and no more: the caller reads the input, the bus thread does everything of the bus in the order in
/// which it was asked, the heartbeat thread says every second how far the bus thread has come.
final class DriverSession: Sendable {
    /// Exit statuses; docs/driver-protocol.md lists them.
    enum Status {
        static let done: Int32 = 0
        /// Wrong version, broken stream, or nobody listens.
        static let broken: Int32 = 2
        /// The bus did not come to an end in time and was cut off.
        static let cutOff: Int32 = 4
    }

    /// Beyond the longest exchange, for the way out: closing a port drains nothing and takes milliseconds.
    static let shutdownMargin: Duration = .seconds(1)
    /// The bus thread comes round at least this often, so that the heartbeat shows progress of an idle bus too.
    static let longestPause: Duration = DriverProtocolLimits.heartbeatInterval

    /// The port's state is taken at most this often between the runtime's messages: it is told once per heartbeat, and of a bus of a
    /// thousand hosts it is a sum over all of them.
    static let stateInterval: Duration = .milliseconds(250)

    private let input: Int32
    private let outlet: StreamOutlet
    private let inbox = DriverInbox()
    private let thread: BusThread
    private let turns = Atomic<UInt64>(0)
    private let greeted = Atomic<Bool>(false)
    private let snapshot = Mutex(DriverPortState(isOpen: false, detail: "not started", utilisationPermille: 0))
    private let exchangeLimit = Mutex(Duration.seconds(1))

    /// - Parameters:
    ///   - input: framed `ToDriver`; read, not closed.
    ///   - output: framed `FromDriver`; written, not closed.
    ///   - name: of the bus thread.
    init(input: Int32, output: Int32, name: String) {
        self.input = input
        let inbox = inbox
        let thread = BusThread(name: name)
        self.thread = thread
        outlet = StreamOutlet(descriptor: output) { reason in
            complain(reason)
            inbox.end(status: Status.broken)
            thread.wake()
        }
    }

    /// Runs to the end.
    ///
    /// - Parameter cutOff: ends the process at once; called from a watchdog when the bus does not let go in time.
    /// - Returns: the exit status.
    func run<Driver: BusDriver>(_ type: Driver.Type, cutOff: @escaping @Sendable (Int32) -> Void) -> Int32 {
        let driver = Driver(thread: thread, outlet: outlet)
        let ended = Latch()
        Task { [self] in
            await serve(driver)
            ended.open()
        }
        let reader = NamedThread("protocol-in") { [self] in read() }
        let heart = NamedThread("heartbeat") { [self] in beat(until: ended) }
        // The reader may sit in read(2) for ever; it ends with the process, or with its input.
        reader.detach()
        inbox.waitForEnd()
        let watchdog = NamedThread("watchdog") { [self] in
            let limit = exchangeLimit.withLock { $0 } + Self.shutdownMargin
            guard !ended.wait(until: BootClock.now().advanced(by: limit)) else { return }
            complain("the bus did not let go within \(limit.wholeMilliseconds) ms; cut off")
            cutOff(Status.cutOff)
        }
        _ = ended.wait(until: nil)
        watchdog.join()
        heart.join()
        thread.shutDown()
        return inbox.ending ?? Status.done
    }

    // MARK: input

    private func read() {
        var decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.toDriver)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var status = Status.done
        var isFirst = true
        reading: while true {
            let count = Glibc.read(input, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            decoder.append(buffer[..<count])
            do {
                while let bytes = try decoder.next() {
                    let message = try DriverToDriver(serializedBytes: bytes)
                    guard message.version == DriverProtocolLimits.version else {
                        throw StreamProblem(
                            description: "the runtime speaks protocol version \(message.version), this driver speaks "
                                + "\(DriverProtocolLimits.version): install driver and runtime of one release")
                    }
                    if isFirst, case .hello? = message.message {
                        isFirst = false
                    } else if isFirst {
                        throw StreamProblem(description: "the first message is no hello")
                    }
                    if case .shutdown? = message.message { break reading }
                    guard inbox.put(message) else { return }
                    thread.wake()
                }
            } catch {
                complain("cannot read on from the runtime: \(error)")
                status = Status.broken
                break
            }
        }
        inbox.end(status: status)
        thread.wake()
    }

    // MARK: bus

    private func serve<Driver: BusDriver>(_ driver: isolated Driver) async {
        var stage = SessionStage()
        var next = BootClock.now()
        var stateDue = next
        while inbox.ending == nil {
            var isCalled = false
            while let message = inbox.take() {
                handle(message, driver, &stage)
                isCalled = true
                progress(driver)
            }
            if isCalled {
                // What was asked for was queued on this thread and goes before the next turn.
                next = BootClock.now()
            } else if stage.isConfigured && (stage.isStarted || driver.hasTasks) && inbox.ending == nil {
                if next <= BootClock.now() {
                    outlet.hold()
                    next = driver.turn()
                    outlet.release()
                }
            } else {
                next = BootInstant(nanoseconds: .max)
            }
            turns.add(1, ordering: .relaxed)
            if stateDue <= BootClock.now() {
                progress(driver)
                stateDue = BootClock.now().advanced(by: Self.stateInterval)
            }
            let limit = min(next, BootClock.now().advanced(by: Self.longestPause))
            if !thread.rest(until: limit) { await thread.wait(until: limit) }
            // Woken before its time: an answer has come on a socket, or a name is resolved, and both wait for a turn.
            if BootClock.now() < limit { next = BootInstant(nanoseconds: .min) }
        }
        driver.stop()
    }

    private func progress<Driver: BusDriver>(_ driver: isolated Driver) {
        turns.add(1, ordering: .relaxed)
        let state = driver.portState()
        snapshot.withLock { $0 = state }
    }

    private func handle<Driver: BusDriver>(
        _ message: DriverToDriver, _ driver: isolated Driver, _ stage: inout SessionStage
    ) {
        var answer = DriverFromDriver()
        switch message.message {
        case .hello?:
            answer.hello = DriverDriverHello(Driver.identity)
            outlet.send(answer)
            greeted.store(true, ordering: .releasing)
        case .configure(let configure)?:
            guard !stage.isStarted else {
                answer.configured = DriverConfigured(tooLate: configure)
                outlet.send(answer)
                return
            }
            var configured = driver.configure(configure)
            configured.request = configure.request
            stage.accept(configure)
            let limit = driver.longestExchange()
            exchangeLimit.withLock { $0 = limit }
            answer.configured = configured
            outlet.send(answer)
            // What was needed to read profiles and to describe a thousand devices is not needed again.
            answer = DriverFromDriver()
            configured = DriverConfigured()
            candela_trim_heap()
        case .start?: start(driver, &stage)
        case .query(let query)?:
            let refusal = stage.refusal(of: query, at: BootClock.now())
            Task { [self] in
                var answer = DriverFromDriver()
                if let refusal { answer.queryDone = refusal } else { answer.queryDone = await driver.query(query) }
                answer.queryDone.request = query.request
                answered(answer, driver)
            }
        case .command(let command)?:
            let refusal = stage.refusal(of: command, at: BootClock.now())
            Task { [self] in
                var answer = DriverFromDriver()
                if let refusal {
                    answer.commandDone = refusal
                } else {
                    answer.commandDone = await driver.command(command)
                }
                answer.commandDone.request = command.request
                answered(answer, driver)
            }
        case .setTrace(let trace)?: driver.trace(trace.on)
        case .statisticsRequest(let request)?:
            answer.statistics = driver.statistics()
            answer.statistics.request = request.request
            outlet.send(answer)
        case .remembered(let memory)?: driver.remembered(device: memory.device, key: memory.key)
        case .task(let task)?:
            if !Driver.identity.tasks.contains(task.name) {
                outlet.taskDone(Driver.unknownTask(task))
            } else if let refusal = stage.refusal(of: task) {
                outlet.taskDone(refusal)
            } else {
                driver.begin(task)
            }
        case .cancelTask(let task)?: driver.cancel(task.request)
        case .setClock(let clock)?: driver.clock(clock)
        case .setPowered(let powered)?: driver.powered(powered)
        case .shutdown?, nil: break  // Shutdown ends the reader; an empty message is one of a newer runtime.
        }
    }

    /// A query or command is through: answer, count it as progress, and let the driver look at its schedule anew.
    private func answered<Driver: BusDriver>(_ answer: DriverFromDriver, _ driver: isolated Driver) {
        outlet.send(answer)
        progress(driver)
        thread.wake()
    }

    private func start<Driver: BusDriver>(_ driver: isolated Driver, _ stage: inout SessionStage) {
        var answer = DriverFromDriver()
        if let refusal = stage.refusalOfStart() {
            answer.startFailed = refusal
        } else {
            do {
                answer.started.port = try driver.start()
                stage.isStarted = true
            } catch {
                answer.startFailed.retriable = error.isRetriable
                answer.startFailed.message = error.message
            }
        }
        outlet.send(answer)
    }

    // MARK: heartbeat

    /// Code and memory that only the start needed are given back this many heartbeats after it, when the first round is over...
    private static let firstRelease = 10
    /// ...and what a person's question needed, every ten minutes.
    private static let beatsPerRelease = 600

    private func beat(until ended: Latch) {
        var next = BootClock.now()
        var beats = 0
        while !ended.wait(until: next) {
            beats += 1
            if beats % Self.beatsPerRelease == Self.firstRelease {
                candela_trim_heap()
                _ = candela_release_code()
            }
            next = max(next, BootClock.now()).advanced(by: DriverProtocolLimits.heartbeatInterval)
            guard greeted.load(ordering: .acquiring), inbox.ending == nil else { continue }
            let port = snapshot.withLock { $0 }
            var message = DriverFromDriver()
            message.heartbeat.turns = turns.load(ordering: .relaxed)
            message.heartbeat.bootNs = UInt64(max(0, BootClock.now().nanoseconds))
            message.heartbeat.portOpen = port.isOpen
            message.heartbeat.portDetail = port.detail
            message.heartbeat.utilisationPermille = port.utilisationPermille
            outlet.send(message)
        }
    }
}

private struct StreamProblem: Error, CustomStringConvertible {
    let description: String
}

/// Opens once; whoever waits goes on.
// @unchecked: `isOpen` is touched only inside `monitor`.
final class Latch: @unchecked Sendable {
    private let monitor = Monitor()
    private var isOpen = false

    func open() {
        monitor.withLock {
            isOpen = true
            monitor.signal()
        }
    }

    /// - Parameter deadline: nil waits for ever.
    /// - Returns: false when the deadline came first.
    func wait(until deadline: BootInstant?) -> Bool {
        monitor.withLock {
            while !isOpen {
                if let deadline, BootClock.now() >= deadline { return false }
                monitor.wait(until: deadline)
            }
            return true
        }
    }
}

/// A line on stderr.
func complain(_ line: String) {
    let bytes = Array("candela driver: \(line)\n".utf8)
    _ = write(2, bytes, bytes.count)
}
