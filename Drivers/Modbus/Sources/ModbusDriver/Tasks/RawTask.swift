internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// One request as a person wrote it, and its answer in hexadecimal and in words.
///
/// Arguments: `unit`, `function`; then `at` and `count` (1 to 4), `at` and `values` (5, 6, 15, 16), `at`, `count`, `write_at` and
/// `values` (23), `at` and `values: [and, or]` (22), `code` and `object` (43); or `bytes`, hexadecimal text of what follows the function
/// code, for any function. `host` on a bus with `port: tcp`, `timeout`, and `write: true` for what changes something.
final class RawTask: BusTask {
    private let demand: RawDemand?
    private let problem: String?

    init(_ arguments: DriverNode) {
        let diagnostics = Diagnostics()
        demand = RawDemand(NodeMap(arguments, place: NodePlace(.bus), diagnostics: diagnostics))
        problem = diagnostics.all.first.map { ($0.path.last.map { "\($0): " } ?? "") + $0.message }
    }

    func step(_ bench: any TaskBench) -> TaskProgress {
        guard let demand, problem == nil else { return .failed(problem ?? "no request could be made of that") }
        if demand.request.isWrite {
            if bench.isReadOnly { return .failed("the gateway is read-only: \(demand.request.words) was not sent") }
            guard demand.mayWrite else {
                return .failed("\(demand.request.words) changes the device: say write: true if that is meant")
            }
        }
        let exchange = bench.exchange(
            demand.request, unit: demand.unit, host: demand.host,
            timeout: demand.timeout ?? bench.configuration.options.responseTimeout, pause: .zero)
        return .done(DriverNode(json: Self.result(exchange, demand)))
    }

    func cancel(_ bench: any TaskBench) {}

    // MARK: the answer

    private static func result(_ exchange: Exchange, _ demand: RawDemand) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("request", .string("unit \(demand.unit): \(demand.request.words)")),
            .init("sent", .string(hex(exchange.sent))), .init("received", .string(hex(exchange.received))),
            .init("took_us", .number(ExactDecimal(exchange.took.wholeNanoseconds / 1_000))),
        ]
        if let latency = exchange.latency {
            members.append(.init("latency_us", .number(ExactDecimal(latency.wholeNanoseconds / 1_000))))
        }
        let (outcome, words): (String, String) =
            switch exchange.outcome {
            case .answer(.exception(let exception)): ("exception", exception.words)
            case .answer(let answer): ("answer", answer.description)
            case .silence: ("silence", "no answer")
            case .broken(let what): ("broken", what)
            case .gone(let what): ("gone", what)
            }
        members += [.init("outcome", .string(outcome)), .init("words", .string(words))]
        if case .answer(let answer) = exchange.outcome { members += decoded(answer, demand.request) }
        return .object(members)
    }

    private static func decoded(_ answer: ModbusAnswer, _ request: ModbusRequest) -> [JSONValue.Member] {
        switch answer {
        case .words(let words):
            let first = request.range?.lowerBound ?? 0
            let registers = words.enumerated().map { offset, word in
                JSONValue.object([
                    .init("at", .number(ExactDecimal(Int64(first + offset)))), .init("hex", .string(hex(word))),
                    .init("unsigned", .number(ExactDecimal(Int64(word)))),
                    .init("signed", .number(ExactDecimal(Int64(Int16(bitPattern: word))))),
                ])
            }
            let pairs = stride(from: 0, to: words.count - 1, by: 2).map { offset in
                pair(first + offset, words[offset], words[offset + 1])
            }
            let bytes = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            return [
                .init("registers", .array(registers)), .init("pairs", .array(pairs)),
                .init("text", .string(printable(bytes))),
            ]
        case .bits(let bits): return [.init("bits", .array(bits.map { .bool($0) }))]
        case .identification(let identification):
            let objects = identification.objects.map { object in
                JSONValue.object([
                    .init("number", .number(ExactDecimal(Int64(object.number)))), .init("name", .string(object.name)),
                    .init("text", .string(printable(object.bytes))),
                ])
            }
            return [.init("objects", .array(objects))]
        case .serverIdentifier(let bytes): return [.init("text", .string(printable(bytes)))]
        case .written, .custom, .exception: return []
        }
    }

    /// Two registers as the numbers they may be, in both word orders; which one is right only the device's maker knows.
    private static func pair(_ at: Int, _ first: UInt16, _ second: UInt16) -> JSONValue {
        let high = UInt32(first) << 16 | UInt32(second)
        let low = UInt32(second) << 16 | UInt32(first)
        return .object([
            .init("at", .number(ExactDecimal(Int64(at)))), .init("unsigned", .number(ExactDecimal(Int64(high)))),
            .init("signed", .number(ExactDecimal(Int64(Int32(bitPattern: high))))),
            .init("float", .string("\(Float(bitPattern: high))")),
            .init("unsigned_low_first", .number(ExactDecimal(Int64(low)))),
            .init("float_low_first", .string("\(Float(bitPattern: low))")),
        ])
    }
}
