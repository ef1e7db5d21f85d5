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
    private let outbox: Outbox
    private let events: EventDesk
    private let clock: GatewayClock
    private let log: Logger
    private var records: [String: DeviceRecord] = [:]
    /// Device names by bus and index.
    private var names: [String: [String]] = [:]
    private let order: [String]
    /// Buses without their port: one alarm of the bus stands for all its devices.
    private var portless: Set<String> = []
    /// Readings taken since the start, for the rate that `status` shows.
    private(set) var readingsTaken: UInt64 = 0
    private var descriptionListeners: [AsyncStream<Void>.Continuation] = []

    init(configuration: GatewayConfiguration, outbox: Outbox, events: EventDesk, clock: GatewayClock, log: Logger) {
        self.outbox = outbox
        self.events = events
        self.clock = clock
        self.log = log
        order = configuration.devices.map(\.name)
        for bus in configuration.buses {
            let devices = configuration.devices(onBus: bus.name)
            names[bus.name] = devices.map(\.name)
            for (index, device) in devices.enumerated() {
                records[device.name] = DeviceRecord(configuration: device, index: UInt32(index))
            }
        }
    }

    subscript(name: String) -> DeviceRecord? { records[name] }

    /// In the order of the configuration.
    var all: [DeviceRecord] { order.compactMap { records[$0] } }

    func devices(onBus bus: String) -> [DeviceRecord] { (names[bus] ?? []).compactMap { records[$0] } }

    /// Ticks when what is known of devices (points, versions) changed.
    func descriptionChanges() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        descriptionListeners.append(continuation)
        return stream
    }

    // MARK: - What drivers report

    func configured(bus: String, _ answer: DriverConfigured) {
        for description in answer.devices {
            guard let name = name(bus: bus, index: description.index), var record = records[name] else { continue }
            record.points = description.points.map(\.telemetry)
            record.address = description.address
            record.profileVersion = description.profileVersion
            record.isLamp = description.isLamp
            if description.usable {
                if record.condition == .disabled { record.condition = .unknown }
            } else {
                record.condition = .disabled
                let own = answer.diagnostics.first { $0.subject == .device && $0.name == name && $0.severity == .error }
                record.detail = own?.message ?? "its driver cannot use it as configured"
            }
            record.normalizer.reconfigure(points: record.points, options: record.pointOptions)
            for problem in record.normalizer.problems { log.warning("\(problem)") }
            records[name] = record
        }
        descriptionListeners.forEach { $0.yield() }
    }

    /// - Throws: when a point is not there: the driver is broken. What came before it is kept.
    func take(bus: String, _ blocks: [SampleBlock]) async throws(SampleColumnsError) {
        var readings: [Reading] = []
        var fault: SampleColumnsError?
        for block in blocks {
            guard let name = name(bus: bus, index: block.device), let points = records[name]?.points.count,
                block.highestPoint < points
            else {
                fault = SampleColumnsError(
                    description: "samples of point \(block.highestPoint) of device \(block.device), which bus \(bus) does not have")
                break
            }
            // In place: a copy of the record would copy the state of all its points with every message.
            let found = records[name]?.normalizer.normalize(block.samples) ?? []
            if let newest = block.samples.last(where: { $0.quality.grade != .bad })?.acquired {
                records[name]?.lastAnswer = newest
            }
            if readings.isEmpty { readings = found } else { readings += found }
        }
        await store(readings)
        if let fault { throw fault }
    }

    func deviceState(bus: String, _ state: DriverDeviceState) async {
        guard let name = name(bus: bus, index: state.device), var record = records[name] else { return }
        let before = record.condition
        record.condition =
            switch state.condition {
            case .online: .online
            case .failing: .failing
            case .offline: .offline
            case .unknown, .UNRECOGNIZED: .unknown
            }
        record.detail = state.detail
        record.requests = state.requests
        record.failures = state.failures
        record.missedIntervals = state.missedIntervals
        if state.lastAnswerBootNs > 0 {
            record.lastAnswer = BootInstant(nanoseconds: Int64(clamping: state.lastAnswerBootNs))
        }
        records[name] = record
        guard before != record.condition else { return }
        if record.condition == .offline, !portless.contains(bus) {
            await events.raise(
                "device:\(name)", kind: EventKind.deviceOffline, device: name,
                detail: ["bus": .string(bus), "address": .string(record.address), "detail": .string(state.detail)])
        } else if record.condition == .online {
            await events.clear("device:\(name)")
        }
    }

    /// The bus delivers nothing: all its points are bad, once. The bus's own alarm names the devices, so theirs are cleared.
    func gone(bus: String, reason: String) async {
        let now = clock.now()
        for name in names[bus] ?? [] {
            guard var record = records[name], record.condition != .disabled else { continue }
            let readings = record.normalizer.lost(reason: .communication, at: now)
            record.condition = .unknown
            record.detail = reason
            records[name] = record
            await store(readings)
            await events.clear("device:\(name)", detail: ["because": "bus_down"])
        }
    }

    /// The bus has lost its port: the alarms of its devices give way to the bus's own.
    func portLost(bus: String) async {
        portless.insert(bus)
        for name in names[bus] ?? [] { await events.clear("device:\(name)", detail: ["because": "bus_down"]) }
    }

    func portBack(bus: String) { portless.remove(bus) }

    private func store(_ readings: [Reading]) async {
        guard !readings.isEmpty else { return }
        readingsTaken += UInt64(readings.count)
        // Suspends while the disk is slow: then the driver's pipe fills and its bus slows down; nothing is lost.
        await outbox.append(readings: readings)
    }

    func name(bus: String, index: UInt32) -> String? {
        guard let list = names[bus], index < UInt32(list.count) else { return nil }
        return list[Int(index)]
    }
}
