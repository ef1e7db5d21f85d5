internal import DriverProtocol

/// Messages from the runtime between the thread that reads them and the bus thread that does them.
// @unchecked: `state` is touched only inside `monitor`.
final class DriverInbox: @unchecked Sendable {
    /// Messages held at most; then the reader waits and the pipe pushes back. More than a runtime sends at once to one bus.
    static let capacity = 256

    private struct State {
        var messages: [DriverToDriver] = []
        var ending: Int32?
    }

    private let monitor = Monitor()
    private var state = State()

    /// Blocks while the box is full. False once the session ends.
    func put(_ message: DriverToDriver) -> Bool {
        monitor.withLock {
            while state.messages.count >= Self.capacity && state.ending == nil { monitor.wait(until: nil) }
            guard state.ending == nil else { return false }
            state.messages.append(message)
            return true
        }
    }

    func take() -> DriverToDriver? {
        monitor.withLock {
            guard state.ending == nil, !state.messages.isEmpty else { return nil }
            monitor.signal()
            return state.messages.removeFirst()
        }
    }

    /// The session is to end with this exit status. The first reason wins.
    func end(status: Int32) {
        monitor.withLock {
            if state.ending == nil { state.ending = status }
            monitor.signal()
        }
    }

    var ending: Int32? { monitor.withLock { state.ending } }

    /// Blocks until ``end(status:)``.
    func waitForEnd() {
        monitor.withLock {
            while state.ending == nil { monitor.wait(until: nil) }
        }
    }
}
