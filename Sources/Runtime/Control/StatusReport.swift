import Configuration
import ControlProtocol
import DriverProtocol
import Lighting
import Normalization
import Outbox
import Supervision
import Telemetry
import Uplinks

/// Everything that `status`, `devices`, `queue` and `top` show.
actor StatusReport {
    private let configuration: GatewayConfiguration
    private let disabled: [DisabledPart]
    private let note: String
    private let warnings: [String]
    private let devices: DeviceTable
    private let buses: BusDesk
    private let night: NightShift
    private let events: EventDesk
    private let outbox: Outbox
    private nonisolated let clock: GatewayClock
    private let started: BootInstant
    private let outboxPath: String
    private var uplinks: [AssembledUplink] = []
    /// Counts of readings at moments of the last seconds, oldest first.
    private var counts: [(at: BootInstant, count: UInt64)] = []
    /// Readings come in bursts, one per round of a bus: the rate is that of this span.
    private static let rateSpan: Duration = .seconds(15)

    init(
        configuration: GatewayConfiguration, disabled: [DisabledPart], note: String, warnings: [String],
        devices: DeviceTable, buses: BusDesk, night: NightShift, events: EventDesk, outbox: Outbox,
        clock: GatewayClock, started: BootInstant, outboxPath: String
    ) {
        self.configuration = configuration
        self.disabled = disabled
        self.note = note
        self.warnings = warnings
        self.devices = devices
        self.buses = buses
        self.night = night
        self.events = events
        self.outbox = outbox
        self.clock = clock
        self.started = started
        self.outboxPath = outboxPath
        counts = [(started, 0)]
    }

    /// Requests and failures of all devices, once a minute, the oldest a quarter of an hour back.
    private var counters: [(at: BootInstant, devices: [String: (requests: UInt64, failures: UInt64)])] = []
    private static let counterInterval: Duration = .seconds(60)
    private static let counterSpan: Duration = .seconds(900)

    /// Called now and then; keeps the counters from which recent error rates are made.
    func noteCounters() async {
        let now = clock.now()
        if let last = counters.last, now.duration(since: last.at) < Self.counterInterval { return }
        let records = await devices.all
        counters.append(
            (
                now,
                Dictionary(
                    records.map { ($0.name, ($0.requests, $0.failures)) }, uniquingKeysWith: { first, _ in first })
            ))
        while counters.count > 1, now.duration(since: counters[1].at) >= Self.counterSpan { counters.removeFirst() }
    }

    func use(_ uplinks: [AssembledUplink]) { self.uplinks = uplinks }

    func status() async -> ControlStatus {
        let now = clock.now()
        let clockStatus = clock.status()
        var status = ControlStatus()
        status.gateway = configuration.id
        status.version = CandelaVersion.current
        status.boot = clock.boot
        status.started = clock.wall(started).description
        status.uptimeS = UInt64(max(0, now.duration(since: started).components.seconds))
        status.clock = clockStatus.quality.name
        status.clockSource = clockStatus.source
        status.clockErrorMs = clockStatus.error?.wholeMilliseconds ?? -1
        status.readOnly = configuration.isReadOnly
        status.configurationNote = note
        status.warnings = warnings
        status.locks = lockMessages()
        status.notes = NightShift.notes(of: configuration)
        let alarms = await events.alarms
        status.alarms = alarms.map { alarm in
            var made = ControlAlarm()
            made.id = alarm.event.id
            made.kind = alarm.event.kind
            made.device = alarm.event.device ?? ""
            made.severity = alarm.event.severity.name
            made.since = clock.wall(alarm.since).description
            made.maintenance = alarm.event.detail[EventDesk.maintenance] == .bool(true)
            made.detail =
                alarm.event.detail["detail"]?.text ?? alarm.event.detail["reason"]?.text
                ?? alarm.event.detail.description
            return made
        }
        let records = await devices.all
        status.devicesTotal = UInt64(records.count)
        status.devicesGood = UInt64(records.count { $0.condition == .online })
        for bus in configuration.buses { status.buses.append(await self.bus(bus, records)) }
        for part in disabled {
            guard case .bus(let name) = part.part else { continue }
            var made = ControlBus()
            made.name = name
            made.state = "disabled"
            made.detail = "\(part.position): \(part.reason)"
            status.buses.append(made)
        }
        let queue = await queue()
        status.queue = queue
        let stored = await outbox.status()
        for uplink in uplinks { status.uplinks.append(await self.uplink(uplink, stored)) }
        for part in disabled {
            guard case .uplink(let name) = part.part else { continue }
            var made = ControlUplink()
            made.name = name
            made.state = "disabled"
            made.detail = "\(part.position): \(part.reason)"
            status.uplinks.append(made)
        }
        status.readingsPerS = await readingsPerSecond(now)
        status.healthy =
            !alarms.contains { $0.event.severity == .alarm } && queue.state == "ok"
            && status.buses.allSatisfy { $0.state == "running" }
            && status.uplinks.allSatisfy { $0.state == "connected" }
            && status.devicesGood == status.devicesTotal
        return status
    }

    /// The locks in force, for people.
    func lockMessages() -> [ControlLock] {
        let now = clock.forLighting()
        return night.locks.view.read { book in
            book.all.map { lock in
                var made = ControlLock()
                made.target = lock.scope.target
                made.scope = lock.scope.word
                made.until = lock.until?.description ?? ""
                made.since = lock.since?.description ?? ""
                made.remainingS = UInt64(max(0, lock.remaining(now).components.seconds))
                made.reason = lock.reason
                made.by = lock.by
                made.level = lock.level?.description ?? ""
                made.devices = UInt64(book.devices(in: lock.scope).count)
                return made
            }
        }
    }

    private func readingsPerSecond(_ now: BootInstant) async -> Double {
        let count = await devices.readingsTaken
        if let last = counts.last, now.duration(since: last.at) >= .seconds(1) { counts.append((now, count)) }
        // One moment older than the span stays, so that the span is covered.
        while counts.count > 1, now.duration(since: counts[1].at) >= Self.rateSpan { counts.removeFirst() }
        guard let oldest = counts.first else { return 0 }
        let span = now.duration(since: oldest.at).inSeconds
        return span > 0 ? Double(count - oldest.count) / span : 0
    }

    private func bus(_ bus: BusConfiguration, _ records: [DeviceRecord]) async -> ControlBus {
        var made = ControlBus()
        made.name = bus.name
        made.driver = bus.driver
        made.port =
            bus.port.written == bus.port.resolved ? bus.port.written : "\(bus.port.written) (\(bus.port.resolved))"
        let state = await buses.state(bus.name)
        made.state = state?.condition.rawValue ?? "starting"
        made.detail = state?.detail ?? ""
        made.restarts = state?.restarts ?? 0
        made.process = state?.process ?? 0
        let mine = records.filter { $0.configuration.bus == bus.name }
        made.devicesTotal = UInt64(mine.count)
        made.devicesGood = UInt64(mine.count { $0.condition == .online })
        if made.state == "running" {
            made.utilisationPermille = await buses.heartbeat(bus.name)?.utilisationPermille ?? 0
        }
        return made
    }

    private func uplink(_ uplink: AssembledUplink, _ stored: OutboxStatus?) async -> ControlUplink {
        var made = ControlUplink()
        made.name = uplink.configuration.name
        made.url = uplink.configuration.url.description
        made.state = await uplink.pump.isConnected ? "connected" : "waiting"
        made.detail = await uplink.pump.detail
        made.inFlight = UInt64(await uplink.pump.inFlight)
        made.acknowledgedReadings = await uplink.pump.acknowledgedReadings
        made.unsentBatches = UInt64(stored?.uplinks.first { $0.name == made.name }?.unsent.batches ?? 0)
        return made
    }

    func queue() async -> ControlQueue {
        var queue = ControlQueue()
        queue.path = outboxPath
        queue.flushS = configuration.outbox.flush.inSeconds
        guard let status = await outbox.status() else {
            queue.state = "closed"
            return queue
        }
        queue.stream = status.stream
        queue.lastSequence = status.lastSequence
        for lane in Lane.allCases {
            guard let stored = status.stored[lane] else { continue }
            queue.storedBatches += UInt64(stored.batches)
            queue.storedReadings += UInt64(stored.items)
            var info = ControlLaneInfo()
            info.name = lane.name
            info.batches = UInt64(stored.batches)
            info.readings = UInt64(stored.items)
            queue.lanes.append(info)
        }
        queue.bytesUsed = UInt64(max(0, status.bytesUsed))
        queue.bytesLimit = UInt64(max(0, status.bytesLimit))
        if let oldest = status.oldestUnsent {
            queue.oldestUnsent = clock.utc(oldest.time, boot: oldest.boot)?.time.description ?? "of an earlier boot"
        }
        queue.unsentBatches = UInt64(status.uplinks.map(\.unsent.batches).max() ?? 0)
        queue.unsentReadings = UInt64(status.uplinks.map(\.unsent.items).max() ?? 0)
        queue.droppedReadings = status.droppedReadings
        queue.bufferedReadings = UInt64(status.buffered)
        queue.state =
            switch status.disk {
            case .ok: "ok"
            case .failing(let error): "\(error)"
            case .closed: "closed"
            }
        return queue
    }

    /// The last `n` given, per device.
    func lastN() async -> [String: UInt64] { await outbox.status()?.lastN ?? [:] }

    /// Devices that errors in the configuration keep from running.
    func disabledDevices() -> [ControlDeviceInfo] {
        disabled.compactMap { part in
            guard case .device(let name) = part.part else { return nil }
            var info = ControlDeviceInfo()
            info.name = name
            info.state = DeviceRecord.Condition.disabled.rawValue
            info.detail = "\(part.position): \(part.reason)"
            info.lastAnswerS = -1
            return info
        }
    }

    func device(_ record: DeviceRecord, withPoints: Bool) async -> ControlDeviceInfo {
        let now = clock.now()
        var info = ControlDeviceInfo()
        info.name = record.name
        info.bus = record.configuration.bus
        info.profile = record.configuration.profile ?? ""
        info.address = record.address
        info.state = record.condition.rawValue
        info.detail = record.detail
        if info.detail.isEmpty, record.isLamp, let why = await night.lighting.explanation(of: record.name) {
            info.detail = why
        }
        info.requests = record.requests
        info.failures = record.failures
        info.missedIntervals = record.missedIntervals
        info.lastAnswerS = record.lastAnswer.map { max(0, now.duration(since: $0).inSeconds) } ?? -1
        info.profileVersion = record.profileVersion
        info.facts = record.facts.map { "\($0.name) \($0.value)" }
        if let oldest = counters.first, let before = oldest.devices[record.name], record.requests >= before.requests {
            info.recentRequests = record.requests - before.requests
            info.recentFailures = record.failures >= before.failures ? record.failures - before.failures : 0
            info.recentS = now.duration(since: oldest.at).inSeconds
        }
        info.isLamp = record.isLamp
        info.household = record.isHousehold
        if withPoints, !record.isHousehold {
            info.points = record.normalizer.latest.map { value(of: $0, now: now) }
        }
        return info
    }

    private func value(of latest: LatestValue, now: BootInstant) -> ControlPointValue {
        var made = ControlPointValue()
        made.point = latest.point
        made.value = JSONValue(latest.value).description
        made.unit = latest.unit
        made.quality = latest.quality?.grade.name ?? "unknown"
        if let reason = latest.quality?.reason, reason != .none { made.reason = reason.name }
        made.writable = latest.isWritable
        if let acquired = latest.acquired {
            made.time = clock.wall(acquired).description
            made.ageS = max(0, now.duration(since: acquired).inSeconds)
        } else {
            made.ageS = -1
        }
        return made
    }
}
