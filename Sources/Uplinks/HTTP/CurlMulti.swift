internal import CCurl
internal import Glibc

/// libcurl's set of requests. One thread drives it; ``wakeUp()`` may be called from any.
// The pointer never changes; curl_multi_wakeup is the one call that libcurl allows from other threads, and the owner's deinit comes after all.
final class CurlMulti: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    /// Nil when there is no memory.
    init?() {
        guard Self.isReady, let multi = curl_multi_init() else { return nil }
        self.multi = multi
    }

    deinit { curl_multi_cleanup(multi) }

    /// The library is made ready once in a process.
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    func wakeUp() { curl_multi_wakeup(multi) }

    // MARK: - On the driving thread

    func add(_ transfer: CurlTransfer) { curl_multi_add_handle(multi, transfer.easy) }

    func remove(_ transfer: CurlTransfer) { curl_multi_remove_handle(multi, transfer.easy) }

    /// Does what can be done without waiting.
    func perform() {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
    }

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
        curl_multi_poll(multi, nil, 0, Int32(milliseconds), nil)
    }
}
