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
    /// Frames refused in a row, about ten seconds of trying, after which the interface is greeted anew.
    static let refusalsUntilReopen = 60
    /// A gear's state is repeated at least this often, as the driver protocol asks.
    static let stateInterval: Duration = .seconds(10)

    /// A gear's own memory is looked after when the first readings are out and people have seen that the lamps answer.
    static let upkeepDelay: Duration = .seconds(10)
    /// A bus that is polled without a pause still gives upkeep an exchange this often: half a percent of its time.
    static let upkeepShare: Duration = .seconds(15)
    /// The same for sweeps, one unit of at most 108 ms: under 3 % of the bus.
    static let sweepShare: Duration = .seconds(4)
    /// A gear that did not answer then is left alone so long.
    static let upkeepRetry: Duration = .seconds(60)
    /// One lamp of a dark feeder is asked this often; so soon the others' return is seen without the feeder's meter. A question that
    /// nobody answers is 1 % of the bus.
    static let darkProbe: Duration = .seconds(3)
    /// A gear that is back was only asked for its state; so much later for the rest, when the others have had their level.
    static let secondLook: Duration = .seconds(2)
    /// All silent gear is asked together no more often than this when one of them answers.
    static let callPause: Duration = .seconds(10)
    /// After another controller's frame its lamps are read this soon: at the end of a short fade.
    static let foreignLook: Duration = .milliseconds(500)
    /// Another controller is told of no more often than this.
    static let foreignPause: Duration = .seconds(600)
    /// Before a command waits for the others of its group, sweeps leave it the bus.
    static let sweepReserve: Duration = .milliseconds(60)
    /// Key of what a gear keeps, in words, as it was last read.
    static let keptKey = "settings"

    struct Upkeep {
        let position: Int
        var run: GearUpkeep
    }

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
    var refusals = 0
    var busFault: BusFault?
    var busIsDown: Bool { busFault != nil }
    var load: BusLoad
    var sums = BusSums()
    var isTracing = false
    /// The newest frames, for people.
    let frameLog = FrameLog()
    var tasks: DALITaskHost?
    /// What tasks that lost the bus have yet to send to put it back.
    var owedFrames: [DALIRequest] = []
    /// What the runtime keeps for this bus, and what of it is not on disk yet.
    var memories: [MemoryKey: [UInt8]] = [:]
    var unstored: Set<MemoryKey> = []
    /// Indices of gear without mains, as far as the runtime knows.
    var unpowered: Set<UInt32> = []
    var darkFeeders: [DarkFeeder] = []
    /// Lamps that are to be asked because their mains may be back. Until they have been, no schedule's level is read back: each of
    /// them may wait for its own.
    var returning: Set<Int> = []
    /// When all silent gear was last asked together.
    var lastCall: BootInstant?
    var lastForeign: BootInstant?
    var upkeep: Upkeep?
    var upkeepFrom: BootInstant?
    private var lastUpkeep: BootInstant?
    private var lastSweep: BootInstant?
    var census: BusCensus?
    /// Gear that is not the one expected, as it was told.
    var strangers: [Int: GearIdentity] = [:]
    var askedOwners: Set<Int> = []
    /// What else is read in the time that is left.
    var sweeps: [any SweepSource] = []
    var nextSweep = 0
    var sensors: SensorWatch?
    var registerUses: UInt64 = 0
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
        let sensors = SensorWatch(configuration.sensors, outlet: outlet)
        self.sensors = sensors
        sweeps = [sensors, DiagnosticsSweep()]
        memories = [:]
        for memory in message.memories { memories[MemoryKey(device: memory.device, key: memory.key)] = memory.bytes }
        for memory in message.memories where memory.key == Gear.memoryKey {
            if let position = gear.firstIndex(where: { $0.name == memory.device }) {
                gear[position].recall(memory.bytes)
            }
        }
        for position in gear.indices {
            let name = gear[position].name
            gear[position].keeping.accepted = memory(device: name, key: GearIdentity.memoryKey)
                .flatMap { GearIdentity(String(decoding: $0, as: UTF8.self)) }
            gear[position].keeping.told =
                memory(device: name, key: Self.keptKey).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        return withFacts(answer)
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
        if payOwedFrames(connection) { return world.now() }
        let nextJob = runJob(connection, at: now, mayReadBack: returning.isEmpty || tasks?.isExclusive == true)
        if nextJob == nil { return world.now() }
        let isReserved = nextJob.map { $0 <= now.advanced(by: Self.sweepReserve) } ?? false
        // A task and the polling take turns, so that neither waits for long.
        isTasksTurn.toggle()
        var nextTask: BootInstant?
        if isTasksTurn || tasks?.isExclusive == true {
            nextTask = runTask(connection, at: now)
            if nextTask == nil { return world.now() }
        }
        var nextPoll: BootInstant?
        if tasks?.isExclusive != true {
            if lastUpkeep.map({ now.duration(since: $0) >= Self.upkeepShare }) ?? true {
                lastUpkeep = now
                if runUpkeep(connection, at: now) == nil { return world.now() }
            }
            if !isReserved, lastSweep.map({ now.duration(since: $0) >= Self.sweepShare }) ?? true {
                lastSweep = now
                if runSweep(connection, at: now) == nil { return world.now() }
            }
            nextPoll = runPoll(connection, at: now)
            if nextPoll == nil { return world.now() }
        }
        var nextSpare: BootInstant?
        let isFree = [nextJob, tasks?.due, nextPoll].allSatisfy {
            $0.map { $0 > now.advanced(by: Self.sweepReserve) } ?? true
        }
        if tasks?.isExclusive != true, isFree {
            nextSpare = runUpkeep(connection, at: now)
            if nextSpare == nil { return world.now() }
            let nextSweep = runSweep(connection, at: now)
            lastSweep = now
            if nextSweep == nil { return world.now() }
            nextSpare = [nextSpare, nextSweep].compactMap { $0 }.min()
        }
        repeatStates(at: now)
        tellBudget()
        return [nextJob, nextPoll, nextSpare, tasks?.due, connection.deadline, now.advanced(by: Self.idleLook)]
            .compactMap { $0 }
            .min() ?? now
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
