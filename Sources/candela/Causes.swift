/// What is known of a device that gives trouble, from its own counters, its bus and its neighbours.
struct Evidence: Equatable {
    var device = ""
    var state = "online"
    /// The driver's words for the last failure.
    var detail = ""
    var busState = "running"
    var busDetail = ""
    var requests: UInt64 = 0
    var answers: UInt64 = 0
    var timeouts: UInt64 = 0
    var brokenFrames: UInt64 = 0
    var exceptions: UInt64 = 0
    /// Answers of units that were not asked, late ones, and our own bytes heard again: of the bus.
    var foreignAnswers: UInt64 = 0
    var lateAnswers: UInt64 = 0
    var echoes: UInt64 = 0
    /// Has it ever answered since the driver's start?
    var hasAnswered = false
    /// Others of the same bus.
    var neighbours = 0
    var silentNeighbours = 0
    var brokenNeighbours = 0
    /// Over the network: no wire, no baud rate.
    var isNetwork = false
    /// Points that are bad `wrongDevice`.
    var isWrongDevice = false
    var latencyMillisecondsP95: Double = 0
    var timeoutMilliseconds: Double = 0
    var missedIntervals: UInt64 = 0
    var utilisationPermille: UInt32 = 0
}

/// What may be behind it, and what speaks for that. A suggestion, no diagnosis.
struct Cause: Equatable {
    let suggestion: String
    let evidence: String
}

/// The rules by which causes are suggested, most telling first. Pure: facts in, words out.
enum Causes {
    /// Above this share of requests, broken frames are no accident.
    private static let brokenShare = 0.01
    /// A bus this full has no room for retries.
    private static let fullPermille: UInt32 = 850
    /// An answer that usually takes this share of the time-out will sometimes take more.
    private static let tightShare = 0.8

    private struct Rule: Sendable {
        let suggestion: String
        let holds: @Sendable (Evidence) -> String?
    }

    static func suggest(_ evidence: Evidence) -> [Cause] {
        rules.compactMap { rule in rule.holds(evidence).map { Cause(suggestion: rule.suggestion, evidence: $0) } }
    }

    private static func isSilent(_ e: Evidence) -> Bool { e.timeouts > 0 && e.answers < e.timeouts && !isDown(e) }
    private static func isDown(_ e: Evidence) -> Bool { e.busState != "running" }
    private static func allSilent(_ e: Evidence) -> Bool { e.neighbours > 0 && e.silentNeighbours == e.neighbours }

    private static let rules: [Rule] = [
        Rule(suggestion: "the bus does not run: look there first (candela status)") { e in
            isDown(e) ? "bus is \(e.busState): \(e.busDetail)" : nil
        },
        Rule(
            suggestion:
                "another product answers at this address: the profile does not fit, or two addresses were mixed up"
        ) { e in
            e.isWrongDevice ? "its identification differs from what the profile expects" : nil
        },
        Rule(
            suggestion: "the device works and refuses what is asked: the profile does not fit this variant or firmware"
        ) { e in
            e.exceptions > 0 && e.answers > 0 && e.exceptions * 2 > e.timeouts
                ? "\(e.exceptions) of \(e.requests) requests were answered with an exception" : nil
        },
        Rule(
            suggestion:
                "the network: is the host on, is its address right, does a firewall let port 502 through? (ping it)"
        ) { e in
            e.isNetwork && isSilent(e) && !e.hasAnswered ? "it has never answered since the driver started" : nil
        },
        Rule(suggestion: "the host or the way to it went away: power, switch, cable, or all its connections are taken")
        { e in
            e.isNetwork && isSilent(e) && e.hasAnswered ? "it answered before; now \(e.timeouts) time-outs" : nil
        },
        Rule(
            suggestion:
                "the line as a whole: A and B swapped or cut near the gateway, no power on the other side, wrong baud rate or parity for all"
        ) {
            e in
            !e.isNetwork && isSilent(e) && allSilent(e)
                ? "none of the \(e.neighbours + 1) devices of the bus answers" : nil
        },
        Rule(suggestion: "only this device: no power, its address, its baud rate or parity, or its own wires") { e in
            !e.isNetwork && isSilent(e) && e.neighbours > 0 && e.silentNeighbours == 0
                ? "\(e.neighbours) other devices of the bus answer, this one does not" : nil
        },
        Rule(suggestion: "a break in the line: find out whether the silent ones hang behind one place") { e in
            !e.isNetwork && isSilent(e) && e.silentNeighbours > 0 && !allSilent(e)
                ? "\(e.silentNeighbours + 1) of \(e.neighbours + 1) devices of the bus are silent" : nil
        },
        Rule(
            suggestion:
                "the only device of the bus is silent: wires (A and B), address, baud rate, parity, power; candela scan and candela sniff tell more"
        ) {
            e in
            !e.isNetwork && isSilent(e) && e.neighbours == 0
                ? "\(e.timeouts) time-outs\(e.hasAnswered ? "; it answered before" : ", no answer since the driver started")"
                : nil
        },
        Rule(suggestion: "two devices with this address, or a device of another baud rate at the same line") { e in
            !e.isNetwork && e.brokenFrames > 0 && e.brokenNeighbours == 0 && e.neighbours > 0
                && Double(e.brokenFrames) > Double(max(1, e.requests)) * brokenShare
                ? "\(e.brokenFrames) broken frames from it, none from the others" : nil
        },
        Rule(
            suggestion:
                "disturbance on the line: termination (120 ohm at both ends, nowhere else), bias, shield on one side, a stub, a motor nearby"
        ) {
            e in
            !e.isNetwork && e.brokenFrames > 0 && (e.brokenNeighbours > 0 || e.neighbours == 0)
                && Double(e.brokenFrames) > Double(max(1, e.requests)) * brokenShare
                ? "\(e.brokenFrames) broken frames from it, and \(e.brokenNeighbours) of \(e.neighbours) others have them too"
                : nil
        },
        Rule(suggestion: "another master or a device with the same address talks on this line (candela sniff shows it)")
        { e in
            e.foreignAnswers > 0 ? "\(e.foreignAnswers) answers came of units that were not asked" : nil
        },
        Rule(
            suggestion:
                "it answers later than it is waited for: a larger response_timeout, or less load behind its gateway"
        ) { e in
            e.lateAnswers > 0 && e.timeouts > 0 ? "\(e.lateAnswers) answers came after their time-out" : nil
        },
        Rule(suggestion: "its answers take nearly as long as they may: a larger response_timeout") { e in
            e.timeoutMilliseconds > 0 && e.latencyMillisecondsP95 > e.timeoutMilliseconds * tightShare && e.answers > 0
                ? "95 % of its answers come within \(Int(e.latencyMillisecondsP95)) ms, the time-out is \(Int(e.timeoutMilliseconds)) ms"
                : nil
        },
        Rule(
            suggestion:
                "the adapter hears its own bytes: its echo is handled, but a converter with automatic direction does without"
        ) {
            e in
            e.echoes > 0 && e.brokenFrames > 0 ? "\(e.echoes) echoes" : nil
        },
        Rule(
            suggestion: "the bus is full: longer intervals, a higher baud rate, fewer points (candela plan shows which)"
        ) { e in
            e.missedIntervals > 0 && e.utilisationPermille >= fullPermille
                ? "\(e.missedIntervals) intervals missed, the bus is in use \((e.utilisationPermille + 5) / 10) % of the time"
                : nil
        },
    ]
}
