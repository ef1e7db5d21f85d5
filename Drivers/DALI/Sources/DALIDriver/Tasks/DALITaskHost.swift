internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Runs tasks on the bus, one after the other, an exchange between two polls.
final class DALITaskHost {
    private struct Entry {
        let request: UInt64
        let task: any DALITask
        var notBefore: BootInstant
    }

    /// What the first task wants of the bus now.
    enum Step {
        case idle(until: BootInstant)
        case exchange([DALIRequest])
        /// The task has ended; these put the bus back.
        case lastFrames([DALIRequest])
    }

    private unowned let bench: any DALITaskBench
    private let outlet: any DriverOutlet
    private var queue: [Entry] = []

    init(bench: any DALITaskBench, outlet: any DriverOutlet) {
        self.bench = bench
        self.outlet = outlet
    }

    var isEmpty: Bool { queue.isEmpty }
    var isExclusive: Bool { queue.first?.task.isExclusive ?? false }
    var needsBus: Bool { queue.first?.task.needsBus ?? false }
    /// When the next step is due; nil: there is none.
    var due: BootInstant? { queue.first?.notBefore }
    /// The request whose task is under way.
    var current: UInt64? { queue.first?.request }

    func add(_ task: DriverTask) {
        guard let made = DALITaskCatalog.make(name: task.name, arguments: task.arguments) else {
            outlet.taskDone(DALIDriver.unknownTask(task))
            return
        }
        queue.append(Entry(request: task.request, task: made, notBefore: bench.now))
    }

    func next() -> Step {
        guard let first = queue.first else { return .idle(until: BootInstant(nanoseconds: .max)) }
        guard first.notBefore <= bench.now else { return .idle(until: first.notBefore) }
        switch first.task.next(bench) {
        case .exchange(let requests): return .exchange(requests)
        case .wait(let until):
            queue[0].notBefore = until
            return .idle(until: until)
        case .done(let result): return .lastFrames(end(result: result, failure: ""))
        case .failed(let what):
            return .lastFrames(
                end(result: first.task.soFar, failure: what.isEmpty ? "the task failed without a word" : what))
        }
    }

    func received(_ outcomes: [DALIOutcome]) {
        queue.first?.task.received(outcomes, bench)
        if !queue.isEmpty { queue[0].notBefore = bench.now }
    }

    /// - Returns: frames that put the bus back.
    func cancel(_ request: UInt64, reason: String = "cancelled") -> [DALIRequest] {
        guard let place = queue.firstIndex(where: { $0.request == request }) else { return [] }
        if place == 0 { return end(result: queue[0].task.soFar, failure: reason) }
        queue.remove(at: place)
        tellDone(request, result: nil, failure: "\(reason) before it began")
        return []
    }

    /// The bus is being closed, or is lost.
    func cancelAll(reason: String) -> [DALIRequest] {
        var frames: [DALIRequest] = []
        while let first = queue.first { frames += cancel(first.request, reason: reason) }
        return frames
    }

    private func end(result: DriverNode?, failure: String) -> [DALIRequest] {
        let entry = queue.removeFirst()
        tellDone(entry.request, result: result, failure: failure)
        if !queue.isEmpty { queue[0].notBefore = bench.now }
        return entry.task.lastFrames
    }

    private func tellDone(_ request: UInt64, result: DriverNode?, failure: String) {
        var done = DriverTaskDone()
        done.request = request
        done.failure = failure
        if let result { done.result = result }
        outlet.taskDone(done)
    }
}
