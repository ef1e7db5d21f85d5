internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    func connect(_ channel: any DALIChannel, at now: BootInstant) {
        guard let kind = configuration?.kind else { return }
        connection = DALIConnection(channel: channel, interface: kind.make(), now: world.now) { [weak self] record in
            self?.note(record)
        }
        greeting = ""
        linkFailures = 0
        refusals = 0
        portDetail = "\(channel.summary): open, interface not greeted yet"
    }

    /// The connection, opened and greeted if need be; nil while it cannot be had.
    func connected(at now: BootInstant) -> DALIConnection? {
        if connection == nil {
            guard reopen.isDue(at: now), let configuration else { return nil }
            do throws(SerialPortError) {
                connect(try world.open(configuration.port, configuration.settings), at: now)
            } catch {
                disconnect(error.description, at: now)
                return nil
            }
        }
        guard let connection else { return nil }
        guard greeting.isEmpty else { return connection }
        switch connection.greet() {
        case .connected(let text):
            greeting = text
            portDetail = "\(connection.summary), \(text)"
            outlet.log("\(configuration?.bus ?? "dali"): \(portDetail)")
            reopen.succeeded()
            resumeAll(at: world.now())
            return connection
        case .failed(let text):
            disconnect("\(connection.summary): \(text)", at: world.now())
            return nil
        }
    }

    func disconnect(_ sentence: String, at now: BootInstant) {
        if portDetail != sentence { outlet.log("\(configuration?.bus ?? "dali"): \(sentence)") }
        connection = nil
        greeting = ""
        portDetail = sentence
        reopen.failed(at: now)
        loseAll(sentence, at: now)
    }

    /// Counts failures of the interface itself; several in a row and it is greeted anew.
    func judge(_ outcome: DALIOutcome, at now: BootInstant) {
        guard case .error(let failure) = outcome else {
            linkFailures = 0
            refusals = 0
            return
        }
        switch failure {
        case .busDown(let fault): noteBus(fault, at: now)
        case .portLost(let sentence): disconnect(sentence, at: now)
        case .rejected(let reason) where reason != InterfacePatience.stuckBuffer:
            // It answers, so it is there: a full buffer or a macro of its own passes.
            refusals += 1
            if refusals >= Self.refusalsUntilReopen { disconnect(failure.description, at: now) }
        case .rejected, .noAnswerFromInterface:
            linkFailures += 1
            if linkFailures >= Self.linkFailuresUntilReopen { disconnect(failure.description, at: now) }
        }
    }

    func noteBus(_ fault: BusFault?, at now: BootInstant) {
        guard fault != busFault else { return }
        // Another reason is another alarm: mains on a bus that was only without voltage must be heard.
        if busIsDown { tellBus(phase: 2, fault.map { _ in "replaced by another fault" } ?? Self.busIsBack, at: now) }
        busFault = fault
        if let fault {
            tellBus(phase: 1, fault.description, at: now)
            loseAll(fault.description, at: now)
        } else {
            resumeAll(at: now)
        }
    }

    private static let busIsBack = "the DALI bus has voltage again"

    private func tellBus(phase: UInt32, _ detail: String, at now: BootInstant) {
        var event = DriverEvent()
        event.kind = "dali_bus_down"
        event.severity = 2
        event.phase = phase
        event.bootNs = UInt64(max(0, now.nanoseconds))
        event.detail = detail
        outlet.event(event)
        outlet.log("\(configuration?.bus ?? "dali"): \(detail)")
    }

    // MARK: for people

    var portState: DriverPortState {
        let isOpen = connection != nil && !greeting.isEmpty
        let fault = isOpen ? busFault.map { ": \($0)" } ?? "" : ""
        let detail = portDetail + fault
        return DriverPortState(
            isOpen: isOpen, detail: detail, utilisationPermille: load.permille(at: world.now()))
    }

    func statistics() -> DriverStatistics {
        let now = world.now()
        var statistics = DriverStatistics()
        statistics.windowUs = Self.microseconds(now.duration(since: sums.since))
        statistics.dataUs = Self.microseconds(sums.data)
        statistics.silenceUs = Self.microseconds(sums.silence)
        statistics.waitingUs = Self.microseconds(sums.waiting)
        statistics.sickUs = Self.microseconds(sums.sick)
        statistics.requests = sums.requests
        statistics.answers = sums.answers
        statistics.timeouts = sums.timeouts
        statistics.brokenFrames = sums.broken
        statistics.exceptions = sums.refusals
        sums = BusSums(since: now)
        return statistics
    }

    private static func microseconds(_ duration: Duration) -> UInt64 {
        UInt64(max(0, duration.wholeNanoseconds / 1000))
    }

    private func note(_ record: DALIConnection.Record) {
        hear(record)
        let text = frameLog.append(record, at: world.now())
        guard isTracing else { return }
        let isSent = if case .sent = record { true } else { false }
        outlet.traceRecord(
            DriverTraceRecord(
                bootNanoseconds: world.now().nanoseconds, sent: isSent, bytes: record.bytes, text: text))
    }
}

extension DALIOutcome {
    func text(_ request: DALIRequest) -> String {
        switch self {
        case .none: request.expectsReply ? "no answer" : "sent"
        case .reply(let value): "answer \(value) (\(hexadecimal([value])))"
        case .collision: "unreadable answer: two or more gear at once"
        case .error(let failure): failure.description
        }
    }
}

extension DALIEvent {
    var text: String {
        switch self {
        case .foreignFrame(let frame): "another controller: \(frame)"
        case .backward(let value): "answer \(value) to no question of ours"
        case .framing: "bits that are no frame"
        case .busDown(let fault): fault.description
        case .busUp: "the bus has voltage again"
        case .gateway(let code, let text): "interface says \(code): \(text)"
        }
    }
}
