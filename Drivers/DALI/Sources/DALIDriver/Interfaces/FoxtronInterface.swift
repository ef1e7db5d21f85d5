internal import Telemetry

/// Foxtron DALI232 (RS-232, 19200 8E1, powered by DTR) and DALInet (the same bytes over TCP), after the vendor's "Communication
/// protocol" 1.7.
///
/// A request is one message of type 11; the converter confirms it when it was on the bus, together with the answer (13) or
/// without one (14). Both repeat the frame, so an answer is always to its own question. Nothing new is sent before that.
struct FoxtronInterface: DALIInterface {
    /// From a question about the converter itself to its answer; 10 ms at 19,200 baud, a mobile network may add half a second.
    static let answerTimeout: Duration = .milliseconds(1_000)
    /// From a frame to its confirmation: 100 ms on a free bus; the vendor's own advice is to give up after a second.
    static let sentTimeout: Duration = .milliseconds(1_000)
    /// The vendor's advice after a message that arrived broken: once again, after a second.
    static let resendPause: Duration = .milliseconds(1_000)
    /// A frame that goes twice may be confirmed twice, the second time this soon: 28 ms on the bus and 30 ms on the line.
    static let secondTimeout: Duration = .milliseconds(120)
    /// A DALInet closes a connection on which it heard nothing for 30 s.
    static let keepAlive: Duration = .seconds(20)
    /// After its buffer was emptied one frame may still be on the bus: 73 ms when it goes twice with 24 bits, and its answer.
    static let drainPause: Duration = .milliseconds(120)
    /// How long an interface may take to empty its buffer before it counts as dead.
    static let drainTimeout: Duration = .seconds(2)

    private struct Flight: Sendable {
        let request: DALIRequest
        let begun: BootInstant
        /// The first confirmation of a frame that goes twice.
        var confirmed: DALIOutcome?
        var isResent = false
        var collisions = 0
    }

    private enum State: Sendable {
        case disconnected
        case askingFirmware
        case askingNumber(firmware: UInt16)
        case askingPower(description: String)
        case idle
        case inFlight(Flight)
        /// Sent again at the deadline.
        case pausing(Flight)
        /// A request was given up: its frame must not be sent, and its answer not taken for another's.
        case emptying(next: DALIRequest, until: BootInstant)
        case settling(next: DALIRequest)
    }

    private var state = State.disconnected
    private var decoder = Foxtron.Decoder()
    private var desk = InterfaceDesk()
    private var mustEmpty = false
    /// Whether this converter confirms a frame that goes twice only once; the vendor's text leaves it open.
    private var confirmsOnce = false
    private var lastTwice: ForwardFrame?

    var deadline: BootInstant? { desk.deadline }
    var busFault: BusFault? { desk.busFault }
    var isIdle: Bool { if case .idle = state { true } else { false } }

    mutating func nextAction() -> InterfaceAction? { desk.next() }

    mutating func connect(at now: BootInstant) {
        decoder.reset()
        desk.reset()
        // Frames of an earlier run may still wait in the converter.
        mustEmpty = true
        confirmsOnce = false
        lastTwice = nil
        state = .askingFirmware
        desk.write(Foxtron.query(Foxtron.Item.firmware), timeout: Self.answerTimeout, at: now)
    }

    mutating func begin(_ request: DALIRequest, at now: BootInstant) {
        precondition(isIdle, "a request begins when the one before has ended")
        if mustEmpty {
            state = .emptying(next: request, until: now.advanced(by: Self.drainTimeout))
            desk.write(Foxtron.clearBuffer, timeout: Self.answerTimeout, at: now)
        } else {
            submit(Flight(request: request, begun: now), now)
        }
    }

    mutating func received(_ bytes: [UInt8], at now: BootInstant) {
        decoder.append(bytes)
        while let payload = decoder.next() {
            if let message = Foxtron.Message(payload) { handle(message, now) }
        }
    }

    mutating func elapsed(at now: BootInstant) {
        guard let due = desk.deadline, due <= now else { return }
        desk.deadline = nil
        switch state {
        case .disconnected: break
        case .askingFirmware:
            state = .disconnected
            desk.connectFailed("Foxtron", line: "19200 8E1, DTR on", garbage: decoder.skipped)
        case .askingNumber(let firmware): askPower(firmware, number: nil, now)
        case .askingPower(let description): connected(description, now)
        case .idle:
            desk.write(Foxtron.query(desk.busFault == nil ? Foxtron.Item.firmware : Foxtron.Item.busPower))
            becomeIdle(now)
        case .inFlight(let flight):
            if let outcome = flight.confirmed {
                confirmsOnce = true
                finish(outcome, now)
            } else {
                mustEmpty = true
                fail(
                    "the Foxtron interface did not report a frame as sent within \(Self.sentTimeout.wholeMilliseconds) ms: the bus is"
                        + " held by another controller, or the line to the interface is broken", now)
            }
        case .pausing(let flight): submit(flight, now)
        case .emptying(let next, let until):
            guard now < until else {
                fail("the Foxtron interface no longer answers: check its cable, and that DTR powers it", now)
                return
            }
            state = .emptying(next: next, until: until)
            desk.write(Foxtron.clearBuffer, timeout: Self.answerTimeout, at: now)
        case .settling(let next):
            mustEmpty = false
            submit(Flight(request: next, begun: now), now)
        }
    }

    // MARK: messages

    private mutating func handle(_ message: Foxtron.Message, _ now: BootInstant) {
        switch message {
        case .frame(let frame, let answer, isOurs: true): confirm(frame, answer, now)
        case .frame(let frame, let answer, isOurs: false):
            desk.add(.event(.foreignFrame(frame)))
            switch answer {
            case .reply(let value): desk.add(.event(.backward(value)))
            case .collision: desk.add(.event(.framing))
            case .none, .error: break
            }
        case .broken(isOurs: true): collided(now)
        case .broken(isOurs: false): desk.add(.event(.framing))
        case .backward(let value): desk.add(.event(.backward(value)))
        case .special(let code): special(code, now)
        case .value(let item, let value): answered(item, value, now)
        case .written(let item, _):
            guard item == Foxtron.Item.buffer, case .emptying(let next, _) = state else { return }
            state = .settling(next: next)
            desk.deadline = now.advanced(by: Self.drainPause)
        }
    }

    private mutating func answered(_ item: UInt8, _ value: UInt16, _ now: BootInstant) {
        if item == Foxtron.Item.busPower { noteBus(Self.fault(UInt8(clamping: value)), now) }
        switch (state, item) {
        case (.askingFirmware, Foxtron.Item.firmware):
            state = .askingNumber(firmware: value)
            desk.write(Foxtron.query(Foxtron.Item.serialNumber), timeout: Self.answerTimeout, at: now)
        case (.askingNumber(let firmware), Foxtron.Item.serialNumber): askPower(firmware, number: value, now)
        case (.askingPower(let description), Foxtron.Item.busPower): connected(description, now)
        default: break
        }
    }

    private mutating func askPower(_ firmware: UInt16, number: UInt16?, _ now: BootInstant) {
        let number = number.map { ", number \($0)" } ?? ""
        state = .askingPower(
            description: "Foxtron interface, firmware \(firmware >> 8).\(firmware & 0xFF)\(number)")
        desk.write(Foxtron.query(Foxtron.Item.busPower), timeout: Self.answerTimeout, at: now)
    }

    private mutating func connected(_ description: String, _ now: BootInstant) {
        becomeIdle(now)
        desk.connected(description)
    }

    /// Our frame was on the bus.
    private mutating func confirm(_ frame: ForwardFrame, _ answer: DALIOutcome, _ now: BootInstant) {
        guard case .inFlight(var flight) = state, frame == flight.request.frame else {
            // Of a frame given up, or a second confirmation that nobody waited for any more.
            if frame == lastTwice { confirmsOnce = false }
            return
        }
        let outcome = flight.request.expectsReply ? answer : .none
        if flight.request.isSentTwice {
            lastTwice = frame
            if flight.confirmed == nil, !confirmsOnce {
                flight.confirmed = outcome
                state = .inFlight(flight)
                desk.deadline = now.advanced(by: Self.secondTimeout)
                return
            }
        }
        finish(outcome, now)
    }

    private mutating func collided(_ now: BootInstant) {
        guard case .inFlight(var flight) = state else {
            desk.add(.event(.framing))
            return
        }
        flight.collisions += 1
        guard flight.collisions <= InterfacePatience.collisionRetries else {
            finish(.error(.rejected(InterfacePatience.disturbed)), now)
            return
        }
        flight.confirmed = nil
        submit(flight, now)
    }

    private mutating func special(_ code: UInt8, _ now: BootInstant) {
        switch (code, state) {
        case (0...3, _): noteBus(Self.fault(code), now)
        case (4, .inFlight(let flight)):
            guard now < flight.begun.advanced(by: InterfacePatience.retryLimit) else {
                mustEmpty = true
                finish(.error(.rejected(InterfacePatience.stuckBuffer)), now)
                return
            }
            state = .pausing(flight)
            desk.deadline = now.advanced(by: InterfacePatience.retryPause)
        case (5, .inFlight(var flight)):
            guard !flight.isResent else {
                finish(
                    .error(
                        .rejected(
                            "a frame reached it with a wrong check twice: check the cable, and that the line is 19200 8E1"
                        )), now)
                return
            }
            flight.isResent = true
            state = .pausing(flight)
            desk.deadline = now.advanced(by: Self.resendPause)
        case (6, .inFlight): finish(.error(.rejected("it does not understand the frame")), now)
        default: desk.add(.event(.gateway(code: Int(code), text: Self.words(code))))
        }
    }

    private static func words(_ code: UInt8) -> String {
        switch code {
        case 4: "its send buffer was full"
        case 5: "a message reached it with a wrong check"
        case 6: "it did not understand a message"
        default: "a condition that its description does not name"
        }
    }

    /// Bus power as in item 3 and in the special messages.
    private static func fault(_ code: UInt8) -> BusFault? {
        switch code {
        case 0: nil
        case 2: .mains
        case 3: .supply
        default: .noVoltage
        }
    }

    // MARK: transitions

    private mutating func noteBus(_ fault: BusFault?, _ now: BootInstant) {
        desk.noteBus(fault)
        switch (state, fault) {
        case (.inFlight, .some(let fault)), (.pausing, .some(let fault)), (.emptying, .some(let fault)),
            (.settling, .some(let fault)):
            // What waits in the converter must not go out when the bus comes back, whenever that is.
            mustEmpty = true
            finish(.error(.busDown(fault)), now)
        case (.idle, _): becomeIdle(now)
        default: break
        }
    }

    private mutating func submit(_ flight: Flight, _ now: BootInstant) {
        state = .inFlight(flight)
        desk.write(Foxtron.send(flight.request), timeout: Self.sentTimeout, at: now)
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
        desk.deadline = now.advanced(
            by: desk.busFault == nil ? Self.keepAlive : InterfacePatience.busDownInterval)
    }
}
