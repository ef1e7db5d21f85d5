import ArgumentParser
import ControlProtocol
import Telemetry

struct DevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "Every device with its state, last answer and error rate; one device with all its points.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "Only this device, with its points.") var device: String?

    func run() async throws {
        var request = ControlRequest()
        request.devices = ControlDevicesRequest()
        request.devices.device = device ?? ""
        let devices = try Daemon.ask(request, options).devices.devices
        if options.json {
            if device != nil, let one = devices.first {
                Output.print(ControlJSON.device(one))
            } else {
                Output.print(.array(devices.map(ControlJSON.device)))
            }
            return
        }
        if device != nil, let one = devices.first {
            Output.print(DeviceView.text(one))
            return
        }
        var table = Table([
            ("DEVICE", .left), ("BUS", .left), ("PROFILE", .left), ("STATE", .left), ("LAST ANSWER", .right), ("FAILED", .right),
            ("MISSED", .right), ("DETAIL", .left),
        ])
        for device in devices {
            table.add(
                device.name, device.bus, device.profile, device.state, Formats.age(device.lastAnswerS),
                Formats.failures(device.failures, of: device.requests), "\(device.missedIntervals)",
                device.state == "online" ? device.address : device.detail)
        }
        Output.print(devices.isEmpty ? "no devices" : table.text)
    }
}

/// One device as a person reads it.
enum DeviceView {
    static func text(_ device: ControlDeviceInfo) -> String {
        var lines = [
            "device       \(device.name) on bus \(device.bus), \(device.address)",
            "profile      \(device.profile)",
            "state        \(device.state)" + (device.detail.isEmpty ? "" : ": \(device.detail)"),
            "last answer  \(Formats.age(device.lastAnswerS))",
            "failed       \(Formats.failures(device.failures, of: device.requests)), \(device.missedIntervals) intervals missed",
            "",
        ]
        if device.household {
            lines.append("a household's device: its values are not shown; candela read \(device.name) --household")
        } else {
            lines += values(device.points).lines
        }
        return lines.joined(separator: "\n")
    }

    static func values(_ points: [ControlPointValue]) -> Table {
        var table = Table([("POINT", .left), ("VALUE", .right), ("UNIT", .left), ("QUALITY", .left), ("TIME", .left)])
        for point in points {
            table.add(
                point.point, point.quality == "bad" || point.quality == "unknown" ? "-" : Formats.plain(point.value),
                point.unit.isEmpty ? "-" : point.unit, point.quality + (point.reason.isEmpty ? "" : " (\(point.reason))"),
                (point.time.isEmpty ? "-" : point.time) + (point.writable ? "  writable" : ""))
        }
        return table
    }
}
