import ControlProtocol

/// `candela status` as a person reads it.
enum StatusView {
    /// Devices named for missed intervals at most; `devices` has them all.
    private static let missedShown = 5

    static func text(_ status: ControlStatus, _ devices: [ControlDeviceInfo]) -> String {
        var lines: [String] = []
        lines.append(
            "gateway \(status.gateway)   candela \(status.version)   up \(Formats.span(seconds: status.uptimeS))   clock \(Formats.clock(status))"
        )
        if status.readOnly { lines.append("READ ONLY: nothing is written to the field") }
        if !status.configurationNote.isEmpty { lines.append("! " + status.configurationNote) }
        lines += status.warnings.map { "! " + $0 }
        for lock in status.locks {
            let scope = lock.scope == "all" ? "everything" : "\(lock.scope) \(lock.target)"
            lines.append(
                "! LOCKED: \(scope) for \(Formats.span(seconds: lock.remainingS)) by \(lock.by): \(lock.reason); no electrical isolation"
            )
        }
        lines += status.notes
        lines.append("")
        var buses = Table([
            ("BUS", .left), ("DRIVER", .left), ("STATE", .left), ("LOAD", .right), ("DEVICES", .right),
            ("RESTARTS", .right),
            ("PORT", .left),
        ])
        for bus in status.buses {
            buses.add(
                bus.name, bus.driver, bus.state,
                bus.state == "running" ? Formats.percent(permille: bus.utilisationPermille) : "-",
                "\(bus.devicesGood)/\(bus.devicesTotal)", String(bus.restarts), bus.port)
        }
        lines += buses.lines
        for bus in status.buses where bus.state != "running" && !bus.detail.isEmpty {
            lines.append("  \(bus.name): \(bus.detail)")
        }
        lines.append("")
        var uplinks = Table([
            ("UPLINK", .left), ("STATE", .left), ("UNSENT", .right), ("IN FLIGHT", .right), ("ACKNOWLEDGED", .right),
            ("URL", .left),
        ])
        for uplink in status.uplinks {
            uplinks.add(
                uplink.name, uplink.state, "\(uplink.unsentBatches)", "\(uplink.inFlight)",
                "\(uplink.acknowledgedReadings)",
                uplink.url)
        }
        lines += uplinks.lines
        for uplink in status.uplinks where uplink.state != "connected" {
            lines.append("  \(uplink.name): \(uplink.detail)")
        }
        lines.append("")
        lines.append(QueueView.line(status.queue))
        lines.append(
            "readings \(Formats.oneDecimal(status.readingsPerS)) per second from \(status.devicesGood) of \(status.devicesTotal) devices"
        )
        lines += missed(devices)
        lines.append("")
        lines.append(health(status))
        if status.alarms.isEmpty {
            lines.append("no alarms")
        } else {
            var alarms = Table([("ALARM", .left), ("DEVICE", .left), ("SINCE", .left), ("WHAT", .left)])
            for alarm in status.alarms {
                alarms.add(
                    alarm.kind + (alarm.maintenance ? " (maintenance)" : ""), alarm.device.isEmpty ? "-" : alarm.device,
                    alarm.since, alarm.detail)
            }
            lines += alarms.lines
        }
        return lines.joined(separator: "\n")
    }

    /// Readings that were due and did not come, the worst first.
    private static func missed(_ devices: [ControlDeviceInfo]) -> [String] {
        let late = devices.filter { $0.missedIntervals > 0 }.sorted {
            ($1.missedIntervals, $0.name) < ($0.missedIntervals, $1.name)
        }
        guard !late.isEmpty else { return [] }
        let named = late.prefix(missedShown).map { "\($0.name) \($0.missedIntervals)" }.joined(separator: ", ")
        let more = late.count > missedShown ? " and \(late.count - missedShown) more" : ""
        return ["intervals missed since the drivers' start: \(named)\(more)"]
    }

    /// The verdict behind the exit status, with its reasons.
    static func health(_ status: ControlStatus) -> String {
        if status.healthy { return "HEALTHY" }
        var reasons = status.buses.filter { $0.state != "running" }.map { "bus \($0.name) is \($0.state)" }
        reasons += status.uplinks.filter { $0.state != "connected" }.map { "uplink \($0.name) is \($0.state)" }
        if status.devicesGood < status.devicesTotal {
            let silent = status.devicesTotal - status.devicesGood
            reasons.append("\(silent) of \(status.devicesTotal) devices \(silent == 1 ? "is" : "are") not well")
        }
        if status.queue.state != "ok" { reasons.append("the outbox cannot be written") }
        let alarms = status.alarms.count { $0.severity == "alarm" }
        if alarms > 0 { reasons.append(alarms == 1 ? "1 alarm" : "\(alarms) alarms") }
        return "NOT HEALTHY" + (reasons.isEmpty ? "" : ": " + reasons.joined(separator: ", "))
    }
}
