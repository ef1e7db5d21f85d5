internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "sniff": sends nothing and tells what is spoken on the bus: frames of other controllers, events of sensors, answers.
///
/// Arguments: `seconds` (without it: until it is cancelled). Steps `{line, words, bytes, at}`; result `{frames, load_percent}`.
enum SniffTask {
    /// How often what was heard is told.
    static let glance: Duration = .milliseconds(100)

    private final class Heard {
        var next = 0
        var frames = 0
        var airTime: Duration = .zero
        var begun = BootInstant(nanoseconds: 0)
        var now = BootInstant(nanoseconds: 0)

        var result: JSONValue {
            let span = max(1, now.duration(since: begun).wholeNanoseconds)
            let share = Double(airTime.wholeNanoseconds) / Double(span) * 100
            return ["frames": .integer(frames), "load_percent": min(100, share).json]
        }
    }

    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let seconds = options.map.integer("seconds", in: 1...86_400)
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        let heard = Heard()
        return ScriptedTask(isExclusive: true, soFar: { heard.result }) { bench in
            heard.begun = bench.now
            heard.now = bench.now
            heard.next = bench.frameLog.count
            bench.say("listening; nothing is sent")
            return listen(heard, seconds.map { bench.now.advanced(by: .seconds(Int64($0))) }, bench)
        }
    }

    private static func listen(_ heard: Heard, _ end: BootInstant?, _ bench: any DALITaskBench) -> ScriptStep {
        .wait(glance) { [unowned bench] in
            for entry in bench.frameLog.since(heard.next) { tell(entry, heard, bench) }
            heard.next = bench.frameLog.count
            heard.now = bench.now
            if let end, bench.now >= end { return .done(heard.result) }
            return listen(heard, end, bench)
        }
    }

    private static func tell(_ entry: FrameLog.Entry, _ heard: Heard, _ bench: any DALITaskBench) {
        heard.frames += 1
        heard.airTime += airTime(entry.record)
        let at = ExactDecimal(
            mantissa: entry.at.duration(since: heard.begun).wholeMilliseconds, exponent: -3)
        bench.tell(
            DriverNode(
                json: [
                    "line": .string("\(at) s  \(entry.words)"), "words": .string(entry.words),
                    "bytes": .string(hexadecimal(entry.record.bytes)), "at": .integer(entry.at.nanoseconds),
                ]))
    }

    private static func airTime(_ record: DALIConnection.Record) -> Duration {
        switch record {
        case .sent(let frame), .event(.foreignFrame(let frame)):
            AirTime.settling(.polling) + AirTime.bit * (1 + frame.bits)
        case .outcome(_, .reply), .event(.backward): AirTime.settlingBeforeReply + AirTime.bit * 9
        default: .zero
        }
    }
}
