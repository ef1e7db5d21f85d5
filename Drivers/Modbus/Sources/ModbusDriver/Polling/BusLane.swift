internal import DriverKit
internal import Telemetry

/// One way on which one exchange happens at a time: a serial line, or a connection to a host. Trouble on a lane costs the other lanes nothing.
struct BusLane {
    /// What a late answer could be taken for.
    struct LateKey: Hashable {
        let unit: UInt8
        let function: UInt8
        let length: Int
    }

    /// For people: "/dev/ttyUSB0 9600 8E1", "192.0.2.17:502".
    let title: String
    let cost: LinkCost
    /// An answer says to which request it belongs (Modbus TCP): a late one cannot be taken for another.
    let knowsLateAnswers: Bool
    /// A connection to a host: nothing at all without one, so what fails to connect takes all its devices along.
    let isConnection: Bool

    var devices: [Int] = []
    /// Devices whose setup is being checked.
    var setups: Set<Int> = []
    /// First contacts with the whole time-out that nobody answered.
    var missedFirstContacts = 0
    /// The longest that an answer took.
    var slowestAnswer: Duration = .zero
    /// Of its devices, those that are not in the normal round.
    var unwell = 0
    var budget: ProbeBudget
    /// Until when a late answer to such a request could come.
    var late: [LateKey: BootInstant] = [:]
    /// Exchanges that a person or a task waits for.
    var errands: [Work] = []
    /// A connection that cannot be made is tried again only after this.
    var reopen: Backoff
    /// End of the last exchange.
    var lastEnded = BootInstant(nanoseconds: 0)

    init(
        title: String, cost: LinkCost, knowsLateAnswers: Bool, isConnection: Bool, budget: ProbeBudget, reopen: Backoff
    ) {
        self.title = title
        self.cost = cost
        self.knowsLateAnswers = knowsLateAnswers
        self.isConnection = isConnection
        self.budget = budget
        self.reopen = reopen
    }

    /// A connection to a host.
    init(host: HostAddress, framing: NetworkFraming, _ options: BusOptions, from now: BootInstant) {
        self.init(
            title: framing == .rtu ? "\(host) (RTU over TCP)" : "\(host)", cost: .network,
            knowsLateAnswers: framing == .tcp, isConnection: true, budget: BusEngine.budget(options, from: now),
            reopen: Backoff(first: BusEngine.firstReopen, longest: BusEngine.longestReconnect))
    }

    func guardedUntil(_ request: ModbusRequest, unit: UInt8) -> BootInstant? {
        late.isEmpty ? nil : late[Self.key(request, unit)]
    }

    static func key(_ request: ModbusRequest, _ unit: UInt8) -> LateKey {
        LateKey(unit: unit, function: request.function, length: request.answerLength)
    }
}

/// One exchange that is to be made, and what for.
struct Work {
    enum Purpose {
        /// A block of a device's plan; `part` of it while a refused block is taken apart.
        case poll(BusEngine.Slot, block: RegisterBlock, part: RegisterBlock)
        /// Is anyone there? With the slot whose block this is when the answer is as good as a poll.
        case probe(RegisterBlock, BusEngine.Slot?)
        /// A setup value is read or written.
        case setup
        /// The device says itself what it has where.
        case discover(BusEngine.Slot)
        /// Someone waits for it.
        case errand((Exchange) -> Void)
    }

    let lane: Int
    /// Position in the engine's devices; nil for a unit that is none of them.
    let device: Int?
    let unit: UInt8
    let request: ModbusRequest
    let timeout: Duration
    let pause: Duration
    let purpose: Purpose
}

/// What a lane is to do now.
enum LaneDecision {
    case exchange(Work)
    /// Nothing before this moment, as far as the lane alone knows; nil: nothing.
    case wait(until: BootInstant?)
}
