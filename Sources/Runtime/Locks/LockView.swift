import Configuration
import Synchronization
import Telemetry

/// The locks as everybody may see them at once, without waiting: whoever is about to command or to raise an alarm.
///
/// Thread-safe. ``LockDesk`` alone changes it.
final class LockView: Sendable {
    private let book: Mutex<LockBook>

    init(configuration: GatewayConfiguration) { book = Mutex(LockBook(configuration: configuration)) }

    func read<Result: Sendable>(_ body: (LockBook) -> Result) -> Result { book.withLock { body($0) } }

    func change<Result: Sendable, Problem: Error>(
        _ body: (inout LockBook) throws(Problem) -> sending Result
    ) throws(Problem) -> sending Result {
        try book.withLock { (book) throws(Problem) in try body(&book) }
    }

    func lock(on device: String) -> Lock? { read { $0.lock(on: device) } }

    var all: [Lock] { read(\.all) }

    /// Whether somebody works where this event comes from: its device, or its bus as a whole.
    func isMaintenance(_ event: Event) -> Bool {
        read { book in
            guard !book.isEmpty else { return false }
            if let device = event.device { return book.lock(on: device) != nil }
            return event.detail["bus"]?.text.flatMap { book.lock(onBus: $0) } != nil
        }
    }
}
