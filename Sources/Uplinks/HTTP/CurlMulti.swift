internal import CCurl
internal import Glibc

/// libcurl's set of requests. One thread drives it; ``wakeUp()`` may be called from any.
// The pointer never changes; its wake-up is the one call that libcurl allows from other threads, and the owner's deinit comes after all.
final class CurlMulti: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    /// Nil when there is no memory. ``load()`` must have come before.
    init?() {
        guard let multi = candela_curl_multi_init() else { return nil }
        self.multi = multi
    }

    deinit { candela_curl_multi_cleanup(multi) }

    /// Loads the library, once in a process.
    ///
    /// - Returns: why it cannot be used; nil when it can.
    static func load() -> String? { candela_curl_load().map { String(cString: $0) } }

    func wakeUp() { candela_curl_multi_wakeup(multi) }

    // MARK: - On the driving thread

    func add(_ transfer: CurlTransfer) { candela_curl_multi_add(multi, transfer.easy) }

    func remove(_ transfer: CurlTransfer) { candela_curl_multi_remove(multi, transfer.easy) }

    /// Does what can be done without waiting.
    func perform() { _ = candela_curl_multi_perform(multi) }

    /// Requests that have ended, by their handles.
    func finished() -> [(easy: UnsafeMutableRawPointer, result: CURLcode)] {
        var ended: [(UnsafeMutableRawPointer, CURLcode)] = []
        var result = CURLE_OK
        while let easy = candela_curl_finished(multi, &result) { ended.append((easy, result)) }
        return ended
    }

    /// Until something can be done, or `time` is over.
    func wait(_ time: Duration) {
        // Rounded up: waking a moment too early would spin.
        let (seconds, attoseconds) = max(time, .zero).components
        let milliseconds = seconds >= 3600 ? 3_600_000 : seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
        candela_curl_multi_poll(multi, Int32(milliseconds))
    }
}
