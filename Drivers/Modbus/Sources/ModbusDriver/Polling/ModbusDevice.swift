internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// One device as it was configured, and what is known of it since.
struct ModbusDevice {
    /// Before a device that answered once is taken for dead. Three is what the field's own tools use: one broken frame
    /// is noise, three in a row are not.
    static let missesUntilOffline = 3
    /// Pause between two probes of one offline device: a device that comes back within seconds is found within seconds...
    static let firstProbe: Duration = .seconds(1)
    /// ...and a dead one is not asked more often than this.
    static let longestProbe: Duration = .seconds(10)

    private(set) var index: UInt32
    private(set) var name: String
    private(set) var unit: UInt8
    /// Which of the bus's links leads to it.
    private(set) var link: Int
    let profileIdentity: String
    /// Devices with the same number other than 0 have the same points and were never told anything else of them.
    var likeness = 0
    var points: [DevicePoint]
    /// Of the visible points.
    let descriptors: [PointDescriptor]
    /// As the profile or the bus states it; the one in force is ``patience``'s.
    let timeout: Duration
    let pause: Duration

    var plan: RequestPlan
    var decoder: DeviceDecoder
    /// Until the device has said where its registers are.
    var discovery: SunSpecDiscovery? {
        get { discoveries.first }
        set { discoveries = newValue.map { [$0] } ?? [] }
    }
    /// None or one, kept apart: a third of a device's size otherwise, and most have none.
    private var discoveries: [SunSpecDiscovery] = []
    var blocks: [RegisterBlock] = []
    /// Points that must read back like this; written again when the device has lost them.
    var setup: [SetupValue] = []

    /// The check of ``setup`` that is under way.
    var setupRun: SetupRun?
    /// How often each setup value was written since the start, by point.
    var setupWrites: [Int: Int] = [:]
    /// It was said that this is another product.
    var isToldWrong = false

    /// Which of the bus's lanes leads to it.
    var lane = 0
    /// Rises with each new plan, so that what the scheduler holds of an old one is recognised.
    var planNumber = 0
    /// Refused blocks that are being taken apart, by block.
    var bisections: [Int: Bisection] = [:]
    /// Blocks that stay without an answer although the device answers others, by block.
    var silences: [Int: RepeatedSilence] = [:]
    /// It refuses the functions that write one coil or register (5, 6) and takes those that write several (15, 16).
    var writesSeveral = false
    /// Of ``blocks``, the one with the serial number.
    private(set) var identityBlock: Int?
    /// When the serial number was read last, since it came (back) into the round.
    var identityRead: BootInstant?
    /// When points that ride along in another block's request are to be told again.
    private var riderDue: [Int: BootInstant] = [:]

    /// It was asked with a short time-out, for the first time, and did not answer.
    var wasGlancedAt = false
    /// Not asked for the first time before this.
    var firstAsked = BootInstant(nanoseconds: 0)
    var condition = DriverDeviceState.Condition.unknown
    /// Its blocks are in the scheduler's round; otherwise it is asked within the failing devices' share.
    var isInRound = false
    var hasAnswered = false
    var misses = 0
    var requests: UInt64 = 0
    var failures: UInt64 = 0
    var lastAnswer: BootInstant?
    var lastFailure = ""
    /// Out of the round since then.
    var awaySince: BootInstant?
    /// Without a failure since then, after one.
    var wellSince: BootInstant?
    var probe = Backoff(first: firstProbe, longest: longestProbe)
    var patience = Patience(floor: nil, ceiling: .milliseconds(500))
    var meter = DeviceMeter()

    init(
        index: UInt32, name: String, unit: UInt8, link: Int, profileIdentity: String, points: [DevicePoint],
        descriptors: [PointDescriptor], timeout: Duration, pause: Duration, plan: RequestPlan, decoder: DeviceDecoder,
        discovery: SunSpecDiscovery? = nil
    ) {
        self.index = index
        self.name = name
        self.unit = unit
        self.link = link
        self.profileIdentity = profileIdentity
        self.points = points
        self.descriptors = descriptors
        self.timeout = timeout
        self.pause = pause
        self.plan = plan
        self.decoder = decoder
        self.discovery = discovery
        lane = link
    }

    /// A device that was never asked, as this one, at another place. Points, plan and decoder are kept once for both.
    func twin(index: UInt32, name: String, unit: UInt8, link: Int) -> ModbusDevice {
        var twin = self
        (twin.index, twin.name, twin.unit, twin.link, twin.lane) = (index, name, unit, link, link)
        return twin
    }

    var isOffline: Bool { condition == .offline }
    /// Nobody has asked it yet.
    var isNew: Bool { !isInRound && condition == .unknown }
    /// Indices of the points that the runtime knows.
    var visiblePoints: [Int] { points.filter { !$0.isHidden }.map(\.index) }

    /// Fits the device to the bus it is on.
    mutating func prepare(_ options: BusOptions, cost: LinkCost, ringLength: Int) {
        patience = Patience(floor: plan.limits.timeout, ceiling: options.responseTimeout)
        meter.ring = ExchangeRing(capacity: ringLength)
        plan.cost = cost
        plan.pause = pause
        makeBlocks()
    }

    /// As ``prepare(_:cost:ringLength:)``, with the blocks of a device that has the same points and was prepared for the same link.
    mutating func prepare(_ options: BusOptions, like twin: ModbusDevice, ringLength: Int) {
        patience = Patience(floor: plan.limits.timeout, ceiling: options.responseTimeout)
        meter.ring = ExchangeRing(capacity: ringLength)
        plan = twin.plan
        blocks = twin.blocks
        identityBlock = twin.identityBlock
        riderDue = [:]
    }

    mutating func makeBlocks() {
        plan.identity = Set(descriptors.indices.filter { descriptors[$0].isIdentity })
        plan.counters = Set(descriptors.indices.filter { descriptors[$0].kind == .counter })
        blocks = plan.blocks(points)
        identityBlock = blocks.firstIndex { block in block.points.contains { plan.identity.contains($0) } }
        riderDue = [:]
    }

    /// Whether a point of a faster block is to be told at this reading of it.
    mutating func isDue(rider point: Int, of block: RegisterBlock, at moment: BootInstant) -> Bool {
        let interval = points[point].interval
        guard interval > block.interval else { return true }
        // Half a round early is on time: the block does not come to the millisecond.
        if let due = riderDue[point], moment.advanced(by: block.interval / 2) < due { return false }
        riderDue[point] = max(riderDue[point] ?? moment, moment).advanced(by: interval)
        return true
    }

    /// The shortest thing to ask, to see whether anyone is there.
    var probeBlock: RegisterBlock? {
        blocks.min { $0.count < $1.count }.map { block in
            let point = block.points.map { points[$0] }.min { $0.value.width < $1.value.width }
            guard let point else { return block }
            return RegisterBlock(
                table: block.table, address: point.value.address, count: point.value.width, points: [point.index],
                interval: block.interval)
        }
    }

    func state(missed: UInt64) -> DriverDeviceState {
        var state = DriverDeviceState()
        state.device = index
        state.condition = condition
        state.detail = lastFailure
        state.requests = requests
        state.failures = failures
        state.lastAnswerBootNs = UInt64(max(0, lastAnswer?.nanoseconds ?? 0))
        state.missedIntervals = missed
        return state
    }

    func statistics(missed: UInt64) -> DriverDeviceStatistics {
        var statistics = DriverDeviceStatistics()
        let latencies = patience.latencies.percentiles([50, 95, 99]).map { UInt64($0.wholeNanoseconds / 1_000) }
        statistics.device = index
        statistics.requests = requests
        statistics.answers = meter.answers
        statistics.timeouts = meter.timeouts
        statistics.brokenFrames = meter.brokenFrames
        statistics.exceptions = meter.exceptions
        statistics.latencyP50Us = latencies[0]
        statistics.latencyP95Us = latencies[1]
        statistics.latencyP99Us = latencies[2]
        statistics.latencyMaxUs = UInt64(patience.latencies.longest)
        statistics.timeoutUs = UInt64(patience.timeout.wholeNanoseconds / 1_000)
        statistics.missedIntervals = missed
        statistics.busUs = UInt64(max(0, meter.busNanoseconds / 1_000))
        return statistics
    }
}

/// How often a request stayed without an answer, each time after the device had answered another.
struct RepeatedSilence: Sendable {
    var count: Int
    var last: BootInstant?
}

/// A point that the configuration wants at a certain value.
struct SetupValue: Sendable {
    let point: Int
    let value: Value
}
