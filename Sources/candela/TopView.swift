import ControlProtocol

/// One row of the screen.
struct TopLine: Equatable {
    enum Style { case plain, heading, trouble }
    let text: String
    let style: Style

    init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }
}

/// A frame of `top`, made from a snapshot alone.
enum TopView {
    /// The rows as texts: never more than `height`, none longer than `width`.
    static func lines(
        _ snapshot: ControlSnapshot, deliveredPerSecond: Double? = nil, width: Int, height: Int
    ) -> [String] {
        frame(snapshot, deliveredPerSecond: deliveredPerSecond, width: width, height: height).map(\.text)
    }

    /// The rows with what stands out.
    ///
    /// - Parameter deliveredPerSecond: readings that uplinks acknowledge; nil before there are two snapshots.
    static func frame(
        _ snapshot: ControlSnapshot, deliveredPerSecond: Double? = nil, width: Int, height: Int
    ) -> [TopLine] {
        let status = snapshot.status
        var lines = [header(status, width), TopLine("")]
        lines += flow(snapshot, deliveredPerSecond, width)
        lines.append(TopLine(""))
        let sections = [
            attention(status), buses(status.buses), uplinks(status.uplinks),
            devices(snapshot.devices.devices, width: width),
        ]
        // On a small screen whole sections go, so that the others have at least a row each.
        var kept = sections.indices.map { $0 }
        for dropped in [2, 1, 3] where height - lines.count - kept.count < kept.count {
            kept.removeAll { $0 == dropped }
        }
        let wanted = sections.indices.map { kept.contains($0) ? sections[$0].rows.count : 0 }
        let budgets = budgets(wanted, rows: height - lines.count - kept.count)
        for index in kept { lines += sections[index].lines(rows: budgets[index]) }
        return lines.prefix(max(0, height)).map { TopLine(Formats.clip(Formats.clean($0.text), width), $0.style) }
    }

    private static func header(_ status: ControlStatus, _ width: Int) -> TopLine {
        let verdict = status.healthy ? "ALL WELL" : "NOT WELL"
        var left = "\(status.gateway)   up \(Formats.span(seconds: status.uptimeS))   clock \(Formats.clock(status))"
        if status.readOnly { left += "   READ ONLY" }
        let room = width - verdict.count - 1
        return TopLine(room > 0 ? Formats.fit(left, room) + " " + verdict : left, status.healthy ? .heading : .trouble)
    }

    // MARK: - What flows where

    /// Four stages from left to right, with arrows between their names and live numbers under each.
    private static func flow(_ snapshot: ControlSnapshot, _ delivered: Double?, _ width: Int) -> [TopLine] {
        let status = snapshot.status
        let stages: [(title: String, lines: [String])] = [
            ("FIELD", field(snapshot)), ("DRIVERS", drivers(status)), ("OUTBOX on disk", outbox(status.queue)),
            ("BROKER", broker(status, delivered)),
        ]
        let column = max(1, width / stages.count)
        var heading = ""
        for (index, stage) in stages.enumerated() {
            guard index < stages.count - 1 else {
                heading += stage.title
                break
            }
            let dashes = max(0, column - stage.title.count - 3)
            heading += stage.title + " " + String(repeating: "-", count: dashes) + "> "
        }
        var rows = [TopLine(heading, .heading)]
        for row in 0..<3 {
            rows.append(
                TopLine(stages.map { Formats.fit($0.lines[row], column - 1) }.joined(separator: " ").trimmingEnd()))
        }
        return rows
    }

    private static func field(_ snapshot: ControlSnapshot) -> [String] {
        let status = snapshot.status
        let lamps = snapshot.devices.devices.count { $0.isLamp }
        let others = snapshot.devices.devices.count - lamps
        return [
            "\(status.devicesGood) of \(status.devicesTotal) answer",
            "\(Formats.oneDecimal(status.readingsPerS)) readings/s",
            "\(others) meters, \(lamps) lamps",
        ]
    }

    private static func drivers(_ status: ControlStatus) -> [String] {
        let running = status.buses.count { $0.state == "running" }
        let load = status.buses.map(\.utilisationPermille).max() ?? 0
        let restarts = status.buses.reduce(0) { $0 &+ $1.restarts }
        return [
            "\(running) of \(status.buses.count) buses run", "busiest load \(Formats.percent(permille: load))",
            restarts == 1 ? "1 restart" : "\(restarts) restarts",
        ]
    }

    private static func outbox(_ queue: ControlQueue) -> [String] {
        [
            queue.state == "ok" ? "\(queue.unsentReadings) to be sent" : "DISK: \(queue.state)",
            "\(Formats.bytes(queue.bytesUsed)) of \(Formats.bytes(queue.bytesLimit))",
            queue.droppedReadings > 0
                ? "\(queue.droppedReadings) DROPPED" : "\(queue.bufferedReadings) not yet on disk",
        ]
    }

    private static func broker(_ status: ControlStatus, _ delivered: Double?) -> [String] {
        if status.uplinks.isEmpty { return ["no uplink", "nothing is sent", ""] }
        let connected = status.uplinks.count { $0.state == "connected" }
        let acknowledged = status.uplinks.reduce(0) { $0 &+ $1.acknowledgedReadings }
        let inFlight = status.uplinks.reduce(0) { $0 &+ $1.inFlight }
        return [
            "\(connected) of \(status.uplinks.count) connected", "\(acknowledged) delivered",
            (delivered.map { "\(Formats.oneDecimal($0))/s, " } ?? "") + "\(inFlight) in flight",
        ]
    }

    // MARK: - Lists

    private static func attention(_ status: ControlStatus) -> TopSection {
        var rows: [TopLine] = []
        if !status.configurationNote.isEmpty { rows.append(TopLine("! \(status.configurationNote)", .trouble)) }
        rows += status.warnings.map { TopLine("! \($0)", .trouble) }
        rows += status.alarms.map { alarm in
            let what = [alarm.kind, alarm.device].filter { !$0.isEmpty }.joined(separator: " ")
            return TopLine("! \(what)  since \(Formats.shortTime(alarm.since))  \(alarm.detail)", .trouble)
        }
        return TopSection(title: rows.isEmpty ? "NO ALARMS" : "ALARMS", rows: rows)
    }

    private static func buses(_ buses: [ControlBus]) -> TopSection {
        let width = min(20, buses.map(\.name.count).max() ?? 0)
        let sorted = buses.filter { $0.state != "running" } + buses.filter { $0.state == "running" }
        let rows = sorted.map { bus in
            let start = "\(Formats.fit(bus.name, width))  \(Formats.fit(bus.state, 9))"
            guard bus.state == "running" else { return TopLine("! \(start)  \(bus.detail)", .trouble) }
            let load = Formats.percent(permille: bus.utilisationPermille)
            let gap = String(repeating: " ", count: max(0, 5 - load.count))
            return TopLine(
                "  \(start)  load \(gap)\(load) \(bar(bus.utilisationPermille))  \(bus.devicesGood) of \(bus.devicesTotal) answer  \(bus.driver) \(bus.port)"
            )
        }
        return TopSection(title: "BUSES", rows: rows)
    }

    /// `[####------]`, one mark per started tenth.
    private static func bar(_ permille: UInt32) -> String {
        let marks = Int(min(1000, permille) + 99) / 100
        return "[" + String(repeating: "#", count: marks) + String(repeating: "-", count: 10 - marks) + "]"
    }

    private static func uplinks(_ uplinks: [ControlUplink]) -> TopSection {
        let width = min(20, uplinks.map(\.name.count).max() ?? 0)
        let sorted = uplinks.filter { $0.state != "connected" } + uplinks.filter { $0.state == "connected" }
        let rows = sorted.map { uplink in
            let isWell = uplink.state == "connected"
            let start = "\(isWell ? " " : "!") \(Formats.fit(uplink.name, width))  \(Formats.fit(uplink.state, 10))"
            guard isWell else {
                var why = uplink.detail[...]
                if why.hasPrefix(uplink.url + ": ") { why = why.dropFirst(uplink.url.count + 2) }
                return TopLine("\(start)  \(uplink.unsentBatches) batches wait  \(why)", .trouble)
            }
            return TopLine(
                "\(start)  \(uplink.unsentBatches) batches wait, \(uplink.inFlight) in flight  \(uplink.url)")
        }
        return TopSection(title: uplinks.isEmpty ? "NO UPLINKS" : "UPLINKS", rows: rows)
    }

    private static func devices(_ devices: [ControlDeviceInfo], width: Int) -> TopSection {
        let nameWidth = min(24, devices.map(\.name.count).max() ?? 0)
        let rank = ["offline": 0, "disabled": 1, "failing": 2, "unknown": 3]
        let isWell = { (device: ControlDeviceInfo) in device.state == "online" && !TellingValues.hasFault(device) }
        let unwell = devices.filter { !isWell($0) }.sorted {
            rank[$0.state, default: 4] < rank[$1.state, default: 4]
        }
        let rows = (unwell + devices.filter(isWell)).map { device in
            let age = Formats.shortAge(Formats.lastAnswer(device))
            let gap = String(repeating: " ", count: max(0, 6 - age.count))
            let well = isWell(device)
            let start =
                "\(well ? " " : "!") \(Formats.fit(device.name, nameWidth))  \(Formats.fit(device.state, 8)) \(gap)\(age)  "
            let what = TellingValues.text(of: device, named: width >= wide)
            return TopLine(start + what, well ? .plain : .trouble)
        }
        let well = devices.count - unwell.count
        return TopSection(title: "DEVICES  (\(well) well, \(unwell.count) not; last answer, values)", rows: rows)
    }

    /// From this width on values are shown with their names.
    private static let wide = 120

    // MARK: - Room

    /// How many rows each section gets: first a few for each, then all of them in the order of what a person needs most.
    static func budgets(_ wanted: [Int], rows: Int) -> [Int] {
        var given = [0, 0, 0, 0]
        var left = max(0, rows)
        func give(_ section: Int, upTo count: Int) {
            let more = min(left, max(0, min(wanted[section], count) - given[section]))
            given[section] += more
            left -= more
        }
        let quarter = max(2, rows / 4)
        for (section, least) in [(0, 2), (1, 2), (3, 2), (2, 1)] { give(section, upTo: least) }
        for (section, share) in [(1, quarter), (0, quarter), (2, 2), (3, .max), (0, .max), (1, .max), (2, .max)] {
            give(section, upTo: share)
        }
        return given
    }
}

/// A titled list that may be longer than there is room.
struct TopSection {
    let title: String
    let rows: [TopLine]

    func lines(rows room: Int) -> [TopLine] {
        var lines = [TopLine(title, .heading)]
        if rows.count <= room { return lines + rows }
        // One row alone shows the first trouble rather than a number.
        if room == 1 { return lines + rows.prefix(1) }
        if room > 1 {
            lines += rows.prefix(room - 1)
            lines.append(TopLine("  ... \(rows.count - room + 1) more"))
        }
        return lines
    }
}

extension String {
    /// Without the blanks at its end.
    func trimmingEnd() -> String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
