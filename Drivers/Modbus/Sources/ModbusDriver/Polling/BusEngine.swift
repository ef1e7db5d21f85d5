internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Runs a bus: what is asked next, what an answer or its absence means. All time comes from `clock`, all I/O goes through
/// the links, so that a day on the bus is tested in milliseconds.
final class BusEngine {
    /// State of every device is told this often even when nothing changes.
    static let stateInterval: Duration = .seconds(10)
    /// A port that vanished: an adapter that is re-plugged is back within a second...
    static let firstReopen: Duration = .milliseconds(500)
    /// ...and one that stays away is not looked for more often than this.
    static let longestReopen: Duration = .seconds(5)

    /// A block of a device's plan, in the scheduler.
    struct Slot: Hashable, Sendable {
        let device: Int
        let plan: Int
        let block: Int
    }

    /// What a late answer could be taken for.
    struct LateKey: Hashable {
        let link: Int
        let unit: UInt8
        let function: UInt8
        let length: Int
    }

    let options: BusOptions
    let links: [any ModbusLink]
    let outlet: any DriverOutlet
    let clock: () -> BootInstant
    var devices: [ModbusDevice]
    var scheduler = DeadlineScheduler<Slot>()
    var budget: ProbeBudget
    var meter: BusMeter
    var late: [LateKey: BootInstant] = [:]
    var reopen = Backoff(first: BusEngine.firstReopen, longest: BusEngine.longestReopen)
    var portFailure: String?
    var isTracing = false
    private var nextStates: BootInstant

    init(
        options: BusOptions, links: [any ModbusLink], devices: [ModbusDevice], outlet: any DriverOutlet,
        clock: @escaping () -> BootInstant
    ) {
        self.options = options
        self.links = links
        self.devices = devices
        self.outlet = outlet
        self.clock = clock
        let now = clock()
        budget = ProbeBudget(share: options.sickShare, from: now)
        meter = BusMeter(from: now)
        nextStates = now.advanced(by: Self.stateInterval)
        for device in devices.indices { schedule(device, due: now) }
    }

    /// Registers that were refused in an earlier life are said to be not supported, once.
    func begin() {
        for device in devices.indices {
            tellRefused(device)
            tellState(device)
        }
    }

    // MARK: turns

    /// One exchange at most.
    ///
    /// - Returns: when there is something to do again.
    func turn() -> BootInstant {
        let now = clock()
        if now >= nextStates {
            nextStates = now.advanced(by: Self.stateInterval)
            for device in devices.indices { tellState(device) }
        }
        if portFailure != nil {
            guard reopenPort(at: now) else { return min(reopen.notBefore ?? now, nextStates) }
        }
        if let device = dueProbe(at: now) {
            probe(device)
            return clock()
        }
        // Items that must still wait for a late answer are put off one by one; the number of slots bounds the loop.
        while true {
            switch scheduler.next(at: now) {
            case .run(let slot):
                guard let block = self.block(of: slot) else {
                    scheduler.remove(slot)
                    continue
                }
                let request = self.request(of: slot, block)
                if let guarded = guardedUntil(request, devices[slot.device]), guarded > now {
                    scheduler.postpone(slot, to: guarded)
                    continue
                }
                poll(slot, block, request)
                return clock()
            case .wait(let until):
                let probes = devices.filter(\.isOffline).compactMap(\.probe.notBefore).min().map {
                    max($0, budget.nextProbe)
                }
                return [until, probes, nextStates].compactMap { $0 }.min() ?? nextStates
            }
        }
    }

    private func block(of slot: Slot) -> RegisterBlock? {
        let device = devices[slot.device]
        return slot.plan == device.planNumber && slot.block < device.blocks.count ? device.blocks[slot.block] : nil
    }

    private func request(of slot: Slot, _ block: RegisterBlock) -> RegisterBlock {
        guard let bisection = devices[slot.device].bisections[slot.block] else { return block }
        let device = devices[slot.device]
        let cells = device.cells(of: block)
        return device.block(of: Array(cells[bisection.testing].joined()), like: block)
    }

    private func poll(_ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock) {
        if devices[slot.device].discovery != nil {
            discoverNext(slot)
            return
        }
        let exchange = exchange(part.request, device: slot.device)
        let now = clock()
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(slot.device, exchange, part.request, exception.words)
            retry(slot, at: now)
        case .answer(.exception(let exception)):
            answered(slot.device, at: exchange.ended)
            failed(slot.device, part.request, exception.words)
            if exception.isRefusal {
                refused(slot, block, part)
            } else {
                send(slot.device, part.points.map { ($0, .bad(.deviceReported)) }, at: exchange.ended)
                scheduler.done(slot, at: now, took: exchange.took)
            }
        case .answer(let answer):
            answered(slot.device, at: exchange.ended)
            send(slot.device, devices[slot.device].decoder.decode(answer, part), at: exchange.ended)
            tellFindings(slot.device)
            if devices[slot.device].bisections[slot.block] != nil {
                bisected(slot, block, part, isRefused: false)
            } else {
                recovered(slot.device)
                scheduler.done(slot, at: now, took: exchange.took)
            }
        case .silence, .broken:
            missed(slot.device, exchange, part.request, reason(exchange, devices[slot.device]))
            retry(slot, at: now)
        case .gone(let reason):
            gone(slot.device, exchange, part.request, reason)
            retry(slot, at: now)
        }
    }

    /// A step of the walk through a device that says itself what it has where.
    private func discoverNext(_ slot: Slot) {
        guard let (request, exchange) = discover(slot.device) else { return }
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(slot.device, exchange, request, exception.words)
            retry(slot, at: clock())
        case .answer:
            answered(slot.device, at: exchange.ended)
            scheduler.postpone(slot, to: clock())
        case .silence, .broken:
            missed(slot.device, exchange, request, reason(exchange, devices[slot.device]))
            retry(slot, at: clock())
        case .gone(let what):
            gone(slot.device, exchange, request, what)
            retry(slot, at: clock())
        }
    }

    /// Within the same interval: a broken frame must not cost a reading.
    private func retry(_ slot: Slot, at now: BootInstant) {
        if !devices[slot.device].isOffline { scheduler.postpone(slot, to: now.advanced(by: options.late)) }
    }

    // MARK: the line

    /// One exchange with a device, with everything that is counted and told about it.
    func exchange(_ request: ModbusRequest, device index: Int, pause: Duration = .zero) -> Exchange {
        let device = devices[index]
        let link = links[device.link]
        let wasOpen = link.isOpen
        let rest = max(pause, device.pause)
        var exchange = link.exchange(request, unit: device.unit, timeout: device.timeout, pause: rest)
        if case .gone = exchange.outcome, link.survivesLateAnswers, wasOpen {
            // Many devices close a connection that was idle: that is no failure until a new one fails too.
            exchange = link.exchange(request, unit: device.unit, timeout: device.timeout, pause: rest)
        }
        devices[index].requests += 1
        let isSick: Bool
        switch exchange.outcome {
        case .answer: isSick = false
        case .silence, .broken, .gone: isSick = true
        }
        if isSick, !link.survivesLateAnswers {
            late[lateKey(request, device)] = exchange.ended.advanced(by: options.late)
        }
        meter.count(
            exchange, wire: link.wireTime(bytes: exchange.sent.count + exchange.received.count + 2), isSick: isSick)
        if isTracing { trace(exchange, request, device) }
        return exchange
    }

    func lateKey(_ request: ModbusRequest, _ device: ModbusDevice) -> LateKey {
        LateKey(
            link: device.link, unit: device.unit, function: request.function, length: request.answerLength)
    }

    /// Until when a late answer could be taken for that to `block`'s request.
    func guardedUntil(_ block: RegisterBlock, _ device: ModbusDevice) -> BootInstant? {
        late[lateKey(block.request, device)]
    }

    private func reopenPort(at now: BootInstant) -> Bool {
        guard reopen.isDue(at: now) else { return false }
        do {
            try links[0].open()
        } catch {
            reopen.failed(at: clock())
            portFailure = error.message
            return false
        }
        outlet.log("\(links[0].title): open again")
        portFailure = nil
        reopen.succeeded()
        for device in devices.indices where devices[device].isOffline {
            // They were never asked; each gets its chance at once.
            devices[device].condition = .unknown
            devices[device].misses = 0
            release(device, at: now)
        }
        return true
    }

    /// The line itself is gone. On a serial line that is one event for all its devices.
    func gone(_ index: Int, _ exchange: Exchange, _ request: ModbusRequest, _ reason: String) {
        guard !links[devices[index].link].survivesLateAnswers, case .some = serialLink else {
            missed(index, exchange, request, reason)
            return
        }
        guard portFailure == nil else { return }
        outlet.log("\(reason); trying to open it again")
        portFailure = reason
        reopen.failed(at: clock())
        for device in devices.indices {
            devices[device].lastFailure = reason
            if !devices[device].isOffline { goOffline(device, at: exchange.ended) }
        }
    }

    private var serialLink: (any ModbusLink)? { links.count == 1 && links[0].silence > .zero ? links[0] : nil }

    // MARK: probes

    private func dueProbe(at now: BootInstant) -> Int? {
        guard budget.isDue(at: now) else { return nil }
        return devices.indices.filter {
            devices[$0].isOffline && devices[$0].probe.isDue(at: now)
        }.min {
            (devices[$0].probe.notBefore?.nanoseconds ?? 0) < (devices[$1].probe.notBefore?.nanoseconds ?? 0)
        }
    }

    private func probe(_ index: Int) {
        guard let block = devices[index].probeBlock else {
            devices[index].probe.failed(at: clock())
            return
        }
        let exchange = exchange(block.request, device: index)
        budget.spent(exchange.took, endingAt: clock())
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            failed(index, block.request, exception.words)
            devices[index].probe.failed(at: clock())
        case .answer:
            answered(index, at: exchange.ended)
        case .silence, .broken:
            failed(index, block.request, reason(exchange, devices[index]))
            devices[index].probe.failed(at: clock())
        case .gone(let reason):
            failed(index, block.request, reason)
            devices[index].probe.failed(at: clock())
            gone(index, exchange, block.request, reason)
        }
    }
}
