import ArgumentParser
import CLinux
import ControlProtocol
import Telemetry

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "What happened here: the last 30 days, kept on the gateway.",
        discussion: """
            Needs the daemon. --since takes a time (2026-11-21T06:00:00Z) or a span (2h, 30d); without it the last day.

              candela events --since 2h
              candela events --device feeder-a --since 30d
            """)
    @OptionGroup var options: SharedOptions
    @Option(help: "From this time, or so long ago.") var since: String?
    @Option(help: "Only events of this device.") var device: String?

    func run() async throws {
        let events = try Self.ask(since: since, device: device, options)
        if options.json {
            for event in events { Output.print(Self.json(event)) }
            return
        }
        guard !events.isEmpty else { return Output.print("no events") }
        for event in events { Output.print(Self.line(event)) }
    }

    static func ask(since: String?, device: String?, _ options: SharedOptions) throws -> [ControlEventLine] {
        var request = ControlRequest()
        request.events.since = try since.map(start) ?? ""
        request.events.device = device ?? ""
        return try Daemon.ask(request, options).events.events
    }

    private static func start(_ text: String) throws -> String {
        if let span = SpanArgument(argument: text) {
            let now = UTCInstant(nanoseconds: candela_realtime_nanoseconds())
            return now.advanced(by: .zero - span.duration).description
        }
        guard UTCInstant(text) != nil else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "\"\(text)\" is neither a time nor a span",
                hint: "write 2026-11-21T06:00:00Z, or 2h, or 30d")
        }
        return text
    }

    static func line(_ event: ControlEventLine) -> String {
        let mark = event.severity == "alarm" ? "!" : event.severity == "warning" ? "?" : " "
        var parts = [Formats.shortTime(event.time), mark, event.kind]
        if !event.device.isEmpty { parts.append(event.device) }
        if !event.phase.isEmpty { parts.append(event.phase) }
        let detail = (try? JSONValue(parsing: event.detail)).map(words) ?? event.detail
        if !detail.isEmpty { parts.append(detail) }
        return parts.joined(separator: " ")
    }

    private static func words(_ detail: JSONValue) -> String {
        guard case .object(let members) = detail else { return FindingView.plain(detail) }
        return members.filter { $0.value != .null }.map { "\($0.key)=\(FindingView.plain($0.value))" }
            .joined(separator: " ")
    }

    static func json(_ event: ControlEventLine) -> JSONValue {
        [
            "time": .string(event.time), "kind": .string(event.kind), "device": .string(event.device),
            "severity": .string(event.severity), "phase": .string(event.phase),
            "detail": (try? JSONValue(parsing: event.detail)) ?? .string(event.detail),
        ]
    }
}
