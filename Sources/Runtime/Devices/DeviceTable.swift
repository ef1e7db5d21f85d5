import Configuration
import DriverProtocol
import Logging
import Normalization
import Outbox
import Supervision
import Telemetry

/// All devices of the gateway. Takes what drivers report, normalises it and hands readings to the outbox.
///
/// Reports of one bus come one after the other, so the order within a device is the order of acquisition.
actor DeviceTable {
    /// What the normalisation remembers rides along with readings this often at least; epochs and closed windows at once. After a
    /// crash a counter is judged from what it showed this long ago.
    static let stateInterval: Duration = .seconds(5)
    /// The clock is looked at this often; asking the kernel for each message would cost more than its readings.
    private static let clockInterval: Duration = .seconds(1)

    let outbox: Outbox
    let events: EventDesk
    let clock: GatewayClock
    let buses: BusDesk
    let log: Logger
    private let billingError: Duration
    /// Bus by bus, each bus's devices in the order of their indexes.
    var records: [DeviceRecord] = []
    /// Where the devices of a bus stand.
    private var ranges: [String: Range<Int>] = [:]
    private var places: [String: Int] = [:]
    /// In the order of the configuration.
    private let order: [Int]
    /// Buses without their port: one alarm of the bus stands for all its devices.
    private var portless: Set<String> = []
    private var newestClock: (asked: BootInstant, clock: NormalizerClock)?
    /// Readings taken since the start, for the rate that `status` shows.
    private(set) var readingsTaken: UInt64 = 0
    private var descriptionListeners: [AsyncStream<Void>.Continuation] = []
    /// What lamps, light sensors and feeder meters tell, for Lighting and the fault rules.
    private let news: FieldNewsDesk?

    init(
        configuration: GatewayConfiguration, outbox: Outbox, buses: BusDesk, events: EventDesk, clock: GatewayClock,
        news: FieldNewsDesk? = nil, log: Logger
    ) {
        self.news = news
        self.outbox = outbox
        self.buses = buses
        self.events = events
        self.clock = clock
        self.log = log
        billingError = configuration.clock.billingError
        var records: [DeviceRecord] = []
        for bus in configuration.buses {
            let all = configuration.devices
            let devices = all.indices.filter { all[$0].bus == bus.name }
            ranges[bus.name] = records.count..<records.count + devices.count
            for (index, device) in devices.enumerated() {
                places[all[device].name] = records.count
                records.append(DeviceRecord(configurations: all, place: device, index: UInt32(index)))
            }
        }
        self.records = records
        let places = places
        order = configuration.devices.compactMap { places[$0.name] }
    }

    subscript(name: String) -> DeviceRecord? { places[name].map { records[$0] } }

    func place(of name: String) -> Int? { places[name] }

    /// In the order of the configuration.
    var all: [DeviceRecord] { order.map { records[$0] } }

    func devices(onBus bus: String) -> [DeviceRecord] { ranges[bus].map { Array(records[$0]) } ?? [] }

    /// Ticks when what is known of devices (points, versions, serial numbers) changed.
    func descriptionChanges() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        descriptionListeners.append(continuation)
        return stream
    }

    // MARK: - What drivers report

    func configured(bus: String, _ answer: DriverConfigured) async {
        var changed: [Int] = []
        // Devices of one profile have the same points: one list serves them all.
        var described: (raw: [DriverPointDescription], points: [PointDescriptor])?
        for description in answer.devices {
            guard let place = place(bus: bus, index: description.index) else { continue }
            let name = records[place].name
            let own = answer.diagnostics.first { $0.subject == .device && $0.name == name && $0.severity == .error }
            if described.map({ $0.raw != description.points }) ?? true {
                described = (description.points, DeviceRecord.identified(description.points.map(\.telemetry)))
            }
            records[place].take(
                description, points: described?.points ?? [], fault: own?.message,
                like: changed.last.map { records[$0].normalizer })
            for problem in records[place].normalizer.problems { log.warning("\(problem)") }
            changed.append(place)
        }
        descriptionListeners.forEach { $0.yield() }
        // A changed ratio, a window that cannot begin yet: what the new description brings is told before any value.
        for place in changed { await tick(place, at: clock.now()) }
    }

    /// - Throws: when a point is not there: the driver is broken. What came before it is kept.
    func take(bus: String, _ blocks: [SampleBlock]) async throws(SampleColumnsError) {
        var harvest = Harvest()
        harvest.output.readings.reserveCapacity(blocks.reduce(0) { $0 + $1.samples.count })
        var fault: SampleColumnsError?
        for block in blocks {
            guard let place = place(bus: bus, index: block.device), block.highestPoint < records[place].points.count
            else {
                fault = SampleColumnsError(
                    description:
                        "samples of point \(block.highestPoint) of device \(block.device), which bus \(bus) does not have"
                )
                break
            }
            normalize(block.samples, at: place, into: &harvest)
            // What is told of a device comes after its readings and before those of the next.
            if !harvest.output.events.isEmpty {
                await store(harvest)
                harvest.removeAll()
            }
        }
        await store(harvest)
        if let fault { throw fault }
    }

    /// What was read out of turn.
    func take(_ samples: [Sample], at place: Int) async {
        var harvest = Harvest()
        normalize(samples, at: place, into: &harvest)
        await store(harvest)
    }

    private func normalize(_ samples: [Sample], at place: Int, into harvest: inout Harvest) {
        guard let last = samples.last?.acquired else { return }
        let current = normalizerClock()
        let first = harvest.output.readings.count
        harvest.output.isStateChanged = false
        harvest.output.wantsIdentity = false
        // In place: a copy of the record would copy the state of all its points with every message.
        records[place].normalizer.normalize(samples, clock: current, into: &harvest.output)
        if let newest = samples.last(where: { $0.quality.grade != .bad })?.acquired {
            records[place].lastAnswer = newest
        }
        if records[place].noteIdentity() { descriptionListeners.forEach { $0.yield() } }
        settle(place, at: last, since: first, in: &harvest)
        if let news, news.wants(records[place].name) { news.hear(samples, of: records[place]) }
    }

    func deviceState(bus: String, _ state: DriverDeviceState) async {
        guard let place = place(bus: bus, index: state.device) else { return }
        let before = records[place].condition
        let condition: DeviceRecord.Condition =
            switch state.condition {
            case .online: .online
            case .failing: .failing
            case .offline: .offline
            case .unknown, .UNRECOGNIZED: .unknown
            }
        records[place].condition = condition
        records[place].detail = state.detail
        records[place].requests = state.requests
        records[place].failures = state.failures
        records[place].missedIntervals = state.missedIntervals
        if state.lastAnswerBootNs > 0 {
            records[place].lastAnswer = BootInstant(nanoseconds: Int64(clamping: state.lastAnswerBootNs))
        }
        let name = records[place].name
        let isWatched = news?.watches(name) ?? false
        if isWatched { news?.hear(state, of: records[place]) }
        guard before != condition else { return }
        // The fault rules tell of a lamp that does not answer: they know whether its feeder is on.
        if condition == .offline, !portless.contains(bus), !isWatched {
            await events.raise(
                "device:\(name)", kind: EventKind.deviceOffline, device: name,
                detail: [
                    "bus": .string(bus), "address": .string(records[place].address), "detail": .string(state.detail),
                ])
        } else if condition == .online {
            await events.clear("device:\(name)")
        }
    }

    /// The bus delivers nothing: all its points are bad, once. The bus's own alarm names the devices, so theirs are cleared.
    func gone(bus: String, reason: String) async {
        let now = clock.now()
        for place in ranges[bus] ?? 0..<0 where records[place].condition != .disabled {
            var output = NormalizerOutput()
            output.readings = records[place].normalizer.lost(reason: .communication, at: now)
            records[place].condition = .unknown
            records[place].detail = reason
            await handOver(output, of: place, at: now)
            await events.clear("device:\(records[place].name)", detail: ["because": "bus_down"])
        }
    }

    /// The bus has lost its port: the alarms of its devices give way to the bus's own.
    func portLost(bus: String) async {
        portless.insert(bus)
        for place in ranges[bus] ?? 0..<0 {
            await events.clear("device:\(records[place].name)", detail: ["because": "bus_down"])
        }
    }

    func portBack(bus: String) { portless.remove(bus) }

    // MARK: - Handing over

    /// What goes to the outbox together.
    private struct Harvest {
        var output = NormalizerOutput()
        var states: [String: [UInt8]] = [:]

        mutating func removeAll() {
            output.removeAll()
            states.removeAll()
        }
    }

    /// To the outbox and the event desk; what the normaliser remembers goes into the same transaction.
    func handOver(_ output: NormalizerOutput, of place: Int, at moment: BootInstant) async {
        var harvest = Harvest(output: output)
        settle(place, at: moment, since: 0, in: &harvest)
        await store(harvest)
    }

    /// What the device owes with its readings from `first` on.
    private func settle(_ place: Int, at moment: BootInstant, since first: Int, in harvest: inout Harvest) {
        let output = harvest.output
        if output.isStateChanged || records[place].isStateOwed {
            // An epoch or a closed window that was sent and forgotten would be sent again, differently.
            let isDue =
                records[place].stateGiven.map { moment.duration(since: $0) >= Self.stateInterval } ?? true
                || !output.events.isEmpty || output.readings[first...].contains { $0.period != nil }
            if isDue {
                harvest.states[records[place].name] = stateToGive(place, at: moment)
            } else {
                records[place].isStateOwed = true
            }
        }
        if output.wantsIdentity { askIdentity(of: place, at: moment) }
    }

    private func store(_ harvest: Harvest) async {
        let readings = harvest.output.readings
        if !readings.isEmpty || !harvest.states.isEmpty {
            readingsTaken += UInt64(readings.count)
            // Suspends while the disk is slow: then the driver's pipe fills and its bus slows down; nothing is lost.
            await outbox.append(readings: readings, counterStates: harvest.states)
        }
        if !harvest.output.events.isEmpty { await events.take(harvest.output.events) }
    }

    /// What a device must remember, for its key in the outbox: its name.
    func stateToGive(_ place: Int, at moment: BootInstant) -> [UInt8] {
        records[place].isStateOwed = false
        records[place].stateGiven = moment
        return records[place].normalizer.state
    }

    func normalizerClock() -> NormalizerClock {
        let now = clock.now()
        if let newestClock, now.duration(since: newestClock.asked) < Self.clockInterval { return newestClock.clock }
        let fresh = clock.forNormalization(billingError: billingError)
        newestClock = (now, fresh)
        return fresh
    }

    // MARK: - Names

    private func place(bus: String, index: UInt32) -> Int? {
        guard let range = ranges[bus], index < UInt32(range.count) else { return nil }
        return range.lowerBound + Int(index)
    }

    func name(bus: String, index: UInt32) -> String? { place(bus: bus, index: index).map { records[$0].name } }
}
