import ArgumentParser
import CLinux
import ControlProtocol
import Runtime
import Telemetry

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "The acceptance report of a site: devices, serials, error rates, displays read against values.",
        discussion: """
            Needs the daemon. The last line is the SHA-256 of all lines above it: a changed report no longer fits its \
            hash. Each --reading is what a meter's display shows; it is compared with the value the gateway has. A household's values \
            stay out; only whether they agree is said.

              candela report --reading feeder-a=48151.6 --reading feeder-b=120.0 > acceptance.txt
            """)
    @OptionGroup var options: SharedOptions
    @Option(help: "DEVICE=DISPLAY or DEVICE/POINT=DISPLAY; may be given more than once.") var reading: [String] = []
    @Option(help: "How far a display may be from the value, in its unit; a display updates once a second.")
    var tolerance: String = "0.1"
    @Option(help: "Who was there, for the report.") var by: String?
    @Flag(help: "Ask each lamp's gear who it is and what it does without us; 2 s a lamp.") var lamps = false

    func run() async throws {
        let displays = try reading.map(DisplayReading.init(argument:))
        guard let tolerance = ExactDecimal(tolerance), tolerance.mantissa >= 0 else {
            throw CommandFailure(ExitStatus.wrongUsage, "--tolerance \"\(self.tolerance)\" is no number")
        }
        var client = try Daemon.connect(options)
        var request = ControlRequest()
        request.status = ControlStatusRequest()
        let status = try Daemon.ask(request, &client).status
        request.devices = ControlDevicesRequest()
        let devices = try Daemon.ask(request, &client).devices.devices
        for display in displays where !devices.contains(where: { $0.name == display.device }) {
            let nearest = NearestName.of(display.device, among: devices.map(\.name))
            throw CommandFailure(
                ExitStatus.wrongUsage, "there is no device \(display.device)",
                hint: nearest.map { "did you mean \($0)?" } ?? "candela devices lists them")
        }
        let compared = try displays.map { display in
            let info = devices.first { $0.name == display.device } ?? ControlDeviceInfo()
            return try display.compared(
                with: values(of: info, &client), tolerance: tolerance, isHousehold: info.household)
        }
        let report = SiteReport(
            status: status, devices: devices, displays: compared, lamps: lamps ? try await readBack(devices) : [],
            by: by ?? "",
            made: UTCInstant(nanoseconds: candela_realtime_nanoseconds()).description)
        if options.json { Output.print(report.json) } else { Output.print(report.signed) }
        if compared.contains(where: { !$0.agrees }) { throw ExitStatus.failed }
    }

    /// What each lamp's own gear says now: identity, firmware, and the levels that hold without this gateway.
    private func readBack(_ devices: [ControlDeviceInfo]) async throws -> [LampReadBack] {
        var made: [LampReadBack] = []
        let asked = devices.filter { $0.isLamp && $0.state != "disabled" }
        for (index, lamp) in asked.enumerated() {
            Output.complain("\(index + 1) of \(asked.count): \(lamp.name)")
            do throws(CommandFailure) {
                let result = try await TaskRunner.query(lamp.name, bus: lamp.bus, options)
                made.append(LampReadBack(name: lamp.name, facts: LampView.factValues(result)))
            } catch {
                made.append(LampReadBack(name: lamp.name, facts: ["identity": error.message]))
            }
        }
        return made
    }

    /// Read now: what the display shows is of this moment too.
    private func values(of info: ControlDeviceInfo, _ client: inout ControlClient) throws -> [ControlPointValue] {
        var request = ControlRequest()
        request.read.device = info.name
        request.read.household = info.household
        return try Daemon.ask(request, &client).readings.values
    }
}

/// What a person read from a display.
struct DisplayReading {
    let device: String
    /// nil: the counter that displays show.
    let point: String?
    let display: ExactDecimal

    /// What a meter shows first, by medium.
    private static let usual = ["active_energy_import", "heat_energy", "water_volume", "gas_volume", "cooling_energy"]

    init(argument: String) throws {
        let sides = argument.split(separator: "=", maxSplits: 1)
        guard sides.count == 2, let display = ExactDecimal(sides[1].split(separator: " ").first ?? "") else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "--reading \"\(argument)\" is not DEVICE=DISPLAY",
                hint: "write --reading feeder-a=48151.6")
        }
        let names = sides[0].split(separator: "/", maxSplits: 1)
        device = String(names[0])
        point = names.count > 1 ? String(names[1]) : nil
        self.display = display
    }

    struct Compared {
        let device: String
        let point: String
        let display: ExactDecimal
        let value: ExactDecimal?
        let unit: String
        let agrees: Bool
        let isHousehold: Bool
    }

    func compared(with values: [ControlPointValue], tolerance: ExactDecimal, isHousehold: Bool) throws -> Compared {
        let wanted = point.map { [$0] } ?? Self.usual
        guard let found = wanted.lazy.compactMap({ name in values.first { $0.point == name } }).first else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "\(device) has no point \(point ?? "that a display shows first")",
                hint: "name it: --reading \(device)/POINT=DISPLAY; candela read \(device) shows them")
        }
        let value = found.quality == "bad" ? nil : ExactDecimal(found.value)
        let distance = value.map { abs($0.approximation - display.approximation) }
        return Compared(
            device: device, point: found.point, display: display, value: value, unit: found.unit,
            agrees: distance.map { $0 <= tolerance.approximation } ?? false, isHousehold: isHousehold)
    }
}

/// The acceptance report: text for paper, and a hash under it.
struct SiteReport {
    let status: ControlStatus
    let devices: [ControlDeviceInfo]
    let displays: [DisplayReading.Compared]
    let lamps: [LampReadBack]
    let by: String
    let made: String

    /// Each line as it is hashed.
    var text: String {
        var lines = [
            "Acceptance report of gateway \(status.gateway)", "made      \(made)" + (by.isEmpty ? "" : " by \(by)"),
            "software  candela \(status.version)", "clock     \(Formats.clock(status))",
            "read only \(status.readOnly ? "yes: nothing is written to the field" : "no")", "",
        ]
        var table = Table([
            ("DEVICE", .left), ("PROFILE", .left), ("SERIAL", .left), ("FIRMWARE", .left), ("STATE", .left),
            ("FAILED", .left),
        ])
        for device in devices {
            table.add(
                device.name, device.profile + (device.profileVersion.isEmpty ? "" : " v\(device.profileVersion)"),
                Self.value("serial_number", of: device), Self.value("firmware_version", of: device), device.state,
                Self.recent(device))
        }
        lines += table.lines
        let facts = devices.filter { !$0.facts.isEmpty }
        if !facts.isEmpty {
            lines += ["", "What bills depend on"]
            lines += facts.map { "  \($0.name): \($0.facts.joined(separator: ", "))" }
        }
        if !displays.isEmpty {
            lines.append("")
            var compared = Table([
                ("DISPLAY OF", .left), ("POINT", .left), ("SHOWS", .right), ("GATEWAY HAS", .right), ("UNIT", .left),
                ("VERDICT", .left),
            ])
            for one in displays {
                compared.add(
                    one.device, one.point, one.isHousehold ? "not shown" : one.display.description,
                    one.isHousehold ? "not shown" : one.value?.description ?? "no value", one.unit,
                    one.agrees ? "agrees" : "DIFFERS")
            }
            lines += compared.lines
        }
        if !lamps.isEmpty { lines += ["", "Lamps, read back from their gear"] + LampReadBack.table(lamps) }
        lines.append("")
        if status.alarms.isEmpty {
            lines.append("no alarms")
        } else {
            lines += status.alarms.map { "alarm \($0.kind) \($0.device) since \($0.since): \($0.detail)" }
        }
        return lines.map(Formats.clean).joined(separator: "\n")
    }

    /// The text, and under it the hash of its lines with a line feed behind each.
    var signed: String { text + "\n" + "sha256 " + SHA256.hex(text + "\n") }

    private static func value(_ point: String, of device: ControlDeviceInfo) -> String {
        guard let found = device.points.first(where: { $0.point == point }), found.quality != "bad" else { return "-" }
        return Formats.plain(found.value)
    }

    /// `3 of 900 (0.3 %) in 15 min`.
    private static func recent(_ device: ControlDeviceInfo) -> String {
        guard device.recentS > 0 else { return Formats.failures(device.failures, of: device.requests) }
        return Formats.failures(device.recentFailures, of: device.recentRequests)
            + " in \(Formats.span(seconds: UInt64(device.recentS)))"
    }

    var json: JSONValue {
        [
            "gateway": .string(status.gateway), "made": .string(made), "by": .string(by),
            "status": ControlJSON.status(status),
            "devices": .array(devices.map(ControlJSON.device)),
            "displays": .array(
                displays.map {
                    [
                        "device": .string($0.device), "point": .string($0.point), "unit": .string($0.unit),
                        "display": $0.isHousehold ? .null : .number($0.display),
                        "value": $0.isHousehold ? .null : $0.value.map(JSONValue.number) ?? .null,
                        "agrees": .bool($0.agrees),
                    ]
                }),
            "lamps": .array(lamps.map(\.json)),
            "text": .string(text), "sha256": .string(SHA256.hex(text + "\n")),
        ]
    }
}
