import Synchronization

/// Bytes that a fake host keeps back.
final class LockedBytes: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func set(_ new: [UInt8]) { bytes.withLock { $0 = new } }

    func take() -> [UInt8] {
        bytes.withLock { held in
            let taken = held
            held = []
            return taken
        }
    }
}
