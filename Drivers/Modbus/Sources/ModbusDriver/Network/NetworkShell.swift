internal import DriverKit
internal import Telemetry

/// Makes the exchanges of a bus of hosts: one thread, any number of connections, and a silent host stops nobody.
final class NetworkShell {
    /// Requests that are due within this are sent together: a thousand hosts asked once a second are a hundred wake-ups, not a thousand.
    static let tick: Duration = .milliseconds(10)
    /// The longest answer is 260 bytes; a host that sends more at once is read in pieces.
    static let bufferLength = 4_096

    let engine: BusEngine
    let poller: EventPoller
    private(set) var connections: [HostConnection] = []
    private var buffer = [UInt8](repeating: 0, count: bufferLength)
    private var timers = MomentHeap<Int>()
    /// Which timer of a connection counts; all earlier ones were set aside.
    private var timerOf: [UInt64] = []
    /// Lanes that may wait for a name to be resolved.
    private var resolving: Set<Int> = []
    /// Lanes to hosts that no device names, made for a task.
    private var guests: [HostAddress: Int] = [:]
    private var timerCount: UInt64 = 0

    /// - Parameter connections: in the order of the engine's lanes.
    init(engine: BusEngine, poller: EventPoller, connections: [HostConnection]) {
        self.engine = engine
        self.poller = poller
        for connection in connections { add(connection) }
        engine.carry = { [weak self] work in
            guard let self else { return }
            self.dispatch(work.lane, at: engine.clock())
        }
    }

    private func add(_ connection: HostConnection) {
        connections.append(connection)
        timerOf.append(0)
        connection.onDone = { [weak self] in self?.done($0, $1) }
        connection.onStray = { [weak engine] in engine?.meter.count($0) }
    }

    /// The lane to a host, made anew where no device is behind it.
    func lane(to host: HostAddress, framing: NetworkFraming, onResolved: @escaping @Sendable () -> Void) -> Int {
        if let known = connections.first(where: { $0.host == host && $0.framing == framing }) { return known.lane }
        let lane = engine.lanes.count
        engine.lanes.append(BusLane(host: host, framing: framing, engine.options, from: engine.clock()))
        add(HostConnection(lane: lane, host: host, framing: framing, poller: poller, onResolved: onResolved))
        guests[host] = lane
        return lane
    }

    /// Connections that were made for a task are closed with it.
    func closeGuests() {
        for lane in guests.values where !connections[lane].isBusy { connections[lane].close() }
    }

    /// Makes one exchange while everything else goes on; returns when it is through.
    func exchange(_ make: (@escaping (Exchange) -> Void) -> Work) -> Exchange {
        var result: Exchange?
        engine.start(make { result = $0 })
        while true {
            if let result { return result }
            let next = turn()
            if result == nil { _ = poller.wait(until: next) }
            lookAtNames()
        }
    }

    var openConnections: Int { connections.reduce(0) { $0 + ($1.isOpen ? 1 : 0) } }

    /// Begins: every lane gets its first look.
    func start() {
        let now = engine.clock()
        for lane in connections.indices { dispatch(lane, at: now) }
    }

    /// Handles everything that has happened and sends everything that is due.
    ///
    /// - Returns: when there is something to do again, if nothing happens before.
    func turn() -> BootInstant {
        let events = poller.takeEvents()
        // Answers first: one that lies in the kernel since before its deadline is in time.
        var now = engine.clock()
        for event in events {
            connections[event.token].happened(event, buffer: &buffer, at: now)
            arm(event.token, at: now)
        }
        if !events.isEmpty { now = engine.clock() }
        engine.tellStatesIfDue(at: now)
        while let top = timers.first, top.moment <= now {
            timers.removeFirst()
            let lane = top.item
            guard timerOf[lane] == top.generation else { continue }
            timerOf[lane] = 0
            if connections[lane].isResolving { connections[lane].resolved(at: now) }
            if let deadline = connections[lane].deadline, deadline <= now { connections[lane].timeIsOver(at: now) }
            dispatch(lane, at: now)
        }
        for lane in engine.scheduler.takeWoken(at: now) { dispatch(lane, at: now) }
        return wake(at: now)
    }

    /// Names that were asked for may have been found.
    func lookAtNames() {
        // Asked at each turn: of a thousand hosts with numbers for addresses none is in it.
        guard !resolving.isEmpty else { return }
        let now = engine.clock()
        let lanes = resolving
        resolving = []
        for lane in lanes where connections[lane].isResolving {
            connections[lane].resolved(at: now)
            arm(lane, at: now)
        }
    }

    private func wake(at now: BootInstant) -> BootInstant {
        var next = engine.nextStates
        if let due = engine.scheduler.nextDue {
            // Rounded up to the tick.
            let tick = Self.tick.wholeNanoseconds
            next = min(next, BootInstant(nanoseconds: (due.nanoseconds / tick + 1) * tick))
        }
        while let timer = timers.first, timerOf[timer.item] != timer.generation { timers.removeFirst() }
        if let timer = timers.first { next = min(next, timer.moment) }
        return next
    }

    private func done(_ work: Work, _ exchange: Exchange) {
        if engine.lanes[work.lane].isConnection {
            switch exchange.outcome {
            case .answer, .silence, .broken: engine.connected(work.lane)
            case .gone: break
            }
        }
        engine.completed(work, exchange)
        dispatch(work.lane, at: exchange.ended)
    }

    /// Gives a free lane its next request.
    private func dispatch(_ lane: Int, at now: BootInstant) {
        let connection = connections[lane]
        guard !connection.isBusy else {
            arm(lane, at: now)
            return
        }
        switch engine.next(lane: lane, at: now) {
        case .exchange(let work):
            connection.begin(
                work, at: now, notBefore: engine.lanes[lane].lastEnded.advanced(by: work.pause))
            arm(lane, at: now)
        case .wait(let until):
            timerOf[lane] = 0
            if let until { set(timer: max(until, now), lane) }
        }
    }

    /// Sets the lane's timer to its connection's deadline.
    private func arm(_ lane: Int, at now: BootInstant) {
        if connections[lane].isResolving { resolving.insert(lane) }
        if let deadline = connections[lane].deadline { set(timer: deadline, lane) }
    }

    private func set(timer moment: BootInstant, _ lane: Int) {
        timerCount += 1
        timerOf[lane] = timerCount
        timers.insert(Moment(moment: moment, item: lane, generation: timerCount))
    }

    func close() {
        let now = engine.clock()
        engine.isSuspended = true
        engine.dismissErrands()
        for connection in connections { connection.dismiss(at: now) }
    }
}
