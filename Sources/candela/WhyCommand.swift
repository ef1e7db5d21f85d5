import ArgumentParser
import ControlProtocol
import Telemetry

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Why a device gives trouble: its state, the last failing exchange, and likely causes.",
        discussion: """
            Needs the daemon. Causes are suggested from counters of the device, its bus and its neighbours, each with what \
            speaks for it; they are no diagnosis. Exit status 0 when the device is well, 1 when it is not.
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "The device.") var device: String

    func run() async throws {
        var client = try Daemon.connect(options)
        var question = Inquiry(device: device)
        try question.ask(&client)
        if options.json { Output.print(question.json) } else { Output.print(question.text) }
        if question.info.state != "online" || question.evidence.isWrongDevice || !question.faults.isEmpty {
            throw ExitStatus.failed
        }
    }
}

/// Everything the daemon knows that bears on one device.
struct Inquiry {
    private(set) var info = ControlDeviceInfo()
    private(set) var evidence = Evidence()
    /// What the fault rules found at this lamp, or at the feeder it hangs on.
    private(set) var faults: [ControlFault] = []
    private var hasMains = true
    private var events: [ControlEventLine] = []
    private var since = ""
    private var exchange: JSONValue?
    private var isFrozen = false
    /// What could not be asked, in words.
    private var missing: [String] = []
    private let device: String

    /// Events looked at, newest first: a week shows whether it comes and goes.
    private static let eventsShown = 8

    init(device: String) { self.device = device }

    mutating func ask(_ client: inout ControlClient) throws {
        var request = ControlRequest()
        request.devices = ControlDevicesRequest()
        let all = try Daemon.ask(request, &client).devices.devices
        guard let mine = all.first(where: { $0.name == device }) else {
            // Asked alone the daemon names the nearest one.
            request.devices.device = device
            info = try Daemon.ask(request, &client).devices.devices.first ?? info
            return
        }
        info = mine
        request.status = ControlStatusRequest()
        let status = try Daemon.ask(request, &client).status
        note(mine, all, status)
        since = status.alarms.first { $0.device == device && $0.kind == "device_offline" }?.since ?? ""
        try askStatistics(&client)
        try askRing(&client)
        if info.isLamp { try askFaults(&client) }
        request.events.device = device
        request.events.limit = UInt32(Self.eventsShown)
        do {
            events = try Daemon.ask(request, &client).events.events
        } catch let failure as CommandFailure {
            missing.append(failure.message)
        }
    }

    private mutating func note(_ mine: ControlDeviceInfo, _ all: [ControlDeviceInfo], _ status: ControlStatus) {
        let neighbours = all.filter { $0.bus == mine.bus && $0.name != mine.name && $0.state != "disabled" }
        evidence.device = mine.name
        evidence.state = mine.state
        evidence.detail = mine.detail
        evidence.requests = mine.requests
        evidence.answers = mine.requests - min(mine.requests, mine.failures)
        evidence.timeouts = mine.failures
        evidence.hasAnswered = mine.lastAnswerS >= 0
        evidence.missedIntervals = mine.missedIntervals
        evidence.neighbours = neighbours.count
        evidence.silentNeighbours = neighbours.count { $0.state == "offline" }
        evidence.isWrongDevice = mine.points.contains { $0.reason == "wrongDevice" }
        guard let bus = status.buses.first(where: { $0.name == mine.bus }) else { return }
        evidence.busState = bus.state
        evidence.busDetail = bus.detail
        evidence.isNetwork = bus.port == "tcp" || bus.port.contains("://")
        evidence.utilisationPermille = bus.utilisationPermille
    }

    private mutating func askStatistics(_ client: inout ControlClient) throws {
        var request = ControlRequest()
        request.statistics.bus = info.bus
        do {
            let sums = try Daemon.ask(request, &client).statistics
            evidence.foreignAnswers = sums.foreignAnswers
            evidence.lateAnswers = sums.lateAnswers
            evidence.echoes = sums.echoes
            evidence.brokenNeighbours = sums.devices.count { $0.device != device && $0.brokenFrames > 0 }
            guard let mine = sums.devices.first(where: { $0.device == device }) else { return }
            evidence.requests = mine.requests
            evidence.answers = mine.answers
            evidence.timeouts = mine.timeouts
            evidence.brokenFrames = mine.brokenFrames
            evidence.exceptions = mine.exceptions
            evidence.latencyMillisecondsP95 = Double(mine.latencyP95Us) / 1000
            evidence.timeoutMilliseconds = Double(mine.timeoutUs) / 1000
        } catch let failure as CommandFailure {
            missing.append(failure.message)
        }
    }

    private mutating func askRing(_ client: inout ControlClient) throws {
        var request = ControlRequest()
        request.task.bus = info.bus
        request.task.name = "ring"
        request.task.arguments = JSONValue.object([.init("device", .string(device))]).description
        do {
            let done = try Daemon.ask(request, &client).taskDone
            guard done.failure.isEmpty else { return missing.append(done.failure) }
            guard let ring = try? JSONValue(parsing: done.result) else { return }
            isFrozen = ring["frozen"] == .bool(true)
            if case .array(let exchanges)? = ring["exchanges"] {
                exchange = exchanges.last { !["answer", "ok"].contains($0["outcome"]?.text ?? "answer") }
            }
        } catch let failure as CommandFailure {
            missing.append(failure.message)
        }
    }

    private mutating func askFaults(_ client: inout ControlClient) throws {
        var request = ControlRequest()
        request.faults.target = device
        do {
            let found = try Daemon.ask(request, &client).faults
            faults = found.faults
            hasMains = !found.unpowered.contains(device)
        } catch let failure as CommandFailure {
            missing.append(failure.message)
        }
    }

    // MARK: - Showing

    var causes: [Cause] { Causes.suggest(evidence) }

    /// Lines of at most 80 columns.
    var text: String {
        var lines: [String] = []
        func add(_ text: String, indent: Int = 0) { lines += Wrapped.lines(text, indent: indent) }
        // Behind the names of the first lines.
        let column = 13
        add("device       \(info.name) on bus \(info.bus), \(info.address)", indent: column)
        add("profile      \(info.profile)", indent: column)
        add("state        \(info.state)" + (since.isEmpty ? "" : " since \(since)"), indent: column)
        add("last answer  \(Formats.age(Formats.lastAnswer(info)))", indent: column)
        let missed = Formats.count(Int(clamping: info.missedIntervals), "interval")
        add("failed       \(Formats.failures(info.failures, of: info.requests)), \(missed) missed", indent: column)
        if !info.detail.isEmpty { add("says         \(info.detail)", indent: column) }
        if !hasMains { add("mains        none: its feeder is off, so it is not asked", indent: column) }
        for fault in faults {
            let place = fault.device == device ? "" : " of \(fault.device)"
            let since = Formats.shortTime(fault.since)
            add("fault        \(fault.kind)\(place) since \(since): \(LampFaultsView.evidence(fault))", indent: column)
        }
        if let exchange {
            lines += ["", "last failing exchange\(isFrozen ? " (kept from the first failure on)" : "")"]
            if let sent = exchange["sent"]?.text, !sent.isEmpty { add("  >> \(sent)", indent: 5) }
            if let received = exchange["received"]?.text {
                add("  << \(received.isEmpty ? "nothing" : received)", indent: 5)
            }
            add(
                "  " + [exchange["outcome"], exchange["words"]].compactMap { $0?.text }.joined(separator: ": "),
                indent: 2)
        }
        lines.append("")
        if info.state == "online", causes.isEmpty, faults.isEmpty, hasMains {
            lines.append("nothing is wrong with it")
        } else if causes.isEmpty {
            lines.append("nothing in the counters speaks for a cause")
        } else {
            lines.append("likely causes, suggested from what was counted:")
            for cause in causes {
                add("  - \(cause.suggestion)", indent: 4)
                add("      because \(cause.evidence)", indent: 14)
            }
        }
        if !events.isEmpty {
            lines += ["", "events of the last day:"]
            for event in events { add("  " + EventsCommand.line(event), indent: 4) }
        }
        for words in missing { add("(\(words))", indent: 1) }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "device": ControlJSON.device(info), "since": since.isEmpty ? .null : .string(since),
            "faults": LampFaultsView.json(faults), "mains": .bool(hasMains),
            "exchange": exchange ?? .null, "frozen": .bool(isFrozen),
            "causes": .array(
                causes.map { ["suggestion": .string($0.suggestion), "evidence": .string($0.evidence)] }),
            "events": .array(events.map(EventsCommand.json)),
            "missing": .array(missing.map(JSONValue.string)),
        ]
    }
}
