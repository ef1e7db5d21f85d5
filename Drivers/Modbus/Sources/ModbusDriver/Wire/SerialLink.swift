internal import CLinux
internal import DriverKit
internal import Telemetry

/// A line of Modbus RTU on a serial port. Keeps the silences, sends, and listens through an ``RTUReceiver``.
final class SerialLink: ModbusLink {
    /// Between two bytes of one answer: an FTDI adapter hands over bytes every 16 ms unless told otherwise, a loaded
    /// gateway adds some; longer gaps are a broken frame.
    static let byteTimeout: Duration = .milliseconds(60)
    /// Quiet after a broken frame covers an adapter's latency timer too.
    static let shortestQuiet: Duration = .milliseconds(20)
    /// A line that talks for longer without being asked has another master or a stuck transceiver on it. The longest
    /// frame at 1200 baud takes 2.3 s.
    static let restlessLimit: Duration = .milliseconds(2_500)
    /// An adapter hands over its last bytes up to this much before their own time on the wire would say.
    static let burst: Duration = .milliseconds(2)
    /// What all devices need to act on a broadcast (Modbus over Serial Line V1.02, clause 2.4.1: 100 to 200 ms).
    static let broadcastTurnaround: Duration = .milliseconds(100)

    let path: String
    let options: SerialLineOptions
    let turnaround: Duration
    private let configured: SerialSettings
    private let finder: SerialPortFinder
    private let log: (String) -> Void
    private(set) var settings: SerialSettings
    private var line: SerialLine?
    private var adapter: SerialAdapter?
    private var echo: RTUReceiver.Echo
    private var lastUnit: UInt8?
    /// The line may be used again from here on...
    private var free = BootInstant(nanoseconds: 0)
    /// ...for since then it carries nothing.
    private var quiet = BootInstant(nanoseconds: 0)

    /// - Parameter log: gets lines for the gateway's log, such as an echo that was found.
    init(
        path: String, _ settings: SerialSettings, turnaround: Duration,
        options: SerialLineOptions = SerialLineOptions(),
        finder: SerialPortFinder = SerialPortFinder(), log: @escaping (String) -> Void = { _ in }
    ) {
        self.path = path
        self.settings = settings
        configured = settings
        self.turnaround = turnaround
        self.options = options
        self.finder = finder
        self.log = log
        echo = options.echo
    }

    var title: String {
        guard let line, line.path != path else { return "\(path) \(settings.words)" }
        return "\(path) (now \(line.path)) \(settings.words)"
    }
    var isOpen: Bool { line != nil }
    var silence: Duration { settings.silence }
    var survivesLateAnswers: Bool { false }
    func wireTime(bytes: Int) -> Duration { settings.time(characters: bytes) }

    func open() throws(LinkFailure) {
        close()
        let present = try finder.resolve(path, last: adapter)
        line = try SerialLine(path: present, settings, options, finder, log: log)
        adapter = finder.adapter(of: present) ?? adapter
        echo = options.echo
        quiet = BootClock.now()
        free = quiet.advanced(by: silence)
    }

    func close() { line = nil }

    func retune(_ settings: SerialSettings?) throws(LinkFailure) {
        let wanted = settings ?? configured
        guard wanted != self.settings || line == nil else { return }
        close()
        self.settings = wanted
        try open()
    }

    func listen(for limit: Duration) -> [HeardBytes] {
        let end = BootClock.now().advanced(by: limit)
        var heard: [HeardBytes] = []
        while BootClock.now() < end {
            do throws(SerialLine.Gone) {
                guard let bytes = try line?.read(until: end), !bytes.isEmpty else { break }
                heard.append(HeardBytes(at: BootClock.now(), bytes: bytes))
            } catch {
                close()
                break
            }
        }
        if let last = heard.last {
            quiet = last.at
            free = max(free, last.at.advanced(by: silence))
        }
        return heard
    }

    // MARK: an exchange

    func exchange(_ request: ModbusRequest, unit: UInt8, timeout: Duration, pause: Duration) -> Exchange {
        let called = BootClock.now()
        let frame = RTUFrame.checked([unit] + request.bytes)
        var strays = LineStrays()
        var began = called
        var rested: Duration = .zero
        func result(
            _ outcome: Exchange.Outcome, _ received: [UInt8] = [], sent: [UInt8], at end: BootInstant? = nil,
            latency: Duration? = nil
        ) -> Exchange {
            Exchange(
                outcome: outcome, sent: sent, received: received, began: called, ended: end ?? BootClock.now(),
                silent: began.duration(since: called), strays: strays, rested: rested, latency: latency)
        }
        if line == nil {
            do { try open() } catch { return result(.gone(error.message), sent: []) }
        }
        do throws(SerialLine.Gone) {
            guard try keepSilence(pause: pause, &strays) else {
                return result(
                    .broken("the line does not fall silent: another master, or a transceiver that is stuck"), sent: [])
            }
            rested = restedBefore(called, pause: pause)
            began = BootClock.now()
            try line?.write(frame)
            lastUnit = unit
            // The kernel takes the request at once; its time on the wire is not the device's.
            let sentEnd = began.advanced(by: wireTime(bytes: frame.count))
            quiet = sentEnd
            free = sentEnd.advanced(by: silence + turnaround)
            guard unit != 0 else {
                free = max(free, sentEnd.advanced(by: Self.broadcastTurnaround))
                return result(.answer(.written), sent: frame, at: sentEnd)
            }
            var receiver = RTUReceiver(
                unit: unit, request: request, sent: frame, deadline: sentEnd.advanced(by: timeout),
                byteTimeout: Self.byteTimeout, quiet: max(silence, Self.shortestQuiet), echo: echo)
            let heard = try receive(&receiver)
            strays.add(receiver.strays)
            quiet = receiver.lastByte ?? sentEnd
            free = max(free, quiet.advanced(by: silence + turnaround))
            judge(receiver, heard)
            let latency = receiver.firstByte.map { max(.zero, $0.duration(since: sentEnd)) }
            switch heard {
            case .silence: return result(.silence, sent: frame)
            case .broken(let what, let bytes): return result(.broken(what), bytes, sent: frame, latency: latency)
            case .frame(let answer):
                let outcome: Exchange.Outcome
                do throws(AnswerMismatch) {
                    outcome = .answer(try ModbusAnswer(Array(answer.dropFirst().dropLast(2)), to: request))
                } catch {
                    outcome = .broken(error.reason)
                }
                return result(outcome, answer, sent: frame, at: receiver.lastByte, latency: latency)
            }
        } catch {
            let title = title
            close()
            return result(.gone("\(title): \(ModbusContext.text(error.code))"), sent: [])
        }
    }

    /// Waits until the line was silent for long enough; what comes meanwhile is counted and begins the wait anew.
    private func keepSilence(pause: Duration, _ strays: inout LineStrays) throws(SerialLine.Gone) -> Bool {
        let limit = BootClock.now().advanced(by: Self.restlessLimit + pause)
        var heard: [UInt8] = []
        while true {
            SerialLine.sleep(until: free.advanced(by: pause))
            guard let waiting = try line?.readWaiting(), !waiting.isEmpty else { break }
            heard += waiting
            let now = BootClock.now()
            quiet = now
            free = now.advanced(by: max(silence, Self.shortestQuiet))
            guard now < limit else { return false }
        }
        if !heard.isEmpty { strays.add(RTUReceiver.strays(heard, lastUnit: lastUnit)) }
        return true
    }

    /// How much of the silence that is due before a request had passed by then.
    private func restedBefore(_ called: BootInstant, pause: Duration) -> Duration {
        let due = free.advanced(by: pause)
        return max(.zero, min(called, due).duration(since: quiet))
    }

    private func receive(_ receiver: inout RTUReceiver) throws(SerialLine.Gone) -> RTUReceiver.Result {
        while true {
            switch receiver.step(at: BootClock.now()) {
            case .done(let result): return result
            case .wait(let until, let missing):
                // Woken for each single byte of an answer the processor would do nothing else: sleep while they must still be
                // on the wire.
                let nap = wireTime(bytes: missing) - Self.burst
                if missing > 1, nap > .zero {
                    SerialLine.sleep(until: min(until, BootClock.now().advanced(by: nap)))
                }
                guard let bytes = try line?.read(until: until) else { throw SerialLine.Gone(code: 0) }
                receiver.take(bytes, at: BootClock.now())
            }
        }
    }

    /// Learns from an exchange whether the adapter sends our own bytes back.
    private func judge(_ receiver: RTUReceiver, _ result: RTUReceiver.Result) {
        guard options.echo == .possible else { return }
        switch (echo, receiver.sawEcho, result) {
        case (.possible, true, _):
            echo = .expected
            log("\(title): the adapter sends our own bytes back (echo); they are taken out from now on")
        case (.expected, false, .frame), (.expected, false, .silence):
            // Another adapter, or its switch was turned.
            echo = .possible
        default: break
        }
    }
}

extension LineStrays {
    mutating func add(_ other: LineStrays) {
        foreign += other.foreign
        late += other.late
        echoes += other.echoes
        noise += other.noise
    }
}
