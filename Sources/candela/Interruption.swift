import Glibc
import Synchronization

/// Set by a signal; looked at between two steps.
// Process-wide because a signal handler can reach nothing else.
private let wasInterrupted = Atomic<Bool>(false)

/// Ctrl-C during what takes its time: the first one ends the work in order, so that a bus is left as it was; the second ends the program.
enum Interruption {
    /// How often it is looked at: a person feels a tenth of a second as at once.
    static let glance: Duration = .milliseconds(100)

    static func watch() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                if wasInterrupted.exchange(true, ordering: .relaxed) { _exit(128 + number) }
            }
        }
    }

    static var came: Bool { wasInterrupted.load(ordering: .relaxed) }
}
