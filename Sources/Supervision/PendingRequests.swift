import DriverProtocol

/// What a driver answers to a request.
enum DriverAnswer: Sendable {
    case query(DriverQueryDone)
    case command(DriverCommandDone)
    case statistics(DriverStatistics)
    /// No answer will come: why.
    case failed(String)
}

/// Those who wait for an answer of the driver. Everyone is answered exactly once.
struct PendingRequests {
    private var waiting: [UInt64: CheckedContinuation<DriverAnswer, Never>] = [:]
    private var last: UInt64 = 0

    var count: Int { waiting.count }

    /// A number not used before.
    mutating func next() -> UInt64 {
        last += 1
        return last
    }

    mutating func wait(for request: UInt64, _ continuation: CheckedContinuation<DriverAnswer, Never>) {
        waiting[request] = continuation
    }

    /// Hands an answer to who waits for it; one that comes too late has nobody left.
    mutating func answer(_ request: UInt64, _ answer: DriverAnswer) {
        waiting.removeValue(forKey: request)?.resume(returning: answer)
    }

    mutating func failAll(_ reason: String) {
        let all = waiting
        waiting = [:]
        for continuation in all.values { continuation.resume(returning: .failed(reason)) }
    }
}
