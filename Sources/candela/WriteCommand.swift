import ArgumentParser
import ControlProtocol
import Runtime

struct WriteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write", abstract: "Changes a value in the field: asks first, then reads it back.",
        discussion: """
            Exit status 0 when the device took the value, 1 when it was refused or failed, 4 when nothing answered. \
            Write negative numbers after two dashes. Without the daemon the driver of the bus is started, from --config.

              candela write lamp-001 level 60%
              candela write --yes boiler setpoint -- -5
            """)
    @OptionGroup var options: SharedOptions
    @Flag(help: "Do not ask; needed where there is no terminal to ask on.") var yes = false
    @Argument(help: "The device, as the configuration names it.") var device: String
    @Argument(help: "The point to write.") var point: String
    @Argument(help: "60, \"60 %\", true, or a text.") var value: String

    func run() async throws {
        guard yes || Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "write asks before it changes anything, and here is no terminal to ask on",
                hint: "add --yes when you are sure")
        }
        guard TypedValue.parse(value) != nil else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "\"\(value)\" is no value",
                hint: "write a number, a number with its unit, true or false")
        }
        let results = try await carryOut()
        try ResultView.finish(results, options)
    }

    private func carryOut() async throws -> ControlResults {
        if var client = try Daemon.connectIfThere(options) {
            try confirm(now: try current(&client))
            var request = ControlRequest()
            request.write.device = device
            request.write.point = point
            request.write.value = value
            return try Daemon.ask(request, &client).results
        }
        let direct = try DirectAccess(options)
        try direct.checkKnown(device)
        try confirm(now: nil)
        return try await direct.write(device, point: point, value: value)
    }

    /// What the daemon last saw of the point; nil when it shows no values of this device.
    private func current(_ client: inout ControlClient) throws -> String? {
        var request = ControlRequest()
        request.devices.device = device
        guard let info = try Daemon.ask(request, &client).devices.devices.first, !info.points.isEmpty else {
            return nil
        }
        guard let known = info.points.first(where: { $0.point == point }) else {
            let nearest = NearestName.of(point, among: info.points.map(\.point))
            throw CommandFailure(
                ExitStatus.wrongUsage, "\(device) has no point \(point)",
                hint: nearest.map { "did you mean \($0)?" } ?? "candela devices \(device) lists them")
        }
        return Formats.value(known)
    }

    private func confirm(now: String?) throws {
        if yes { return }
        let before = now.map { " (now \($0))" } ?? ""
        guard Output.confirm("Write \(value) to \(point) of \(device)\(before)?") else {
            throw CommandFailure(ExitStatus.failed, "nothing was written")
        }
    }
}
