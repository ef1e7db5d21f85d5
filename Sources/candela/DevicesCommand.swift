import ArgumentParser
import ControlProtocol
import Telemetry

struct DevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Every device with its state, last answer and error rate; one device with all its points.")
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
            ("DEVICE", .left), ("BUS", .left), ("PROFILE", .left), ("STATE", .left), ("LAST ANSWER", .right),
            ("FAILED", .right),
            ("MISSED", .right), ("DETAIL", .left),
        ])
        for device in devices {
            table.add(
                device.name, device.bus, device.profile, device.state, Formats.age(Formats.lastAnswer(device)),
                Formats.failures(device.failures, of: device.requests), "\(device.missedIntervals)",
                device.state == "online" ? device.address : device.detail)
        }
        Output.print(devices.isEmpty ? "no devices" : table.text)
    }
}
