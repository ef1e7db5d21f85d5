internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Decides for a bus: what is asked next on each lane, what an answer or its absence means. Does no I/O and knows no
/// clock but the one handed in, so that a day on the bus is tested in milliseconds. Around it stands a shell that makes the exchanges: a
/// blocking one for a serial line (BusEngine+line), one over sockets for hosts (NetworkShell).
final class BusEngine {
    /// State of every device is told this often even when nothing changes.
    static let stateInterval: Duration = .seconds(10)
    /// A port that vanished: an adapter that is re-plugged is back within a second...
    static let firstReopen: Duration = .milliseconds(500)
    /// ...and one that stays away is not looked for more often than this.
    static let longestReopen: Duration = .seconds(5)
    /// A host that refuses a connection is left alone for so long at most.
    static let longestReconnect: Duration = .seconds(10)
    /// Failing devices may use so many time-outs at once after a healthy time: the second and the third try of one device.
    static let reserveTimeouts = 2

    /// First requests to hosts are spread over this.
    static let longestSpread: Duration = .seconds(1)

    private struct Likeness: Hashable {
        let number: Int
        let cost: LinkCost
    }

    /// A block of a device's plan, in the scheduler.
    struct Slot: Hashable, Sendable {
        let device: Int
        let plan: Int
        let block: Int
    }

    let options: BusOptions
    /// The blocking link of a serial bus; nil for hosts.
    let line: (any ModbusLink)?
    let outlet: any DriverOutlet
    let clock: () -> BootInstant
    var lanes: [BusLane]
    var devices: [ModbusDevice]
    var scheduler = DeadlineScheduler<Slot>()
    var meter: BusMeter
    var ring = ExchangeRing(capacity: ExchangeRing.ofBus)
    /// The serial port is gone: why.
    var portFailure: String?
    var isTracing = false
    /// Nothing is written by itself.
    var isReadOnly = false
    /// Polling rests, because a task has the line for itself.
    var isSuspended = false
    /// Carries an errand's exchange to where it is made: at once on a line, later on a connection.
    var carry: ((Work) -> Void)?
    var nextStates: BootInstant
    private var utcMinusBoot: Int64?

    /// A bus on one blocking link.
    convenience init(
        options: BusOptions, links: [any ModbusLink], devices: [ModbusDevice], outlet: any DriverOutlet,
        clock: @escaping () -> BootInstant
    ) {
        let now = clock()
        let lanes = links.map { link in
            BusLane(
                title: link.title,
                cost: LinkCost(byte: link.wireTime(bytes: 1), overhead: link.silence + options.turnaround),
                knowsLateAnswers: link.survivesLateAnswers, isConnection: false,
                budget: Self.budget(options, from: now),
                reopen: Backoff(first: Self.firstReopen, longest: Self.longestReopen))
        }
        self.init(
            options: options, line: links.first, lanes: lanes, devices: devices, outlet: outlet, clock: clock)
    }

    /// - Parameter lanes: of hosts, when there is no line; a device's `lane` counts in them.
    init(
        options: BusOptions, line: (any ModbusLink)?, lanes: [BusLane], devices: [ModbusDevice],
        outlet: any DriverOutlet, clock: @escaping () -> BootInstant
    ) {
        self.options = options
        self.line = line
        self.lanes = lanes
        self.devices = devices
        self.outlet = outlet
        self.clock = clock
        let now = clock()
        meter = BusMeter(from: now, lanes: lanes.count)
        nextStates = now.advanced(by: Self.stateInterval)
        let ringLength = devices.count > ExchangeRing.many ? ExchangeRing.ofOneOfMany : ExchangeRing.ofDevice
        var prepared: [Likeness: Int] = [:]
        for index in devices.indices {
            let cost = lanes[devices[index].lane].cost
            let likeness = Likeness(number: devices[index].likeness, cost: cost)
            if devices[index].likeness > 0, let twin = prepared[likeness] {
                self.devices[index].prepare(options, like: self.devices[twin], ringLength: ringLength)
            } else {
                self.devices[index].prepare(options, cost: cost, ringLength: ringLength)
                prepared[likeness] = index
            }
            self.lanes[devices[index].lane].devices.append(index)
            self.lanes[devices[index].lane].unwell += 1
            if lanes[devices[index].lane].isConnection {
                // A thousand hosts are not all asked in the same instant, now and each second from now.
                let spread = min(Self.longestSpread, self.devices[index].blocks.first?.interval ?? .zero)
                let part = spread.wholeNanoseconds / Int64(devices.count) * Int64(index)
                self.devices[index].firstAsked = now.advanced(by: .nanoseconds(part))
            }
            schedule(index, due: now)
            for slot in slots(of: index) { scheduler.hold(slot) }
        }
    }

    static func budget(_ options: BusOptions, from now: BootInstant) -> ProbeBudget {
        ProbeBudget(share: options.sickShare, reserve: options.responseTimeout * reserveTimeouts, from: now)
    }

    /// Registers that were refused in an earlier life are said to be not supported, once.
    func begin() {
        for device in devices.indices {
            tellRefused(device)
            tellState(device)
        }
    }

    /// Where UTC stands; nil while it is not trusted.
    func setClock(utcMinusBoot: Int64?) {
        self.utcMinusBoot = utcMinusBoot
        scheduler.align(utcMinusBoot: utcMinusBoot, at: clock())
    }

    /// Devices in the normal round.
    var onlineDevices: Int { devices.count - lanes.reduce(0) { $0 + $1.unwell } }

    /// Tells the state of all devices when it is time.
    func tellStatesIfDue(at now: BootInstant) {
        guard now >= nextStates else { return }
        nextStates = now.advanced(by: Self.stateInterval)
        for device in devices.indices { tellState(device) }
    }

    // MARK: what comes next

    /// What a lane that is free does now: what a person waits for, readings of a quarter hour, a failing device within its share, the
    /// nearest deadline.
    func next(lane: Int, at now: BootInstant) -> LaneDecision {
        if let errand = nextErrand(lane, at: now) { return .exchange(errand) }
        var wake = lanes[lane].errands.compactMap { lanes[lane].guardedUntil($0.request, unit: $0.unit) }.min()
        if isSuspended { return .wait(until: wake) }
        if lanes[lane].isConnection, let notBefore = lanes[lane].reopen.notBefore, notBefore > now {
            return .wait(until: min(wake ?? notBefore, notBefore))
        }
        let scheduled = scheduledWork(lane, at: now)
        if case .exchange(let work) = scheduled, isBoundary(work) { return scheduled }
        if lanes[lane].unwell > 0 {
            if let work = probeWork(lane, at: now) { return .exchange(work) }
            if case .wait = scheduled, let work = firstContact(lane, at: now) { return .exchange(work) }
            wake = [wake, nextProbe(lane, at: now)].compactMap { $0 }.min()
        }
        if !lanes[lane].setups.isEmpty, let work = setupWork(lane, at: now) { return .exchange(work) }
        // On a lane of many, the scheduler itself says which lane something became due on.
        guard case .wait(let until) = scheduled else { return scheduled }
        return .wait(until: lanes[lane].isConnection ? wake : [until, wake].compactMap { $0 }.min())
    }

    private func nextErrand(_ lane: Int, at now: BootInstant) -> Work? {
        guard !lanes[lane].errands.isEmpty else { return nil }
        // A late answer to the same question is waited for first.
        guard
            let place = lanes[lane].errands.firstIndex(where: {
                (lanes[lane].guardedUntil($0.request, unit: $0.unit) ?? now) <= now
            })
        else { return nil }
        return lanes[lane].errands.remove(at: place)
    }

    private func scheduledWork(_ lane: Int, at now: BootInstant) -> LaneDecision {
        // Items that must still wait for a late answer are put off one by one; the number of slots bounds the loop.
        while true {
            switch scheduler.next(at: now, lane: lane) {
            case .run(let slot):
                guard block(of: slot) != nil else {
                    scheduler.remove(slot)
                    continue
                }
                var work: Work?
                if devices[slot.device].discovery != nil {
                    // The walk's end makes a new plan, and this slot is none of it.
                    guard let request = discoveryRequest(slot.device) else { continue }
                    work = self.work(slot.device, request, .discover(slot))
                } else {
                    work = pollWork(identityFirst(slot, at: now))
                }
                guard let work else { return .wait(until: now) }
                if let guarded = lanes[lane].guardedUntil(work.request, unit: work.unit), guarded > now {
                    scheduler.postpone(slot, to: guarded)
                    continue
                }
                return .exchange(work)
            case .wait(let until): return .wait(until: until)
            }
        }
    }

    func pollWork(_ slot: Slot) -> Work? {
        guard let block = block(of: slot) else { return nil }
        var part = block
        if let bisection = devices[slot.device].bisections[slot.block] {
            let cells = devices[slot.device].cells(of: block)
            part = devices[slot.device].block(of: Array(cells[bisection.testing].joined()), like: block)
        }
        return work(slot.device, part.request, .poll(slot, block: block, part: part))
    }

    /// A request of the bus's own to a device, with the time-out that is in force for it.
    func work(
        _ index: Int, _ request: ModbusRequest, _ purpose: Work.Purpose, timeout: Duration? = nil
    ) -> Work {
        // Field by field: a copy of the whole device would retain and release all that it holds, at each request.
        Work(
            lane: devices[index].lane, device: index, unit: devices[index].unit, request: request,
            timeout: timeout ?? devices[index].patience.timeout, pause: devices[index].pause, purpose: purpose)
    }

    func block(of slot: Slot) -> RegisterBlock? {
        guard slot.plan == devices[slot.device].planNumber, slot.block < devices[slot.device].blocks.count else {
            return nil
        }
        return devices[slot.device].blocks[slot.block]
    }

    private func isBoundary(_ work: Work) -> Bool {
        if case .poll(_, let block, _) = work.purpose { block.isBoundary } else { false }
    }

    /// The slot that reads who the device is, when that must be known before what `slot` reads counts: a counter's step back is judged by it.
    private func identityFirst(_ slot: Slot, at now: BootInstant) -> Slot {
        guard let identity = devices[slot.device].identityBlock, identity != slot.block,
            devices[slot.device].blocks[slot.block].hasCounter
        else { return slot }
        let oldest = max(BusTimes.identityAge, devices[slot.device].blocks[slot.block].interval)
        if let read = devices[slot.device].identityRead, now.duration(since: read) <= oldest { return slot }
        return Slot(device: slot.device, plan: slot.plan, block: identity)
    }

    // MARK: what came of it

    /// Takes the result of an exchange that ``next(lane:at:)`` asked for.
    func completed(_ work: Work, _ exchange: Exchange) {
        account(work, exchange)
        switch work.purpose {
        case .errand(let done): done(exchange)
        case .discover(let slot): discovered(slot, exchange, work)
        case .setup: if let device = work.device { setUp(device, exchange, work) }
        case .probe(let block, let slot):
            guard let device = work.device else { return }
            probed(device, block, slot, exchange, work)
        case .poll(let slot, let block, let part): polled(slot, block, part, exchange, work)
        }
    }

    private func polled(
        _ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock, _ exchange: Exchange, _ work: Work
    ) {
        // Replanned or taken for dead while the answer was under way: what it says of the device still counts.
        let isCurrent = self.block(of: slot) == block
        let index = slot.device
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(index, exchange, work, exception.words)
            retry(slot, exchange)
        case .answer(.exception(let exception)):
            answered(index, at: exchange.ended)
            failed(index, work.request, exception.words)
            if exception.isRefusal {
                if isCurrent { refused(slot, block, part, exception) }
            } else {
                let visible = part.points.filter { !devices[index].points[$0].isHidden }
                send(index, visible.map { ($0, .bad(.deviceReported)) }, at: exchange.ended)
                scheduler.done(slot, at: exchange.ended, took: exchange.took)
            }
        case .answer(let answer):
            answered(index, at: exchange.ended)
            devices[index].silences[slot.block] = nil
            deliver(index, answer, part, at: exchange.ended)
            if isCurrent, devices[index].bisections[slot.block] != nil {
                bisected(slot, block, part, isRefused: false)
            } else {
                recovered(index)
                scheduler.done(slot, at: exchange.ended, took: exchange.took)
            }
        case .silence, .broken:
            let isShrunk = exchange.outcome == .silence && isCurrent && unanswered(slot, block, part, exchange)
            missed(index, exchange, work, reason(exchange, work))
            if !isShrunk { retry(slot, exchange) }
        case .gone(let reason):
            gone(index, exchange, work, reason)
            retry(slot, exchange)
        }
    }

    /// Decodes what a block brought; points that ride along are told when they are due themselves.
    func deliver(_ index: Int, _ answer: ModbusAnswer, _ part: RegisterBlock, at moment: BootInstant) {
        if let identity = devices[index].identityBlock, devices[index].blocks[identity].points == part.points {
            devices[index].identityRead = moment
        }
        var values = devices[index].decoder.decode(answer, part)
        if part.hasRiders { values.removeAll { !devices[index].isDue(rider: $0.point, of: part, at: moment) } }
        send(index, values, at: moment)
        tellFindings(index)
    }

    /// Within the same interval: a broken frame must not cost a reading.
    func retry(_ slot: Slot, _ exchange: Exchange) {
        guard devices[slot.device].isInRound else { return }
        let wait = lanes[devices[slot.device].lane].isConnection ? .zero : options.late
        scheduler.postpone(slot, to: exchange.ended.advanced(by: wait))
    }

    /// Everything that is counted and told about an exchange.
    private func account(_ work: Work, _ exchange: Exchange) {
        let isSick: Bool
        switch exchange.outcome {
        case .answer(.exception(let exception)): isSick = exception.isGatewayTimeout
        case .answer: isSick = false
        case .silence, .broken, .gone: isSick = true
        }
        lanes[work.lane].lastEnded = exchange.ended
        if isSick {
            if !lanes[work.lane].knowsLateAnswers { guardAgainstLate(work, exchange) }
            if case .errand = work.purpose {
            } else {
                lanes[work.lane].budget.spent(exchange.took, endingAt: exchange.ended)
            }
        }
        let wire = lanes[work.lane].cost.time(bytes: exchange.sent.count + exchange.received.count)
        meter.count(exchange, wire: wire, isSick: isSick)
        let entry = ExchangeRing.Entry(
            device: work.device.map { devices[$0].index }, unit: work.unit, request: work.request, exchange: exchange)
        ring.append(entry)
        if let index = work.device {
            devices[index].requests += 1
            devices[index].meter.count(exchange)
            devices[index].meter.ring.append(entry)
            if case .answer = exchange.outcome, !isSick {
                let latency = exchange.latency ?? max(.zero, exchange.took - exchange.silent - wire)
                devices[index].patience.answered(after: latency)
                lanes[work.lane].slowestAnswer = max(lanes[work.lane].slowestAnswer, latency)
            } else {
                devices[index].patience.missed()
            }
            freezeRing(index, exchange)
        }
        if isTracing { trace(exchange, work) }
    }

    /// The time-out may be shorter than the longest time that the device could take: its answer may still come for as long.
    private func guardAgainstLate(_ work: Work, _ exchange: Exchange) {
        let ceiling = work.device.map { devices[$0].patience.ceiling } ?? options.responseTimeout
        let rest = max(.zero, ceiling - work.timeout)
        let now = exchange.ended
        if lanes[work.lane].late.count > 32 { lanes[work.lane].late = lanes[work.lane].late.filter { $0.value > now } }
        lanes[work.lane].late[BusLane.key(work.request, work.unit)] = now.advanced(by: rest + options.late)
    }

    /// The first failure is what someone wants to see afterwards, not the thousandth.
    private func freezeRing(_ index: Int, _ exchange: Exchange) {
        let isFailure: Bool
        switch exchange.outcome {
        case .answer(.exception), .silence, .broken, .gone: isFailure = true
        case .answer: isFailure = false
        }
        if isFailure {
            devices[index].wellSince = nil
            if devices[index].meter.frozen == nil {
                devices[index].meter.frozen = FrozenRing(
                    exchanges: devices[index].meter.ring.all, since: exchange.ended)
            }
        } else if devices[index].meter.frozen != nil {
            let since = devices[index].wellSince ?? exchange.ended
            devices[index].wellSince = since
            if exchange.ended.duration(since: since) >= BusTimes.frozenUntilWellFor {
                devices[index].meter.frozen = nil
            }
        }
    }
}

/// Times that rule how a bus is worked.
enum BusTimes {
    /// Devices that did not answer their first question before the next ones are only glanced at: two are no accident.
    static let missesUntilGlances = 2
    /// The serial number is read again before counters when the last reading of it is older than this: a meter is exchanged in minutes.
    static let identityAge: Duration = .seconds(60)
    /// A long request that stayed without an answer so many times, each time after the device had answered a shorter one, is too long for it. A
    /// noisy line loses one in ten at worst, so that a wrong guess is a matter of years.
    static let silencesUntilShrink = 6
    /// A ring that was frozen at a failure is let go when the device has been well for so long.
    static let frozenUntilWellFor: Duration = .seconds(60)
}
