internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "raw": one frame as a person wrote it, and its answer.
///
/// Arguments: `frame` (bytes or words, see ``FrameSpelling``), `twice`, `answer` (both as the standard has it), `priority` (1 to 5,
/// default 2), `write` (the person means to change something). Result `{sent, words, outcome: none|answer|collision|error, answer, ms}`.
enum RawTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let text = options.map.required("frame", "bytes such as FE 91, or words such as A3 QUERY STATUS")?.text()
        let twice = options.map.flag("twice")
        let answer = options.map.flag("answer")
        let number = options.map.integer("priority", in: 1...5) ?? Int(FramePriority.user.rawValue)
        _ = options.map.flag("write")
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        let priority = FramePriority(rawValue: UInt8(number)) ?? .user
        let spelling: FrameSpelling
        do throws(FrameSpelling.Problem) {
            spelling = try FrameSpelling(text ?? "", priority: priority)
        } catch {
            return ScriptedTask(problem: error.sentence)
        }
        var requests = spelling.requests
        let last = requests.removeLast()
        requests.append(
            DALIRequest(
                last.frame, isSentTwice: twice ?? last.isSentTwice, priority: last.priority,
                expectsReply: answer ?? last.expectsReply))
        return ScriptedTask { [requests] bench in
            guard spelling.isHarmless || !bench.isReadOnly else {
                return .failed("the gateway is read-only: \(last.frame) was not sent")
            }
            let begun = bench.now
            return .exchange(requests) { outcomes in
                .done(result(requests, outcomes.last ?? .none, bench.now.duration(since: begun)))
            }
        }
    }

    private static func result(_ requests: [DALIRequest], _ outcome: DALIOutcome, _ took: Duration) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("sent", .string(requests.map { hexadecimal($0.frame.bytes) }.joined(separator: ", "))),
            .init("words", .string(FrameNaming.names(requests.map(\.frame)).joined(separator: ", "))),
        ]
        switch outcome {
        case .none: members.append(.init("outcome", "none"))
        case .reply(let byte):
            members += [
                .init("outcome", "answer"), .init("answer", .integer(byte)),
                .init("answer_hex", .string(hexadecimal([byte]))),
            ]
        case .collision: members.append(.init("outcome", "collision"))
        case .error(let failure):
            members += [.init("outcome", "error"), .init("why", .string(failure.description))]
        }
        members.append(.init("ms", .integer(took.wholeMilliseconds)))
        return .object(members)
    }
}
