internal import CLinux
internal import Glibc
internal import Telemetry

/// A mutex with a condition that counts in a clock nobody sets (CLOCK_MONOTONIC), so that a step of the wall
/// clock neither hurries nor stalls a bus.
// @unchecked: the two pthread objects are made for sharing, are set up before anyone sees them and are never moved.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Waits for a signal or until `deadline`; may return early. Only inside ``withLock(_:)``.
    func wait(until deadline: BootInstant?) {
        guard let deadline else {
            pthread_cond_wait(condition, mutex)
            return
        }
        let left = deadline.nanoseconds &- BootClock.now().nanoseconds
        guard left > 0 else { return }
        var moment = timespec()
        clock_gettime(CLOCK_MONOTONIC, &moment)
        // A day is long enough: whoever waits looks at the clock again.
        let nanoseconds = Int64(moment.tv_nsec) + min(left, 86_400_000_000_000)
        moment.tv_sec += Int(nanoseconds / 1_000_000_000)
        moment.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_cond_timedwait(condition, mutex, &moment)
    }

    func signal() { pthread_cond_broadcast(condition) }
}
