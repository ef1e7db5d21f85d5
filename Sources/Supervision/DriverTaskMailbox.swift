import DriverProtocol
import Synchronization
import Telemetry

/// What a task of a driver has said and nobody has taken yet. The driver's messages go in at once, so that a person's slow terminal never holds up
/// a bus; what has no room is counted and left out.
final class DriverTaskMailbox: Sendable {
    enum Item: Sendable {
        case step(DriverNode)
        case done(DriverTaskDone)
    }

    /// Steps that wait at most: a terminal over a modem is a minute behind a busy sniff then.
    static let stepLimit = 4_096

    private struct State: Sendable {
        var steps: [DriverNode] = []
        var head = 0
        var leftOut = 0
        var done: DriverTaskDone?
        var waiter: CheckedContinuation<Item, Never>?
    }
    private let state = Mutex(State())

    func post(_ step: DriverNode) {
        let waiter = state.withLock { state -> CheckedContinuation<Item, Never>? in
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            if state.steps.count - state.head < Self.stepLimit {
                state.steps.append(step)
            } else {
                state.leftOut += 1
            }
            return nil
        }
        waiter?.resume(returning: .step(step))
    }

    /// The first end counts.
    func post(_ done: DriverTaskDone) {
        let waiter = state.withLock { state -> CheckedContinuation<Item, Never>? in
            guard state.done == nil else { return nil }
            state.done = done
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: .done(done))
    }

    /// Whether the end has come; steps may still wait.
    var isDone: Bool { state.withLock { $0.done != nil } }

    /// The next step, in order, and after the last one the end, as often as it is asked for. One caller at a time.
    func next() async -> Item {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> Item? in
                if state.head < state.steps.count {
                    let step = state.steps[state.head]
                    state.head += 1
                    if state.head == state.steps.count {
                        state.steps.removeAll(keepingCapacity: true)
                        state.head = 0
                    }
                    return .step(step)
                }
                if state.leftOut > 0 {
                    defer { state.leftOut = 0 }
                    return .step(Self.notice(state.leftOut))
                }
                if let done = state.done { return .done(done) }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    private static func notice(_ count: Int) -> DriverNode {
        DriverNode(json: ["line": .string("... \(count) lines were left out: they came faster than they were read")])
    }
}
