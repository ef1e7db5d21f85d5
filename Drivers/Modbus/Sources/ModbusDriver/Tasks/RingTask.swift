internal import DriverProtocol
internal import Telemetry

/// Task "ring": the newest exchanges of the bus, or of one device as they were at its first failure.
///
/// Arguments `{device?: NAME}`; result `{exchanges: [{at_boot_ns, device?, unit, request, sent, received, outcome, latency_us, words}],
/// frozen, since_boot_ns?}`, oldest first.
final class RingTask: BusTask {
    private let arguments: DriverNode

    init(_ arguments: DriverNode) { self.arguments = arguments }

    func step(_ bench: any TaskBench) -> TaskProgress {
        guard let engine = (bench as? TaskHost)?.engine else {
            return .failed("the port is not open: there are no exchanges yet")
        }
        var entries = engine.ring.all
        var result: [JSONValue.Member] = []
        var frozen: FrozenRing?
        if let name = arguments.entry("device")?.scalarText {
            guard let device = engine.devices.first(where: { $0.name == name }) else {
                return .failed("this bus has no usable device \(name)")
            }
            frozen = device.meter.frozen
            entries = frozen?.exchanges ?? device.meter.ring.all
        }
        let names = Dictionary(uniqueKeysWithValues: engine.devices.map { ($0.index, $0.name) })
        result.append(.init("exchanges", .array(entries.map { Self.json($0, names) })))
        result.append(.init("frozen", .bool(frozen != nil)))
        if let frozen { result.append(.init("since_boot_ns", Self.number(frozen.since.nanoseconds))) }
        return .done(DriverNode(json: .object(result)))
    }

    func cancel(_ bench: any TaskBench) {}

    private static func json(_ entry: ExchangeRing.Entry, _ names: [UInt32: String]) -> JSONValue {
        var members: [JSONValue.Member] = [.init("at_boot_ns", number(entry.ended.nanoseconds))]
        if let name = entry.device.flatMap({ names[$0] }) { members.append(.init("device", .string(name))) }
        members += [
            .init("unit", number(Int64(entry.unit))), .init("request", .string(entry.request.words)),
            .init("sent", .string(hex(entry.sent))), .init("received", .string(hex(entry.received))),
        ]
        let (outcome, words) =
            switch entry.outcome {
            case .answer(.exception(let exception)): ("exception", exception.words)
            case .answer(let answer): ("answer", "\(answer)")
            case .silence: ("silence", "no answer after \(entry.took.wholeMilliseconds) ms")
            case .broken(let what): ("broken", what)
            case .gone(let what): ("gone", what)
            }
        members.append(.init("outcome", .string(outcome)))
        if let latency = entry.latency {
            members.append(.init("latency_us", number(latency.wholeNanoseconds / 1_000)))
        }
        members.append(.init("took_us", number(entry.took.wholeNanoseconds / 1_000)))
        members.append(.init("words", .string(words)))
        return .object(members)
    }

    private static func number(_ value: Int64) -> JSONValue { .number(ExactDecimal(value)) }
}

extension DriverNode {
    /// The value of a key, when this is a map that has it.
    func entry(_ key: String) -> DriverNode? {
        guard case .map(let map)? = value else { return nil }
        return map.entries.last { $0.key == key }?.value
    }

    /// A text or a number as it was written.
    var scalarText: String? {
        switch value {
        case .text(let text)?, .number(let text)?: text
        default: nil
        }
    }
}
