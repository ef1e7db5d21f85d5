internal import Telemetry

/// Lunatone LUBA (RS-232 or USB, 38400 8N1), names after the vendor's protocol description, section 2.
///
/// A request is: ADD DALI FRAME TO TX BUFFER, accepted or rejected; then an event that the frame was sent (two when it goes
/// twice); then, for a query, an event with the answer, or silence.
///
/// The settings (2A) are never written, not even to read them: that command sets mode, event filter and hardware at once,
/// and its hardware byte switches an integrated bus supply, so one wrong bit blackens a street. Its events arrive
/// unfiltered and are sorted out here.
struct LUBAInterface: DALIInterface {
    /// From a command to its answer. The interface answers within milliseconds; a busy bus can delay it.
    static let answerTimeout: Duration = .milliseconds(1_000)
    /// From an accepted frame to the event that it was sent: other controllers may hold the bus.
    static let sentTimeout: Duration = .milliseconds(1_000)
    /// From the event that a query was sent to its answer: 10.5 ms settling and 7.5 ms frame on the bus, and up to 16 ms that a
    /// USB converter may hold back the one event and not the other.
    static let replyTimeout: Duration = .milliseconds(40)
    /// The same on the interface's own clock, where no converter stands between: 13.4 ms until no answer may begin any more and
    /// 7.5 ms of frame, and what two roundings to milliseconds add. Beyond it an answer comes too late for this question.
    static let replyTicks: UInt16 = 25
    /// How long the rest of a request that timed out may linger in the interface before it counts as dead.
    static let drainTimeout: Duration = .seconds(2)
    /// A drained interface is asked again this soon while frames are still in its buffer.
    static let drainInterval: Duration = .milliseconds(20)

    private enum State: Sendable {
        case disconnected
        /// Asked who it is.
        case identifying
        /// Asked whether the bus has voltage; `description` says who it is.
        case askingStatus(description: String)
        case idle
        case awaitingAcceptance(DALIRequest, begun: BootInstant)
        /// The send buffer was full: handed over again at the deadline.
        case pausing(DALIRequest, begun: BootInstant)
        case awaitingSent(DALIRequest, id: UInt8, remaining: Int)
        case awaitingReply(DALIRequest, sentTick: UInt16)
        /// Nothing in flight, status asked for because the bus had no voltage.
        case checkingBus
        /// A request timed out. Its frame may still be waiting in the interface: nothing new begins before it is gone, lest its
        /// answer be taken for the new one's.
        case draining(next: DALIRequest?, until: BootInstant)
    }

    private var state = State.disconnected
    private var decoder = LUBA.Decoder()
    private var desk = InterfaceDesk()
    /// A request was given up with its frame perhaps still in the interface.
    private var mustDrain = false
    /// Ids of accepted frames that were given up: their sent-events confirm nothing.
    private var abandoned: Set<UInt8> = []

    var deadline: BootInstant? { desk.deadline }
    var busFault: BusFault? { desk.busFault }
    var isIdle: Bool {
        switch state {
        case .idle, .checkingBus: true
        default: false
        }
    }

    mutating func connect(at now: BootInstant) {
        decoder.reset()
        desk.reset()
        abandoned.removeAll()
        mustDrain = false
        state = .identifying
        write(LUBA.queryDeviceInformation, timeout: Self.answerTimeout, now)
    }

    mutating func begin(_ request: DALIRequest, at now: BootInstant) {
        precondition(isIdle, "a request begins when the one before has ended")
        if mustDrain {
            state = .draining(next: request, until: now.advanced(by: Self.drainTimeout))
            write(LUBA.readStatus, timeout: Self.answerTimeout, now)
        } else {
            submit(request, begun: now, now)
        }
    }

    mutating func nextAction() -> InterfaceAction? { desk.next() }

    mutating func received(_ bytes: [UInt8], at now: BootInstant) {
        decoder.append(bytes)
        while let frame = decoder.next() { handle(frame, now) }
    }

    mutating func elapsed(at now: BootInstant) {
        guard let due = desk.deadline, due <= now else { return }
        // Garbage that looked like the start of a frame may hide the answer.
        decoder.abandonPartialFrame()
        received([], at: now)
        guard let due = desk.deadline, due <= now else { return }
        desk.deadline = nil
        expire(now)
    }

    // MARK: time

    private mutating func expire(_ now: BootInstant) {
        switch state {
        case .disconnected: break
        case .identifying, .askingStatus:
            state = .disconnected
            desk.connectFailed("LUBA", line: "38400 8N1", garbage: decoder.skipped)
        case .idle:
            if isBusDown {
                state = .checkingBus
                write(LUBA.readStatus, timeout: Self.answerTimeout, now)
            }
        case .checkingBus:
            becomeIdle(now)
        case .pausing(let request, let begun): submit(request, begun: begun, now)
        case .awaitingAcceptance:
            mustDrain = true
            fail("the LUBA interface took no notice of a frame within \(Self.answerTimeout.wholeMilliseconds) ms", now)
        case .awaitingSent(_, let id, _):
            abandoned.insert(id)
            mustDrain = true
            fail(
                "the LUBA interface took a frame and did not report it as sent within \(Self.sentTimeout.wholeMilliseconds) ms:"
                    + " the bus is held by another controller, or the interface's event filter hides sent frames", now)
        case .awaitingReply:
            finish(.none, now)
        case .draining(let next, let until):
            guard now < until else {
                fail("the LUBA interface no longer answers: check its cable and power", now)
                return
            }
            state = .draining(next: next, until: until)
            write(LUBA.readStatus, timeout: Self.answerTimeout, now)
        }
    }

    // MARK: frames

    private mutating func handle(_ frame: LUBA.Frame, _ now: BootInstant) {
        switch frame.command {
        case LUBA.Code.deviceInformationAnswer:
            guard case .identifying = state else { return }
            state = .askingStatus(description: Self.describe(frame.data))
            write(LUBA.readStatus, timeout: Self.answerTimeout, now)
        case LUBA.Code.statusAnswer: handleStatus(frame.data, now)
        case LUBA.Code.sendAnswer: handleAcceptance(frame.data, now)
        case LUBA.Code.event:
            guard let event = LUBA.Event(frame.data) else { return }
            handle(event, tick: LUBA.Event.tick(frame.data), now)
        default: break
        }
    }

    private mutating func handleStatus(_ data: [UInt8], _ now: BootInstant) {
        // line tick(2) id entries status; the line alone when it does not exist.
        guard data.count >= 6 else {
            if case .askingStatus = state {
                state = .disconnected
                desk.deadline = nil
                desk.add(.connectFailed("the LUBA interface has no DALI line 0"))
            }
            return
        }
        desk.noteBus(data[5] & 0x80 != 0 ? .noVoltage : nil)
        switch state {
        case .askingStatus(let description):
            becomeIdle(now)
            desk.connected(description)
        case .checkingBus: becomeIdle(now)
        case .draining(let next, _):
            if data[4] > 0 {
                desk.deadline = now.advanced(by: Self.drainInterval)
            } else {
                mustDrain = false
                if let next { submit(next, begun: now, now) } else { becomeIdle(now) }
            }
        default: break
        }
    }

    private mutating func handleAcceptance(_ data: [UInt8], _ now: BootInstant) {
        guard case .awaitingAcceptance(let request, let begun) = state else { return }
        if data.count >= 2 {
            abandoned.remove(data[0])
            state = .awaitingSent(request, id: data[0], remaining: request.isSentTwice ? 2 : 1)
            desk.deadline = now.advanced(by: Self.sentTimeout)
            return
        }
        guard let rejection = LUBA.Rejection(rawValue: data[0]) else {
            finish(.error(.rejected("reason \(data[0]), which LUBA's description does not name")), now)
            return
        }
        switch rejection {
        case .busVoltage:
            desk.noteBus(.noVoltage)
            finish(.error(.busDown(.noVoltage)), now)
        case .bufferFull where now < begun.advanced(by: InterfacePatience.retryLimit):
            state = .pausing(request, begun: begun)
            desk.deadline = now.advanced(by: InterfacePatience.retryPause)
        default: finish(.error(.rejected(rejection.text)), now)
        }
    }

    private mutating func handle(_ event: LUBA.Event, tick: UInt16, _ now: BootInstant) {
        switch (event, state) {
        case (.sent(let id, let frame), .awaitingSent(let request, let accepted, let remaining)):
            // A confirmation of another frame, or of one given up earlier, confirms nothing.
            if frame != request.frame || abandoned.remove(id) != nil { return }
            if remaining > 1 {
                state = .awaitingSent(request, id: accepted, remaining: remaining - 1)
                desk.deadline = now.advanced(by: Self.sentTimeout)
            } else if request.expectsReply {
                state = .awaitingReply(request, sentTick: tick)
                desk.deadline = now.advanced(by: Self.replyTimeout)
            } else {
                finish(.none, now)
            }
        case (.sent(let id, _), _): abandoned.remove(id)
        case (.backward(let value), .awaitingReply(_, let sentTick)):
            if tick &- sentTick <= Self.replyTicks {
                finish(.reply(value), now)
            } else {
                desk.add(.event(.backward(value)))
            }
        case (.backward(let value), _): desk.add(.event(.backward(value)))
        case (.framing, .awaitingReply(_, let sentTick)) where tick &- sentTick <= Self.replyTicks:
            finish(.collision, now)
        case (.framing, _): desk.add(.event(.framing))
        case (.received(let frame), .awaitingReply):
            // Another controller's frame stands after ours on the bus: the time for an answer is over.
            finish(.none, now)
            desk.add(.event(.foreignFrame(frame)))
        case (.received(let frame), _): desk.add(.event(.foreignFrame(frame)))
        case (.other, _): break
        }
    }

    // MARK: transitions

    private mutating func submit(_ request: DALIRequest, begun: BootInstant, _ now: BootInstant) {
        state = .awaitingAcceptance(request, begun: begun)
        write(LUBA.send(request), timeout: Self.answerTimeout, now)
    }

    private mutating func write(_ frame: LUBA.Frame, timeout: Duration, _ now: BootInstant) {
        desk.write(frame.bytes, timeout: timeout, at: now)
    }

    private mutating func finish(_ outcome: DALIOutcome, _ now: BootInstant) {
        desk.add(.finished(outcome))
        becomeIdle(now)
    }

    private mutating func fail(_ sentence: String, _ now: BootInstant) {
        finish(.error(.noAnswerFromInterface(sentence)), now)
    }

    private mutating func becomeIdle(_ now: BootInstant) {
        state = .idle
        desk.deadline = isBusDown ? now.advanced(by: InterfacePatience.busDownInterval) : nil
    }

    /// `GTIN(6) identification(8) board(1) assembly(1) article(4)`.
    private static func describe(_ data: [UInt8]) -> String {
        guard data.count >= 20 else { return "LUBA interface" }
        let article = data[16..<20].reduce(0) { $0 << 8 | UInt32($1) }
        let identification = data[6..<14].reduce(0) { $0 << 8 | UInt64($1) }
        return "LUBA interface, article \(article), number \(identification)"
    }
}
