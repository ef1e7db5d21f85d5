internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "ring": the newest exchanges of the bus, or of one lamp.
///
/// Arguments `{device?: NAME}`; result `{exchanges: [{at_boot_ns, device?, request, sent, received, outcome, took_us, words}], frozen}`,
/// oldest first.
enum RingTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let name = options.map.text("device")
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        return ScriptedTask(needsBus: false) { bench in
            let wanted = name.map { name in bench.gear.first { $0.name == name } }
            if let name, wanted.flatMap({ $0 }) == nil { return .failed("this bus has no usable lamp \(name)") }
            let names = Dictionary(uniqueKeysWithValues: bench.gear.map { ($0.address, $0.name) })
            var exchanges: [JSONValue] = []
            var sent: FrameLog.Entry?
            for entry in bench.frameLog.all {
                switch entry.record {
                case .sent: sent = entry
                case .outcome(let request, let outcome):
                    let address = gear(request.frame)
                    if wanted == nil || address == wanted??.address {
                        exchanges.append(json(entry, request, outcome, sent, address.flatMap { names[$0] }))
                    }
                case .event:
                    if wanted == nil { exchanges.append(json(entry)) }
                }
            }
            return .done(["exchanges": .array(exchanges), "frozen": false])
        }
    }

    private static func gear(_ frame: ForwardFrame) -> ShortAddress? {
        guard frame.bits == 16,
            case .short(let address)? = GearAddress(firstByte: UInt8(truncatingIfNeeded: frame.data >> 8))
        else { return nil }
        return address
    }

    private static func json(
        _ entry: FrameLog.Entry, _ request: DALIRequest, _ outcome: DALIOutcome, _ sent: FrameLog.Entry?,
        _ name: String?
    ) -> JSONValue {
        var members: [JSONValue.Member] = [.init("at_boot_ns", .integer(entry.at.nanoseconds))]
        if let name { members.append(.init("device", .string(name))) }
        let word =
            switch outcome {
            case .none: request.expectsReply ? "silence" : "sent"
            case .reply: "answer"
            case .collision: "broken"
            case .error: "gone"
            }
        members += [
            .init("request", .string(sent?.words ?? request.frame.description)),
            .init("sent", .string(hexadecimal(request.frame.bytes))),
            .init("received", .string(hexadecimal(entry.record.bytes))), .init("outcome", .string(word)),
        ]
        if let sent {
            members.append(.init("took_us", .integer(entry.at.duration(since: sent.at).wholeNanoseconds / 1000)))
        }
        members.append(.init("words", .string(entry.words)))
        return .object(members)
    }

    private static func json(_ entry: FrameLog.Entry) -> JSONValue {
        [
            "at_boot_ns": .integer(entry.at.nanoseconds), "request": .string(""), "sent": .string(""),
            "received": .string(hexadecimal(entry.record.bytes)), "outcome": "event",
            "words": .string(entry.words),
        ]
    }
}
