import CLinux

/// What keeps the daemon's memory as small as what it holds.
public enum GatewayMemory {
    /// One heap for all threads. To be called first thing in `main`, before any thread exists.
    public static func useOneHeap() { candela_one_heap() }

    /// Descriptions of a thousand devices are built, sent and forgotten in the first seconds.
    static let firstTrim: Duration = .seconds(10)
    /// What a backlog, a new description or a burst of messages needed for a while goes back to the system this often. A trim takes some
    /// milliseconds; between two, free memory wanders through the heap and each place it was at stays counted.
    static let trimInterval: Duration = .seconds(15)
    /// Code that ran once, at the start or for a person's question, is unmapped every so many trims, each ten minutes...
    static let trimsPerRelease = 40
    /// ...and at the first ones: on a busy machine the start is not over at the first.
    static let firstReleases = 2

    /// Gives freed memory back until the task is cancelled.
    static func keepTrimmed() async {
        var pause = firstTrim
        var trims = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: pause)
            candela_trim_heap()
            if trims < firstReleases || trims % trimsPerRelease == 0 { _ = candela_release_code() }
            trims += 1
            pause = trimInterval
        }
    }
}
