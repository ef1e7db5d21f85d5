internal import DriverProtocol
internal import Telemetry

/// What a scripted task wants next, and how it goes on from there. A script is written as it is told: ask, then look at the answer.
indirect enum ScriptStep {
    /// Frames that nothing of ours comes between. All of them reached the bus when the script goes on.
    case exchange([DALIRequest], ([DALIOutcome]) -> ScriptStep)
    case wait(Duration, () -> ScriptStep)
    /// Until the runtime has what was remembered under this key on disk; `device` empty: of the bus.
    case stored(device: String, key: String, () -> ScriptStep)
    case done(JSONValue)
    /// What happened and what to do, one sentence.
    case failed(String)
}

extension ScriptStep {
    /// One request and its answer.
    static func ask(_ request: DALIRequest, _ then: @escaping (DALIOutcome) -> ScriptStep) -> ScriptStep {
        .exchange([request]) { then($0.last ?? .none) }
    }

    /// The same for each of several things, one after the other.
    static func each<Item>(
        _ items: ArraySlice<Item>, _ body: @escaping (Item, @escaping () -> ScriptStep) -> ScriptStep,
        then: @escaping () -> ScriptStep
    ) -> ScriptStep {
        guard let first = items.first else { return then() }
        return body(first) { each(items.dropFirst(), body, then: then) }
    }
}

/// Runs a script as a task: repeats what the interface let fail, waits, and keeps nothing else.
final class ScriptedTask: DALITask {
    /// Of one exchange. An interface whose queue is full has room again after the first.
    static let attempts = 3
    /// An interface needs this long to come to itself: its queue of 16 frames takes half a second.
    static let afterFailure: Duration = .milliseconds(500)
    /// Storage on a slow card takes a second; after this long it is broken, and what must not be lost is not begun.
    static let storageLimit: Duration = .seconds(15)
    static let storageLook: Duration = .milliseconds(20)

    let isExclusive: Bool
    let needsBus: Bool
    private let begin: (any DALITaskBench) -> ScriptStep
    private let last: () -> [DALIRequest]
    private let found: () -> JSONValue?
    private var step: ScriptStep?
    private var until: BootInstant?
    private var failures = 0

    /// - Parameters:
    ///   - lastFrames: see ``DALITask``.
    ///   - soFar: see ``DALITask``.
    init(
        isExclusive: Bool = false, needsBus: Bool = true, lastFrames: @escaping () -> [DALIRequest] = { [] },
        soFar: @escaping () -> JSONValue? = { nil }, begin: @escaping (any DALITaskBench) -> ScriptStep
    ) {
        self.isExclusive = isExclusive
        self.needsBus = needsBus
        self.begin = begin
        last = lastFrames
        found = soFar
    }

    /// A task that only says what is wrong with its arguments.
    convenience init(problem: String) { self.init(needsBus: false) { _ in .failed(problem) } }

    var lastFrames: [DALIRequest] { last() }
    var soFar: DriverNode? { found().map { DriverNode(json: $0) } }

    func next(_ bench: any DALITaskBench) -> DALITaskStep {
        if let until {
            if case .stored = step {} else if bench.now < until { return .wait(until: until) }
        }
        while true {
            switch step ?? begin(bench) {
            case .exchange(let requests, let then):
                step = .exchange(requests, then)
                if requests.isEmpty {
                    step = then([])
                    continue
                }
                until = nil
                return .exchange(requests)
            case .wait(let time, let then):
                if let until, bench.now >= until {
                    self.until = nil
                    step = then()
                    continue
                }
                let end = bench.now.advanced(by: time)
                until = end
                step = .wait(time, then)
                return .wait(until: end)
            case .stored(let device, let key, let then):
                if bench.isStored(device: device, key: key) {
                    until = nil
                    step = then()
                    continue
                }
                let limit = until ?? bench.now.advanced(by: Self.storageLimit)
                guard bench.now < limit else {
                    step = .failed(
                        "the gateway could not store what it found, so the bus was not changed: is its disk full?")
                    continue
                }
                until = limit
                step = .stored(device: device, key: key, then)
                return .wait(until: bench.now.advanced(by: Self.storageLook))
            case .done(let result): return .done(DriverNode(json: result))
            case .failed(let sentence): return .failed(sentence)
            }
        }
    }

    func received(_ outcomes: [DALIOutcome], _ bench: any DALITaskBench) {
        guard case .exchange(_, let then)? = step else { return }
        if case .error(let failure)? = outcomes.last {
            failures += 1
            if failures >= Self.attempts { step = .failed(failure.description) }
            until = bench.now.advanced(by: Self.afterFailure)
            return
        }
        failures = 0
        step = then(outcomes)
    }
}

extension DALITaskBench {
    /// A line for the person who waits.
    func say(_ line: String) { tell(DriverNode(json: .object([.init("line", .string(line))]))) }
    func say(_ line: String, step: Int, of: Int) {
        tell(DriverNode(json: ["line": .string(line), "step": .integer(step), "of": .integer(of)]))
    }
}
