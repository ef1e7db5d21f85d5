internal import Synchronization

/// Tells those who wait that a thread has ended.
final class ThreadEnd: Sendable {
    private struct State {
        var isOver = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// The thread's last act.
    func signal() { resume(isOver: true) }

    /// Waits for the thread, but not for one that the kernel holds: it ends by itself.
    func wait(atMost limit: Duration) async {
        let timer = Task { [weak self] in
            try? await Task.sleep(for: limit)
            self?.resume(isOver: false)
        }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiting.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
        timer.cancel()
    }

    private func resume(isOver: Bool) {
        let waiting = state.withLock { state in
            defer { state.waiting.removeAll() }
            if isOver { state.isOver = true }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
