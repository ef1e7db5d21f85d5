import ControlProtocol
import TestSupport

/// A daemon's control socket with canned answers.
struct FakeDaemon: ~Copyable {
    let socket: String
    private let folder: TemporaryFolder
    private let server: ControlServer

    init(_ snapshot: ControlSnapshot = Canned.snapshot) throws {
        folder = TemporaryFolder("candela-cli")
        socket = folder("control.sock")
        server = try ControlServer(path: socket, group: nil) { request, _, send in
            var reply = ControlReply()
            switch request.message {
            case .status?: reply.status = snapshot.status
            case .queue?: reply.queue = snapshot.status.queue
            case .devices(let wanted)?:
                let found = snapshot.devices.devices.filter { wanted.device.isEmpty || $0.name == wanted.device }
                if found.isEmpty {
                    reply.failure = Canned.unknown(wanted.device)
                } else {
                    reply.devices.devices = found
                }
            case .read(let wanted)?: Canned.read(wanted, snapshot, &reply)
            case .write(let wanted)?: reply.results.results = [Canned.result(wanted.device, wanted.value)]
            case .lamp(let wanted)?: Canned.lamp(wanted, &reply)
            case .watch?:
                reply.snapshot = snapshot
                while !Task.isCancelled {
                    guard (try? await send(reply)) != nil, (try? await Task.sleep(for: .milliseconds(20))) != nil else {
                        return
                    }
                }
                return
            case .task(let wanted)?:
                await CannedTools.task(wanted, send)
                return
            case .trace?:
                await CannedTools.trace(reply, send)
                return
            case .statistics(let wanted)?: reply.statistics = CannedTools.statistics(wanted)
            case .events(let wanted)?: reply.events = CannedTools.events(wanted)
            case .exchange(let wanted)?:
                var result = Canned.result(wanted.device, wanted.final)
                (result.status, result.value, result.unit) = ("applied", "", "")
                result.reason = "\(wanted.final) to \(wanted.initial), serial \(wanted.serial)"
                reply.results.results = [result]
            case .lock(let wanted)?: reply.locks.locks = wanted.unlock ? [] : [Canned.lock]
            case .lighting?: reply.lighting = Canned.night
            case .explain(let wanted)?: reply.explanation = Canned.explanation(wanted.lamp)
            case .faults?: reply.faults = Canned.faults
            case nil: return
            }
            try? await send(reply)
        }
    }

    func stop() async { await server.stop() }

    /// Runs `body` with the daemon and stops it afterwards.
    static func with<Result>(
        _ snapshot: ControlSnapshot = Canned.snapshot, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let daemon = try FakeDaemon(snapshot)
        do {
            let result = try await body(daemon.socket)
            await daemon.stop()
            return result
        } catch {
            await daemon.stop()
            throw error
        }
    }
}

/// What the fake daemon answers.
enum Canned {
    static func unknown(_ name: String) -> ControlFailure {
        var failure = ControlFailure()
        failure.exitStatus = 2
        failure.message = "there is no device \(name)"
        failure.hint = "candela devices lists them"
        return failure
    }

    static func read(_ wanted: ControlReadRequest, _ snapshot: ControlSnapshot, _ reply: inout ControlReply) {
        guard let device = snapshot.devices.devices.first(where: { $0.name == wanted.device }) else {
            reply.failure = unknown(wanted.device)
            return
        }
        if device.state == "offline" {
            reply.failure.exitStatus = 4
            reply.failure.message = "\(device.name) did not answer: \(device.detail)"
            return
        }
        reply.readings.device = device.name
        reply.readings.values = device.points.filter { wanted.points.isEmpty || wanted.points.contains($0.point) }
    }

    /// The value decides what becomes of the order.
    static func result(_ device: String, _ value: String) -> ControlResult {
        var result = ControlResult()
        result.device = device
        switch value {
        case "999":
            result.status = "rejected"
            result.reason = "outOfRange: 999 is above 100 %"
        case "13":
            result.status = "failed"
            result.reason = "noAnswer: address 3 did not answer within 100 ms"
        case "14":
            result.status = "failed"
            result.reason = "the gear shows 20 %"
        default:
            result.status = "verified"
            result.value = "60"
            result.unit = "%"
        }
        return result
    }

    static func lamp(_ wanted: ControlLampRequest, _ reply: inout ControlReply) {
        reply.results.results = ["lamp-001", "lamp-002"].map { result($0, wanted.level) }
        // What was asked comes back, so that a test can see it.
        reply.results.results[0].reason = "\(wanted.action) \(wanted.target) \(wanted.level) \(wanted.forS) s"
    }

    // MARK: - A gateway with troubles

    static let snapshot: ControlSnapshot = {
        var snapshot = ControlSnapshot()
        snapshot.devices.devices = devices
        snapshot.status = status
        return snapshot
    }()

    /// The same gateway with nothing wrong.
    static let well: ControlSnapshot = {
        var snapshot = Canned.snapshot
        snapshot.devices.devices.removeAll { $0.state != "online" }
        snapshot.status.alarms = []
        snapshot.status.warnings = []
        snapshot.status.buses.removeAll { $0.state != "running" }
        snapshot.status.uplinks.removeAll { $0.state != "connected" }
        snapshot.status.devicesTotal = snapshot.status.devicesGood
        snapshot.status.healthy = true
        return snapshot
    }()

    private static let status: ControlStatus = {
        var status = ControlStatus()
        status.gateway = "ruhrort-017"
        status.version = "0.1.0"
        status.boot = "3f0c"
        status.started = "2026-11-21T16:04:05.250Z"
        status.uptimeS = 93_784
        status.clock = "synchronised"
        status.clockSource = "ntp"
        status.clockErrorMs = 12
        status.warnings = ["LAMPS NOT CONTROLLED: bus yard is read_only, calendars do nothing there"]
        status.buses = [
            bus("meters", "modbus", "rs485-1 (/dev/ttyS1)", 412, 4, 5), bus("lamps", "dali", "/dev/ttyS3", 88, 24, 24),
        ]
        var lost = bus("building", "modbus", "tcp", 0, 0, 1)
        lost.state = "port_lost"
        lost.detail = "/dev/ttyUSB0 is gone: the adapter was pulled; it is opened again when it is back"
        lost.restarts = 3
        status.buses.append(lost)
        status.uplinks = [
            uplink("head-end", "mqtts://broker.example:8883", "connected"),
            uplink("archive", "mqtt://192.0.2.9:1883", "waiting"),
        ]
        status.uplinks[1].detail = "connection refused; next attempt in 12 s"
        status.uplinks[1].unsentBatches = 311
        status.queue.stream = "0198c0de-7a11-7000-8000-000000000001"
        status.queue.lastSequence = 1042
        status.queue.storedBatches = 320
        status.queue.storedReadings = 31_400
        status.queue.bytesUsed = 12_300_000
        status.queue.bytesLimit = 512_000_000
        status.queue.oldestUnsent = "2026-11-21T15:00:00.000Z"
        status.queue.unsentBatches = 311
        status.queue.unsentReadings = 30_871
        status.queue.state = "ok"
        status.queue.flushS = 5
        status.queue.path = "/var/lib/candela/outbox.sqlite"
        status.queue.bufferedReadings = 17
        var lane = ControlLaneInfo()
        lane.name = "billing"
        lane.batches = 20
        lane.readings = 400
        status.queue.lanes = [lane]
        var alarm = ControlAlarm()
        alarm.id = "device:feeder-b"
        alarm.kind = "device_offline"
        alarm.device = "feeder-b"
        alarm.severity = "alarm"
        alarm.since = "2026-11-21T16:01:22.000Z"
        alarm.detail = "no answer to 3 requests, 1200 ms of bus time"
        status.alarms = [alarm]
        status.devicesGood = 28
        status.devicesTotal = 30
        status.readingsPerS = 48.25
        return status
    }()

    private static func bus(
        _ name: String, _ driver: String, _ port: String, _ load: UInt32, _ good: UInt64, _ total: UInt64
    ) -> ControlBus {
        var bus = ControlBus()
        bus.name = name
        bus.driver = driver
        bus.port = port
        bus.state = "running"
        bus.detail = "\(port) is open"
        bus.utilisationPermille = load
        bus.devicesGood = good
        bus.devicesTotal = total
        bus.process = 4711
        return bus
    }

    private static func uplink(_ name: String, _ url: String, _ state: String) -> ControlUplink {
        var uplink = ControlUplink()
        uplink.name = name
        uplink.url = url
        uplink.state = state
        uplink.inFlight = state == "connected" ? 2 : 0
        uplink.acknowledgedReadings = state == "connected" ? 123_456 : 0
        return uplink
    }

    private static let devices: [ControlDeviceInfo] = {
        var feeder = device("feeder-a", "meters", "eastron-sdm630", "address 1")
        feeder.points = [
            point("voltage.L1", "230.1", "V"), point("active_power", "1234.5", "W"),
            // More digits than a double holds: they must arrive.
            point("active_energy_import", "1234567890.12345678", "kW.h"),
            point("frequency", "null", "Hz", "bad", "communication"), point("serial_number", "\"A-17\"", ""),
        ]
        var silent = device("feeder-b", "meters", "eastron-sdm630", "address 2")
        silent.state = "offline"
        silent.detail = "no answer to 3 requests, 1200 ms of bus time"
        silent.lastAnswerS = 3_725
        silent.failures = 41
        var heat = device("heat-b2", "meters", "kamstrup-multical-hc003", "address 5")
        heat.points = [
            point("heat_power", "12.4", "kW"), point("flow_temperature", "65.21", "Cel"),
            point("return_temperature", "43.1", "Cel"),
            point("heat_energy", "311.5", "GJ", "uncertain", "implausible"),
        ]
        var water = device("water", "meters", "bove-water", "address 6")
        water.points = [point("water_volume", "1712.125", "m3"), point("water_flow", "0.31", "m3/h")]
        var flat = device("flat-3", "meters", "eastron-sdm120", "address 7")
        flat.household = true
        var broken = device("heat-b9", "building", "", "")
        broken.state = "disabled"
        broken.detail = "gateway.yaml:31:5: there is no profile \"kamstrup\""
        broken.lastAnswerS = -1
        let lamps = (1...24).map { number in
            var lamp = device(
                number < 10 ? "lamp-00\(number)" : "lamp-0\(number)", "lamps", "dali-luminaire", "address \(number - 1)"
            )
            lamp.isLamp = true
            lamp.points = [
                point("level", number == 2 ? "0" : "60", "%", writable: true),
                point("lamp_failure", number == 2 ? "true" : "false", ""),
                point("active_power", number == 2 ? "0.4" : "25.2", "W"),
            ]
            lamp.detail = "calendar standard, program night"
            return lamp
        }
        return [feeder, silent, heat, water, flat, broken] + lamps
    }()

    private static func device(_ name: String, _ bus: String, _ profile: String, _ address: String) -> ControlDeviceInfo
    {
        var device = ControlDeviceInfo()
        device.name = name
        device.bus = bus
        device.profile = profile
        device.address = address
        device.state = "online"
        device.requests = 3_450
        device.failures = 12
        device.lastAnswerS = 0.84
        device.missedIntervals = 1
        return device
    }

    private static func point(
        _ name: String, _ value: String, _ unit: String, _ quality: String = "good", _ reason: String = "",
        writable: Bool = false
    ) -> ControlPointValue {
        var point = ControlPointValue()
        point.point = name
        point.value = value
        point.unit = unit
        point.quality = quality
        point.reason = reason
        point.time = "2026-11-21T16:04:05.250Z"
        point.writable = writable
        point.ageS = 0.84
        point.n = 57_311
        return point
    }
}
