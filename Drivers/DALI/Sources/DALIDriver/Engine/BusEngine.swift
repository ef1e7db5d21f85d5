internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A DALI bus at work: opens its interface, polls its gear within the bus's budget, lets commands go first.
///
/// One turn is at most one exchange, so that a command never waits for more than that. Blocking; lives on the bus's
/// thread. The world (clock, port) and the outlet are handed in, so tests run it in their own time.
final class BusEngine {
    /// A bus with nothing to do is looked at this often: other controllers' frames and a lost port show only then.
    static let idleLook: Duration = .milliseconds(250)
    /// A gear that missed a poll is asked again this soon, until it counts as offline: long enough for a RESET (300 ms deaf) or
    /// a start-up, short enough that a fault is known in seconds.
    static let missRetry: Duration = .seconds(2)
    /// An offline gear is probed at its own interval and ever less often, down to this: a feeder that comes on is seen within it.
    static let longestProbe: Duration = .seconds(60)
    /// The port and the interface are tried again, soon at first.
    static let firstReopen: Duration = .milliseconds(500)
    static let longestReopen: Duration = .seconds(10)
    /// Requests in a row that the interface itself lets fail until it is greeted anew.
    static let linkFailuresUntilReopen = 3
    /// A gear's state is repeated at least this often, as the driver protocol asks.
    static let stateInterval: Duration = .seconds(10)

    struct Polling {
        let position: Int
        var poll: GearPoll
        let begun: BootInstant
    }

    let world: DALIWorld
    let outlet: any DriverOutlet
    var configuration: BusConfiguration?
    var gear: [Gear] = []
    var scheduler = DeadlineScheduler<Int>()
    var probes: [Int: Backoff] = [:]
    var polling: Polling?
    var jobs: [Job] = []
    var connection: DALIConnection?
    var reopen = Backoff(first: firstReopen, longest: longestReopen)
    var portDetail = "not opened yet"
    var greeting = ""
    var linkFailures = 0
    var busFault: BusFault?
    var busIsDown: Bool { busFault != nil }
    var load: BusLoad
    var sums = BusSums()
    var isTracing = false
    /// The newest frames, for people.
    let frameLog = FrameLog()
    var tasks: DALITaskHost?
    /// What the runtime keeps for this bus, and what of it is not on disk yet.
    var memories: [MemoryKey: [UInt8]] = [:]
    var unstored: Set<MemoryKey> = []
    /// Indices of gear without mains, as far as the runtime knows.
    var unpowered: Set<UInt32> = []
    private(set) var isStarted = false
    private var isTasksTurn = false
    var sentStates: [Int: (state: DriverDeviceState, at: BootInstant)] = [:]

    init(world: DALIWorld, outlet: any DriverOutlet) {
        self.world = world
        self.outlet = outlet
        load = BusLoad(since: world.now())
    }

    func configure(_ message: DriverConfigure) -> DriverConfigured {
        let (configuration, answer) = BusConfiguration.read(message)
        self.configuration = configuration
        gear = configuration.gear
        tasks = DALITaskHost(bench: self, outlet: outlet)
        memories = [:]
        for memory in message.memories { memories[MemoryKey(device: memory.device, key: memory.key)] = memory.bytes }
        for memory in message.memories where memory.key == Gear.memoryKey {
            if let position = gear.firstIndex(where: { $0.name == memory.device }) {
                gear[position].recall(memory.bytes)
            }
        }
        return answer
    }

    /// Opens the port; the interface is greeted in the first turn.
    func start() throws(DriverStartFailure) -> String {
        guard let configuration, configuration.kind != nil else {
            throw DriverStartFailure(isRetriable: false, message: "the bus is not usable as configured")
        }
        let now = world.now()
        let channel: any DALIChannel
        do throws(SerialPortError) {
            channel = try world.open(configuration.port, configuration.settings)
        } catch {
            throw DriverStartFailure(isRetriable: error.isRetriable, message: error.description)
        }
        load = BusLoad(since: now)
        sums = BusSums(since: now)
        for position in gear.indices where !gear[position].points.isEmpty {
            scheduler.add(
                position, device: gear[position].index, interval: gear[position].interval,
                predicted: .milliseconds(100), due: now)
        }
        connect(channel, at: now)
        isStarted = true
        return "\(channel.summary), \(configuration.kind?.vendor ?? "")"
    }

    func stop() {
        let frames = tasks?.cancelAll(reason: "the driver of this bus is stopping") ?? []
        if let connection, !frames.isEmpty { _ = exchangeAll(frames, on: connection) }
        for job in jobs { job.complete(gear[job.position], reason: "the driver of this bus is stopping") }
        jobs.removeAll()
        connection = nil
        isStarted = false
    }

    /// Does at most one exchange.
    ///
    /// - Returns: when to come again.
    func turn() -> BootInstant {
        let now = world.now()
        guard isStarted else { return runTasksWithoutBus("the port is not open") }
        guard let connection = connected(at: now) else {
            failJobs(portDetail)
            _ = runTasksWithoutBus(portDetail)
            repeatStates(at: now)
            return reopen.notBefore ?? now.advanced(by: Self.firstReopen)
        }
        connection.service()
        if let lost = connection.lost {
            disconnect(lost.description, at: world.now())
            return world.now()
        }
        noteBus(connection.busFault, at: now)
        if let busFault {
            failJobs(busFault.description)
            _ = runTasksWithoutBus(busFault.description)
            repeatStates(at: now)
            return min(connection.deadline ?? now.advanced(by: Self.idleLook), now.advanced(by: Self.idleLook))
        }
        let nextJob = runJob(connection, at: now)
        if nextJob == nil { return world.now() }
        // A task and the polling take turns, so that neither waits for long.
        isTasksTurn.toggle()
        var nextTask: BootInstant?
        if isTasksTurn || tasks?.isExclusive == true {
            nextTask = runTask(connection, at: now)
            if nextTask == nil { return world.now() }
        }
        var nextPoll: BootInstant?
        if tasks?.isExclusive != true {
            nextPoll = runPoll(connection, at: now)
            if nextPoll == nil { return world.now() }
        }
        repeatStates(at: now)
        return [nextJob, nextPoll, tasks?.due, connection.deadline, now.advanced(by: Self.idleLook)].compactMap { $0 }
            .min() ?? now
    }

    // MARK: jobs

    func submit(_ command: DriverCommand, completion: @escaping (DriverCommandDone) -> Void) {
        guard let position = gear.firstIndex(where: { $0.index == command.device }) else {
            completion(.rejected("the bus has no usable device number \(command.device)"))
            return
        }
        guard configuration?.isReadOnly != true else {
            completion(.rejected("the gateway is read-only"))
            return
        }
        let order: LampOrder
        do throws(LampOrder.Refusal) {
            order = try LampOrder(command, gear: gear[position])
        } catch {
            completion(.rejected(error.reason))
            return
        }
        // The latest order for a lamp's light counts; the one before is answered for, not read back for ever.
        if order != .identify { replaceCommands(at: position) }
        let run = LampCommand(order, command: command, gear: gear[position], at: world.now())
        jobs.append(Job(position: position, work: .command(run, completion)))
    }

    func submit(_ query: DriverQuery, completion: @escaping (DriverQueryDone) -> Void) {
        guard let position = gear.firstIndex(where: { $0.index == query.device }) else {
            var done = DriverQueryDone()
            done.failure = "the bus has no usable device number \(query.device)"
            completion(done)
            return
        }
        let deadline =
            query.deadlineBootNs == 0
            ? BootInstant(nanoseconds: .max) : BootInstant(nanoseconds: Int64(clamping: query.deadlineBootNs))
        let poll = GearPoll(priority: .user, isComplete: true)
        jobs.append(
            Job(position: position, work: .query(poll, wanted: query.points, deadline: deadline, completion)))
    }

    private func replaceCommands(at position: Int) {
        jobs.removeAll { job in
            guard job.position == position, case .command(let command, _) = job.work, command.order != .identify
            else { return false }
            job.complete(
                gear[position],
                reason: command.isSent
                    ? "sent, but a later command to this lamp came before it was read back"
                    : "a later command to this lamp took its place; nothing was sent")
            return true
        }
    }

    private func failJobs(_ reason: String) {
        let failed = jobs
        jobs.removeAll()
        for job in failed { job.complete(gear[job.position], reason: reason) }
    }

    /// One exchange of the job that goes first.
    ///
    /// - Returns: nil when something was done; otherwise when the next job has something to do (never: the far future).
    private func runJob(_ connection: DALIConnection, at now: BootInstant) -> BootInstant? {
        var earliest = BootInstant(nanoseconds: .max)
        // Equal ranks keep their order: sort is stable by position in the list.
        let order = jobs.indices.sorted { (jobs[$0].rank, $0) < (jobs[$1].rank, $1) }
        for index in order {
            let position = jobs[index].position
            switch jobs[index].next(gear[position], at: now) {
            case .wait(let until): earliest = min(earliest, until)
            case .finished:
                let job = jobs.remove(at: index)
                job.complete(gear[position])
                return nil
            case .exchange(let requests):
                let outcome = exchange(requests, on: connection)
                let ended = world.now()
                jobs[index].received(outcome, gear: &gear[position], at: ended)
                judge(outcome, at: ended)
                reportState(position, at: ended)
                return nil
            }
        }
        return earliest
    }
}

/// What the bus was used for since the last report.
struct BusSums {
    var since = BootInstant(nanoseconds: 0)
    var data: Duration = .zero
    var silence: Duration = .zero
    var waiting: Duration = .zero
    var sick: Duration = .zero
    var requests: UInt64 = 0
    var answers: UInt64 = 0
    var timeouts: UInt64 = 0
    var broken: UInt64 = 0
    var refusals: UInt64 = 0

    init(since: BootInstant = BootInstant(nanoseconds: 0)) { self.since = since }
}

extension DriverCommandDone {
    static func rejected(_ reason: String) -> DriverCommandDone {
        var done = DriverCommandDone()
        done.outcome = .rejected
        done.reason = reason
        return done
    }
}
