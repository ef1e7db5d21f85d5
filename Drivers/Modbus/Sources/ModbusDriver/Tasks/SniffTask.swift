internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Listens to a line that another master runs, sends nothing, and says what is spoken: requests with their answers, decoded.
///
/// Arguments: `seconds` (without it: until it is cancelled), `baud`, `parity`, `stop_bits`. Without `baud` the settings are guessed:
/// those under which bytes come as frames with the right check.
final class SniffTask: BusTask {
    /// One step holds the bus thread no longer, so that a cancellation is heard.
    static let slice: Duration = .milliseconds(200)
    /// So many whole frames settle the question; one may be chance.
    static let framesToDecide = 3
    /// Bytes without one frame among them say that the settings are wrong...
    static let bytesToRefuse = 60
    /// ...and a line on which less comes is tried for this long: masters that poll more slowly are rare.
    static let trial: Duration = .seconds(4)

    /// What meters and their masters use, most frequent first.
    static let candidates: [SerialSettings] = [9_600, 19_200, 38_400, 115_200, 2_400, 4_800, 57_600, 1_200].flatMap {
        baud in
        [
            SerialSettings(baud: baud), SerialSettings(baud: baud, parity: .even),
            SerialSettings(baud: baud, parity: .none, stopBits: 2), SerialSettings(baud: baud, parity: .odd),
        ]
    }

    private enum Phase {
        case begin
        case guess(Int, since: BootInstant)
        case listen
    }

    private var phase = Phase.begin
    private var queue: [SerialSettings] = []
    private var settings = SerialSettings()
    private var finder = FrameFinder()
    private var bus = OverheardBus()
    private var began = BootInstant(nanoseconds: 0)
    private var heard = 0
    private var decisive = 0
    private var held: [HeardFrame] = []
    private let arguments: Arguments
    private let problem: String?

    private struct Arguments {
        let seconds: Int?
        let baud: Int?
        let parity: SerialSettings.Parity?
        let stopBits: Int?
    }

    init(_ arguments: DriverNode) {
        let diagnostics = Diagnostics()
        let map = NodeMap(arguments, place: NodePlace(.bus), diagnostics: diagnostics)
        self.arguments = Arguments(
            seconds: map.integer("seconds", in: 1...86_400), baud: map.integer("baud", oneOf: SerialRates.all),
            parity: map.choice("parity", BusOptions.parities), stopBits: map.integer("stop_bits", in: 1...2))
        map.finish()
        problem = diagnostics.all.first.map { ($0.path.last.map { "\($0): " } ?? "") + $0.message }
    }

    func step(_ bench: any TaskBench) -> TaskProgress {
        if let problem { return .failed(problem) }
        do throws(LinkFailure) {
            switch phase {
            case .begin: try begin(bench)
            case .guess(let index, let since): try guess(index, since, bench)
            case .listen: tell(listen(bench), bench)
            }
        } catch {
            try? bench.retune(nil)
            return .failed(error.message)
        }
        if let seconds = arguments.seconds, bench.now.duration(since: began) >= .seconds(seconds) {
            return finish(bench)
        }
        return .again
    }

    func cancel(_ bench: any TaskBench) { try? bench.retune(nil) }

    var soFar: DriverNode? { DriverNode(json: summary) }

    // MARK: settings

    private func begin(_ bench: any TaskBench) throws(LinkFailure) {
        began = bench.now
        var own = bench.configuration.options.serial
        if let parity = arguments.parity { own.parity = parity }
        if let stopBits = arguments.stopBits { own.stopBits = stopBits }
        if let baud = arguments.baud {
            own.baud = baud
            try bench.retune(own)
            settings = own
            phase = .listen
            say("listening at \(own.words); nothing is sent", bench)
            return
        }
        queue =
            [own]
            + Self.candidates.filter { candidate in
                candidate != own && (arguments.parity ?? candidate.parity) == candidate.parity
                    && (arguments.stopBits ?? candidate.stopBits) == candidate.stopBits
            }
        try attempt(0, bench)
    }

    private func attempt(_ index: Int, _ bench: any TaskBench) throws(LinkFailure) {
        settings = queue[index % queue.count]
        try bench.retune(settings)
        finder = FrameFinder()
        heard = 0
        decisive = 0
        held = []
        phase = .guess(index, since: bench.now)
        say("trying \(settings.words)", bench)
    }

    private func guess(_ index: Int, _ since: BootInstant, _ bench: any TaskBench) throws(LinkFailure) {
        let frames = listen(bench)
        held += frames
        decisive += frames.count(where: \.isByRule)
        if decisive >= Self.framesToDecide, finder.understood > finder.garbage {
            say(
                "\(settings.words) it is: \(decisive) frames with the right check, \(finder.garbage) bytes without",
                bench)
            phase = .listen
            tell(held, bench)
            held = []
            return
        }
        let isTried = bench.now.duration(since: since) >= Self.trial
        let isRefused = heard >= Self.bytesToRefuse && decisive == 0
        guard isTried || isRefused else { return }
        say(
            heard == 0 ? "silence at \(settings.words)" : "\(heard) bytes and \(decisive) frames at \(settings.words)",
            bench)
        try attempt(index + 1, bench)
    }

    // MARK: frames

    private func listen(_ bench: any TaskBench) -> [HeardFrame] {
        var frames: [HeardFrame] = []
        for piece in bench.listen(for: Self.slice) {
            heard += piece.bytes.count
            frames += finder.take(piece)
        }
        return frames + finder.settle(at: bench.now)
    }

    private func tell(_ frames: [HeardFrame], _ bench: any TaskBench) {
        for frame in frames {
            let milliseconds = frame.at.duration(since: began).wholeMilliseconds
            let line = bus.take(frame, character: settings.time(characters: 1))
            bench.tell(
                DriverNode(
                    json: .object([
                        .init("line", .string("\(ExactDecimal(mantissa: milliseconds, exponent: -3)) s  \(line)")),
                        .init("bytes", .string(hex(frame.bytes))),
                        .init("boot_ns", .number(ExactDecimal(frame.at.nanoseconds))),
                        .init("request", .bool(frame.role == .request)),
                    ])))
        }
    }

    private func say(_ line: String, _ bench: any TaskBench) {
        bench.tell(DriverNode(json: .object([.init("line", .string(line))])))
    }

    private func finish(_ bench: any TaskBench) -> TaskProgress {
        // What was heard during a guess that was not decided is told too.
        tell(held, bench)
        do throws(LinkFailure) {
            try bench.retune(nil)
        } catch {
            return .failed(error.message)
        }
        return .done(DriverNode(json: summary))
    }

    private var summary: JSONValue {
        var isDecided = false
        if case .listen = phase { isDecided = true }
        let units = bus.units.sorted { $0.key < $1.key }.map { number, unit in
            JSONValue.object([
                .init("unit", .number(ExactDecimal(Int64(number)))),
                .init("requests", .number(ExactDecimal(Int64(unit.requests)))),
                .init("answers", .number(ExactDecimal(Int64(unit.answers)))),
                .init("exceptions", .number(ExactDecimal(Int64(unit.exceptions)))),
                .init("unanswered", .number(ExactDecimal(Int64(unit.unanswered)))),
                .init("latency_ms", unit.latencyMean.map { .number(ExactDecimal($0.wholeMilliseconds)) } ?? .null),
                .init("latency_max_ms", .number(ExactDecimal(unit.latencyMaximum.wholeMilliseconds))),
                .init("seen", .array(Self.seen(unit))),
            ])
        }
        return .object([
            .init("settings", isDecided ? .string(settings.words) : .null),
            .init("frames", .number(ExactDecimal(Int64(bus.frames)))),
            .init("garbage", .number(ExactDecimal(Int64(finder.garbage)))), .init("units", .array(units)),
        ])
    }

    private static func seen(_ unit: OverheardBus.Unit) -> [JSONValue] {
        unit.seen.sorted { $0.key < $1.key }.flatMap { function, ranges in
            ranges.sorted { $0.lowerBound < $1.lowerBound }.map { range in
                .string(
                    "function \(function): \(hex(UInt16(clamping: range.lowerBound))) to "
                        + hex(UInt16(clamping: range.upperBound)))
            }
        }
    }
}
