import ArgumentParser
import ControlProtocol
import Telemetry

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Health in one screen; exit status 1 when something is wrong.")
    @OptionGroup var options: SharedOptions

    func run() async throws {
        var request = ControlRequest()
        request.status = ControlStatusRequest()
        let status = try Daemon.ask(request, options).status
        if options.json {
            Output.print(ControlJSON.status(status))
        } else {
            Output.print(StatusView.text(status))
        }
        if !status.healthy { throw ExitStatus.failed }
    }
}

/// `candela status` as a person reads it.
enum StatusView {
    static func text(_ status: ControlStatus) -> String {
        var lines: [String] = []
        lines.append(
            "gateway \(status.gateway)   candela \(status.version)   up \(Formats.span(seconds: status.uptimeS))   clock \(Formats.clock(status))"
        )
        if status.readOnly { lines.append("READ ONLY: nothing is written to the field") }
        if !status.configurationNote.isEmpty { lines.append("! " + status.configurationNote) }
        lines += status.warnings.map { "! " + $0 }
        lines.append("")
        var buses = Table([
            ("BUS", .left), ("DRIVER", .left), ("STATE", .left), ("LOAD", .right), ("DEVICES", .right), ("RESTARTS", .right),
            ("PORT", .left),
        ])
        for bus in status.buses {
            buses.add(
                bus.name, bus.driver, bus.state, bus.state == "running" ? Formats.percent(permille: bus.utilisationPermille) : "-",
                "\(bus.devicesGood)/\(bus.devicesTotal)", String(bus.restarts), bus.port)
        }
        lines += buses.lines
        for bus in status.buses where bus.state != "running" && !bus.detail.isEmpty { lines.append("  \(bus.name): \(bus.detail)") }
        lines.append("")
        var uplinks = Table([
            ("UPLINK", .left), ("STATE", .left), ("UNSENT", .right), ("IN FLIGHT", .right), ("ACKNOWLEDGED", .right), ("URL", .left),
        ])
        for uplink in status.uplinks {
            uplinks.add(
                uplink.name, uplink.state, "\(uplink.unsentBatches)", "\(uplink.inFlight)", "\(uplink.acknowledgedReadings)",
                uplink.url)
        }
        lines += uplinks.lines
        for uplink in status.uplinks where uplink.state != "connected" { lines.append("  \(uplink.name): \(uplink.detail)") }
        lines.append("")
        lines.append(QueueView.line(status.queue))
        lines.append("readings \(Formats.oneDecimal(status.readingsPerS)) per second from \(status.devicesGood) of \(status.devicesTotal) devices")
        lines.append("")
        if status.alarms.isEmpty {
            lines.append("no alarms")
        } else {
            var alarms = Table([("ALARM", .left), ("DEVICE", .left), ("SINCE", .left), ("WHAT", .left)])
            for alarm in status.alarms { alarms.add(alarm.kind, alarm.device.isEmpty ? "-" : alarm.device, alarm.since, alarm.detail) }
            lines += alarms.lines
        }
        return lines.joined(separator: "\n")
    }
}
