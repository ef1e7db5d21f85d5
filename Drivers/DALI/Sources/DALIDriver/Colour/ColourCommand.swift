internal import DriverProtocol
internal import Telemetry

/// One order of a colour temperature, from the first frame to its read-back, as a pure state machine: IEC 62386-209 SET TEMPORARY
/// COLOUR TEMPERATURE and ACTIVATE, then QUERY COLOUR VALUE.
struct ColourCommand {
    /// Colour fades as light does; between two looks.
    static let firstLook: Duration = .milliseconds(100)
    static let look: Duration = .milliseconds(500)
    /// A colour that stays the same over so many looks has arrived.
    static let looksUntilStill = 3
    /// Gear rounds between its own steps and mirek.
    static let tolerance = 1
    /// A frame that the interface refuses is tried again.
    static let sendAttempts = 3

    private enum Phase: Sendable {
        case set
        case activate
        case pause(until: BootInstant)
        case look(ColourValueReader)
        /// It stands still elsewhere: is that the gear's limit?
        case limit(ColourValueReader)
        case finished
    }

    let priority: FramePriority
    let deadline: BootInstant
    let mirek: UInt16
    private let wanted: ExactDecimal
    private(set) var isSent = false
    private(set) var done = DriverCommandDone()
    private var phase = Phase.set
    private var attempts = 0
    private var last: UInt16?
    /// How often anybody had set a transfer register when the last answer came.
    private var uses: UInt64?
    private var still = 0

    /// Whether a command is of the colour temperature at all.
    static func isMeant(by command: DriverCommand, gear: Gear) -> Bool {
        command.action == "set" && command.point < UInt32(gear.points.count)
            && gear.points[Int(command.point)].kind == .colourTemperature
    }

    init(_ command: DriverCommand, gear: Gear, at now: BootInstant) throws(LampOrder.Refusal) {
        let range = ColourTemperature.writable
        guard case .number(let kelvin)? = command.value.telemetry else {
            throw LampOrder.Refusal(reason: "colour_temperature takes a number in K")
        }
        guard let mirek = ColourTemperature.mirek(kelvin: kelvin) else {
            throw LampOrder.Refusal(
                reason: "colour_temperature is \(kelvin) K; it takes \(range.lowerBound) to \(range.upperBound) K")
        }
        self.mirek = mirek
        wanted = kelvin
        priority = command.framePriority
        deadline = command.deadline(from: now)
    }

    /// - Parameter registerUses: how often anybody has set a data transfer register so far.
    mutating func next(_ gear: Gear, registerUses: UInt64, at now: BootInstant) -> GearStep {
        if case .finished = phase { return .finished }
        if now >= deadline {
            let what =
                isSent
                ? "sent, but when the time for it was over \(gear.address) was not at its colour"
                : "the time for it was over before its turn; nothing was sent"
            finish(isSent ? .failed : .expired, what)
            return .finished
        }
        switch phase {
        case .set:
            return .exchange(
                [
                    .special(.dataTransferRegister0, UInt8(mirek & 0xFF), priority: priority),
                    .special(.dataTransferRegister1, UInt8(mirek >> 8), priority: .continuation),
                ]
                    + DALIRequest.deviceType(
                        .short(gear.address), DeviceTypeOpcode.Colour.setTemporaryColourTemperature,
                        priority: .continuation))
        case .activate:
            return .exchange(
                DALIRequest.deviceType(
                    .short(gear.address), DeviceTypeOpcode.Colour.activate, priority: priority))
        case .pause(let until):
            guard until <= now else { return .wait(until: min(until, deadline)) }
            phase = .look(ColourValueReader(.now, of: gear.address, priority: priority))
            return next(gear, registerUses: registerUses, at: now)
        case .look(var reader):
            let step = reader.next(isUndisturbed: uses == registerUses)
            phase = .look(reader)
            if case .exchange(let requests) = step { return .exchange(requests) }
            return .finished
        case .limit(var reader):
            let step = reader.next(isUndisturbed: uses == registerUses)
            phase = .limit(reader)
            if case .exchange(let requests) = step { return .exchange(requests) }
            return .finished
        case .finished: return .finished
        }
    }

    mutating func received(_ outcome: DALIOutcome, gear: inout Gear, registerUses: UInt64, at now: BootInstant) {
        uses = registerUses
        if case .error(let failure) = outcome {
            attempts += 1
            if case .rejected = failure, attempts < Self.sendAttempts { return }
            finish(.failed, (isSent ? "sent, but not read back: " : "nothing was sent: ") + failure.description)
            return
        }
        switch phase {
        case .set: phase = .activate
        case .activate:
            isSent = true
            phase = .pause(until: now.advanced(by: Self.firstLook))
        case .look(var reader):
            reader.received([outcome])
            phase = .look(reader)
            if let result = reader.result { receivedLook(result, gear: &gear, at: now) }
        case .limit(var reader):
            reader.received([outcome])
            phase = .limit(reader)
            if let result = reader.result { receivedLimit(result, gear: &gear, at: now) }
        case .pause, .finished: break
        }
    }

    /// Ends the run from outside: another command took its place, the driver stops.
    mutating func abandon(_ reason: String) {
        if case .finished = phase { return }
        finish(.failed, reason)
    }

    private mutating func receivedLook(_ result: ColourValueReader.Result, gear: inout Gear, at now: BootInstant) {
        guard case .value(let value) = result else {
            finish(Self.isSilence(result) ? .noAnswer : .failed, "sent, but not read back: \(Self.words(result, gear))")
            return
        }
        gear.answered(at: now)
        if isNear(value, mirek) {
            arrive(value, gear: &gear, at: now, note: "")
            return
        }
        still = value == last ? still + 1 : 0
        last = value
        phase =
            still + 1 >= Self.looksUntilStill
            ? .limit(ColourValueReader(value > mirek ? .coolest : .warmest, of: gear.address, priority: priority))
            : .pause(until: now.advanced(by: Self.look))
    }

    private mutating func receivedLimit(_ result: ColourValueReader.Result, gear: inout Gear, at now: BootInstant) {
        let at = last.flatMap(ColourTemperature.kelvin).map { "\($0) K" } ?? "no colour temperature"
        if case .value(let limit) = result, let last, isNear(last, limit) {
            let which = last > mirek ? "coolest" : "warmest"
            arrive(last, gear: &gear, at: now, note: "\(wanted) K is beyond the gear's \(which) white, which is \(at)")
        } else {
            finish(.failed, "\(gear.address) is at \(at) instead of \(wanted) K")
        }
    }

    private func isNear(_ a: UInt16, _ b: UInt16) -> Bool { abs(Int(a) - Int(b)) <= Self.tolerance }

    private mutating func arrive(_ value: UInt16, gear: inout Gear, at now: BootInstant, note: String) {
        if let kelvin = ColourTemperature.kelvin(mirek: value) {
            let samples = gear.samples({ $0 == .colourTemperature }, at: now, all: true) { _ in (.number(kelvin), .good)
            }
            done.samples = DriverSamples(device: gear.index, samples: samples)
            done.readBack = DriverValue(.number(kelvin))
        }
        finish(.verified, note)
    }

    private mutating func finish(_ outcome: DriverCommandDone.Outcome, _ reason: String) {
        done.outcome = outcome
        done.reason = reason
        phase = .finished
    }

    private static func isSilence(_ result: ColourValueReader.Result) -> Bool { result == .silent }

    private static func words(_ result: ColourValueReader.Result, _ gear: Gear) -> String {
        switch result {
        case .notSupported: "\(gear.address) knows no colour temperature (device type 8)"
        case .silent: "\(gear.address) did not answer"
        case .collision: "two or more gear answer at \(gear.address)"
        case .failed(let failure): failure.description
        case .value: ""
        }
    }
}
