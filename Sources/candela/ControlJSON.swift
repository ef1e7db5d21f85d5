import ControlProtocol
import Telemetry

/// The control messages as JSON, for programs: the names of control.proto, everything in it, values of points exact.
///
/// What the messages write as -1 or as an empty time is null here: never, or not known.
enum ControlJSON {
    static func status(_ status: ControlStatus) -> JSONValue {
        [
            "gateway": .string(status.gateway), "version": .string(status.version), "boot": .string(status.boot),
            "started": time(status.started), "uptime_s": .integer(status.uptimeS), "clock": .string(status.clock),
            "clock_source": .string(status.clockSource),
            "clock_error_ms": status.clockErrorMs < 0 ? .null : .integer(status.clockErrorMs),
            "read_only": .bool(status.readOnly), "configuration_note": .string(status.configurationNote),
            "buses": .array(status.buses.map(bus)), "uplinks": .array(status.uplinks.map(uplink)),
            "queue": queue(status.queue), "alarms": .array(status.alarms.map(alarm)),
            "warnings": .array(status.warnings.map(JSONValue.string)), "devices_good": .integer(status.devicesGood),
            "devices_total": .integer(status.devicesTotal), "readings_per_s": decimal(status.readingsPerS),
            "healthy": .bool(status.healthy), "locks": .array(status.locks.map(LockView.json)),
            "notes": .array(status.notes.map(JSONValue.string)),
        ]
    }

    static func bus(_ bus: ControlBus) -> JSONValue {
        [
            "name": .string(bus.name), "driver": .string(bus.driver), "port": .string(bus.port),
            "state": .string(bus.state),
            "detail": .string(bus.detail), "utilisation_permille": .integer(bus.utilisationPermille),
            "devices_good": .integer(bus.devicesGood), "devices_total": .integer(bus.devicesTotal),
            "restarts": .integer(bus.restarts), "process": .integer(bus.process),
        ]
    }

    static func uplink(_ uplink: ControlUplink) -> JSONValue {
        [
            "name": .string(uplink.name), "url": .string(uplink.url), "state": .string(uplink.state),
            "detail": .string(uplink.detail), "unsent_batches": .integer(uplink.unsentBatches),
            "in_flight": .integer(uplink.inFlight), "acknowledged_readings": .integer(uplink.acknowledgedReadings),
        ]
    }

    static func alarm(_ alarm: ControlAlarm) -> JSONValue {
        [
            "id": .string(alarm.id), "kind": .string(alarm.kind), "device": .string(alarm.device),
            "severity": .string(alarm.severity), "since": time(alarm.since), "detail": .string(alarm.detail),
            "maintenance": .bool(alarm.maintenance),
        ]
    }

    static func queue(_ queue: ControlQueue) -> JSONValue {
        [
            "stream": .string(queue.stream), "last_sequence": .integer(queue.lastSequence),
            "stored_batches": .integer(queue.storedBatches), "stored_readings": .integer(queue.storedReadings),
            "bytes_used": .integer(queue.bytesUsed), "bytes_limit": .integer(queue.bytesLimit),
            "oldest_unsent": time(queue.oldestUnsent), "unsent_batches": .integer(queue.unsentBatches),
            "unsent_readings": .integer(queue.unsentReadings), "dropped_readings": .integer(queue.droppedReadings),
            "lanes": .array(queue.lanes.map(lane)), "state": .string(queue.state), "flush_s": decimal(queue.flushS),
            "path": .string(queue.path), "buffered_readings": .integer(queue.bufferedReadings),
        ]
    }

    static func lane(_ lane: ControlLaneInfo) -> JSONValue {
        ["name": .string(lane.name), "batches": .integer(lane.batches), "readings": .integer(lane.readings)]
    }

    static func device(_ device: ControlDeviceInfo) -> JSONValue {
        [
            "name": .string(device.name), "bus": .string(device.bus), "profile": .string(device.profile),
            "address": .string(device.address), "state": .string(device.state), "detail": .string(device.detail),
            "requests": .integer(device.requests), "failures": .integer(device.failures),
            "last_answer_s": seconds(device.lastAnswerS), "last_n": .integer(device.lastN),
            "missed_intervals": .integer(device.missedIntervals), "points": .array(device.points.map(point)),
            "is_lamp": .bool(device.isLamp), "household": .bool(device.household),
            "profile_version": .string(device.profileVersion), "recent_requests": .integer(device.recentRequests),
            "recent_failures": .integer(device.recentFailures), "recent_s": decimal(device.recentS),
            "facts": .array(device.facts.map(JSONValue.string)),
        ]
    }

    static func devices(_ devices: ControlDevices) -> JSONValue { .array(devices.devices.map(device)) }

    static func point(_ point: ControlPointValue) -> JSONValue {
        [
            "point": .string(point.point), "value": value(point.value), "unit": .string(point.unit),
            "quality": .string(point.quality), "reason": .string(point.reason), "time": time(point.time),
            "writable": .bool(point.writable), "age_s": seconds(point.ageS), "n": .integer(point.n),
        ]
    }

    static func readings(_ readings: ControlReadings) -> JSONValue {
        ["device": .string(readings.device), "values": .array(readings.values.map(point))]
    }

    static func results(_ results: ControlResults) -> JSONValue {
        ["results": .array(results.results.map(result))]
    }

    static func result(_ result: ControlResult) -> JSONValue {
        [
            "device": .string(result.device), "status": .string(result.status), "reason": .string(result.reason),
            "value": value(result.value), "unit": .string(result.unit),
        ]
    }

    static func snapshot(_ snapshot: ControlSnapshot) -> JSONValue {
        ["status": status(snapshot.status), "devices": devices(snapshot.devices)]
    }

    /// The JSON that a message carries as text; a daemon that sends something else is shown as it is.
    private static func value(_ text: String) -> JSONValue {
        if text.isEmpty { return .null }
        return (try? JSONValue(parsing: text)) ?? .string(text)
    }

    private static func time(_ text: String) -> JSONValue { text.isEmpty ? .null : .string(text) }
    private static func seconds(_ value: Double) -> JSONValue { value < 0 ? .null : decimal(value) }
    private static func decimal(_ value: Double) -> JSONValue {
        ExactDecimal(shortest: value).map(JSONValue.number) ?? .null
    }
}
