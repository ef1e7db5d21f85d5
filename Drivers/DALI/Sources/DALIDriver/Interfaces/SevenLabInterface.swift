internal import Telemetry

/// SevenLab DALI-USB (USB-serial, 500000 8N1), firmware 3.5 as published.
///
/// A request is one line; the interface hears its own frame on the bus and tells it (`>`), and after a query (`Q`) always tells
/// the answer or that none came. What comes before our frame was heard answers something else.
struct SevenLabInterface: DALIInterface {
    /// From `?` to the greeting.
    static let answerTimeout: Duration = .milliseconds(1_000)
    /// From a line to its frame on the bus: other controllers may hold it.
    static let sentTimeout: Duration = .milliseconds(1_000)
    /// From a query's frame to its result: 25 ms on the bus, and up to 16 ms that a USB converter holds bytes back; the rest is for
    /// a busy machine, since a result always comes.
    static let resultTimeout: Duration = .milliseconds(200)
    /// After a request was given up, what is still to come of it comes within this: a frame of 24 bits twice and its answer.
    static let drainPause: Duration = .milliseconds(200)
    /// Frames in a row that an interface which answers did not send: the bus does not work.
    static let unsentUntilDown = 2
    /// QUERY CONTROL GEAR PRESENT to all: when its own frame is heard again, the bus works.
    static let probe = DALIRequest(ForwardFrame(bits: 16, data: 0xFF91), priority: .polling, expectsReply: true)

    private struct Flight: Sendable {
        let request: DALIRequest
        let begun: BootInstant
        /// Frames of ours still to be heard.
        var remaining: Int
        var isResent = false
        var collisions = 0

        init(_ request: DALIRequest, at begun: BootInstant) {
            self.request = request
            self.begun = begun
            remaining = request.isSentTwice ? 2 : 1
        }
    }

    private enum State: Sendable {
        case disconnected
        case identifying
        case idle
        case awaitingFrame(Flight)
        case awaitingResult(Flight)
        /// Sent again at the deadline.
        case pausing(Flight)
        /// A request was given up; first the interface must show that it lives.
        case checking(next: DALIRequest)
        /// It lives; what is left of the old request passes.
        case draining(next: DALIRequest)
    }

    private var state = State.disconnected
    private var decoder = SevenLab.Decoder()
    private var desk = InterfaceDesk()
    private var mustDrain = false
    private var unsent = 0

    var deadline: BootInstant? { desk.deadline }
    var busFault: BusFault? { desk.busFault }
    var isIdle: Bool { if case .idle = state { true } else { false } }

    mutating func nextAction() -> InterfaceAction? { desk.next() }

    mutating func connect(at now: BootInstant) {
        decoder.reset()
        desk.reset()
        mustDrain = false
        unsent = 0
        state = .identifying
        desk.write(SevenLab.queryVersion, timeout: Self.answerTimeout, at: now)
    }

    mutating func begin(_ request: DALIRequest, at now: BootInstant) {
        precondition(isIdle, "a request begins when the one before has ended")
        if mustDrain {
            state = .checking(next: request)
            desk.write(SevenLab.queryVersion, timeout: Self.answerTimeout, at: now)
        } else {
            submit(Flight(request, at: now), now)
        }
    }

    mutating func received(_ bytes: [UInt8], at now: BootInstant) {
        decoder.append(bytes)
        while let message = decoder.next() { handle(message, now) }
    }

    mutating func elapsed(at now: BootInstant) {
        guard let due = desk.deadline, due <= now else { return }
        desk.deadline = nil
        switch state {
        case .disconnected: break
        case .identifying:
            state = .disconnected
            desk.connectFailed("SevenLab", line: "500000 8N1", garbage: decoder.skipped)
        case .idle:
            if desk.busFault != nil { desk.write(SevenLab.send(Self.probe)) }
            becomeIdle(now)
        case .awaitingFrame:
            unsent += 1
            mustDrain = true
            fail(
                "the SevenLab interface did not send a frame within \(Self.sentTimeout.wholeMilliseconds) ms: the bus has no voltage or"
                    + " is held by another controller", now)
        case .awaitingResult:
            mustDrain = true
            fail("the SevenLab interface sent a query and did not say what came of it", now)
        case .pausing(let flight): submit(flight, now)
        case .checking: fail("the SevenLab interface no longer answers: check its cable", now)
        case .draining(let next):
            mustDrain = false
            submit(Flight(next, at: now), now)
        }
    }

    // MARK: messages

    private mutating func handle(_ message: SevenLab.Message, _ now: BootInstant) {
        switch message {
        case .version(let number): greeted(number, now)
        case .sent(let frame): sent(frame, now)
        case .backward(let value):
            guard case .awaitingResult = state else {
                desk.add(.event(.backward(value)))
                return
            }
            finish(.reply(value), now)
        case .received(let frame):
            // Another controller's frame stands after ours on the bus: the time for an answer is over.
            if case .awaitingResult = state { finish(.none, now) }
            desk.add(.event(.foreignFrame(frame)))
        case .status(let status, _): handle(status, now)
        }
    }

    private mutating func greeted(_ version: String, _ now: BootInstant) {
        switch state {
        case .identifying:
            becomeIdle(now)
            desk.connected("SevenLab DALI-USB interface, version \(version)")
        case .checking(let next):
            guard unsent < Self.unsentUntilDown else {
                noteBus(.noVoltage, now)
                return
            }
            state = .draining(next: next)
            desk.deadline = now.advanced(by: Self.drainPause)
        default: break
        }
    }

    private mutating func sent(_ frame: ForwardFrame, _ now: BootInstant) {
        // What is heard on the bus proves that it works.
        noteBus(nil, now)
        guard case .awaitingFrame(var flight) = state, frame == flight.request.frame else { return }
        unsent = 0
        flight.remaining -= 1
        if flight.remaining > 0 {
            state = .awaitingFrame(flight)
            desk.deadline = now.advanced(by: Self.sentTimeout)
        } else if flight.request.expectsReply, !flight.request.isSentTwice {
            state = .awaitingResult(flight)
            desk.deadline = now.advanced(by: Self.resultTimeout)
        } else {
            finish(.none, now)
        }
    }

    private mutating func handle(_ status: SevenLab.Status, _ now: BootInstant) {
        switch (status, state) {
        case (.timeout, .awaitingResult): finish(.none, now)
        case (.badStartBit, .awaitingResult), (.badDataBit, .awaitingResult): finish(.collision, now)
        case (.collisionLoopback, .awaitingFrame(let flight)), (.collisionNoChange, .awaitingFrame(let flight)),
            (.collisionWrongState, .awaitingFrame(let flight)):
            collided(flight, now)
        case (.badStartBit, _), (.badDataBit, _), (.collisionLoopback, _), (.collisionNoChange, _),
            (.collisionWrongState, _):
            desk.add(.event(.framing))
        case (.busLow, _): noteBus(.noVoltage, now)
        case (.busRecovered, _), (.idle, _): noteBus(nil, now)
        case (.queueFull, .awaitingFrame(let flight)):
            guard now < flight.begun.advanced(by: InterfacePatience.retryLimit) else {
                mustDrain = true
                finish(.error(.rejected(InterfacePatience.stuckBuffer)), now)
                return
            }
            pause(flight, now)
        case (.overflow, .awaitingFrame(var flight)) where !flight.isResent:
            flight.isResent = true
            pause(flight, now)
        case (.overflow, .awaitingFrame): refuse("bytes on the line to it are lost, twice in a row", now)
        case (.cannotProcess, .awaitingFrame): refuse("it cannot process the command", now)
        case (.badArgument, .awaitingFrame), (.badCommand, .awaitingFrame):
            refuse("it does not understand the frame", now)
        case (.noError, _), (.timeout, _): break
        default: desk.add(.event(.gateway(code: Int(status.rawValue), text: Self.words(status))))
        }
    }

    private static func words(_ status: SevenLab.Status) -> String {
        switch status {
        case .settlingViolation: "a frame on the bus began too early"
        case .queueFull: "its send queue was full"
        case .overflow: "bytes on the line to it were lost"
        case .cannotProcess, .badArgument, .badCommand: "it did not understand a line"
        default: "a condition of no consequence"
        }
    }

    // MARK: transitions

    private mutating func collided(_ flight: Flight, _ now: BootInstant) {
        guard flight.collisions < InterfacePatience.collisionRetries else {
            finish(.error(.rejected(InterfacePatience.disturbed)), now)
            return
        }
        var again = Flight(flight.request, at: flight.begun)
        again.collisions = flight.collisions + 1
        submit(again, now)
    }

    private mutating func pause(_ flight: Flight, _ now: BootInstant) {
        state = .pausing(flight)
        desk.deadline = now.advanced(by: InterfacePatience.retryPause)
    }

    private mutating func noteBus(_ fault: BusFault?, _ now: BootInstant) {
        guard fault != desk.busFault else { return }
        desk.noteBus(fault)
        if fault == nil { unsent = 0 }
        switch (state, fault) {
        case (.awaitingFrame, .some(let fault)), (.awaitingResult, .some(let fault)), (.pausing, .some(let fault)),
            (.checking, .some(let fault)), (.draining, .some(let fault)):
            mustDrain = true
            finish(.error(.busDown(fault)), now)
        case (.idle, _): becomeIdle(now)
        default: break
        }
    }

    private mutating func submit(_ flight: Flight, _ now: BootInstant) {
        state = .awaitingFrame(flight)
        desk.write(SevenLab.send(flight.request), timeout: Self.sentTimeout, at: now)
    }

    private mutating func refuse(_ reason: String, _ now: BootInstant) { finish(.error(.rejected(reason)), now) }

    private mutating func finish(_ outcome: DALIOutcome, _ now: BootInstant) {
        desk.add(.finished(outcome))
        becomeIdle(now)
    }

    private mutating func fail(_ sentence: String, _ now: BootInstant) {
        finish(.error(.noAnswerFromInterface(sentence)), now)
    }

    private mutating func becomeIdle(_ now: BootInstant) {
        state = .idle
        desk.deadline = desk.busFault == nil ? nil : now.advanced(by: InterfacePatience.busDownInterval)
    }
}
