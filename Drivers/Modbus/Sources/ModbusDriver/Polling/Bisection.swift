/// Finds out why a device refused a request for several values: one of them is not there, or they are too many at once.
///
/// Pure: it says which part to ask for next and is told whether that was answered. A block of 60 registers takes at most
/// seven further requests.
struct Bisection: Sendable, Hashable {
    enum Finding: Sendable, Hashable {
        /// Ask for these positions next.
        case test(Range<Int>)
        /// The value at this position is refused, also when asked for alone.
        case refused(Int)
        /// Every value answers by itself; this many positions are the most that answered together.
        case tooMany(Int)
    }

    /// Known to be refused together.
    private var suspects: Range<Int>
    private(set) var testing: Range<Int>
    private var longestAnswered = 1

    /// - Parameter count: values of the refused request, more than one.
    init(count: Int) {
        suspects = 0..<count
        testing = Self.half(suspects)
    }

    mutating func result(isRefused: Bool) -> Finding {
        if isRefused {
            suspects = testing
            guard suspects.count > 1 else { return .refused(suspects.lowerBound) }
        } else {
            longestAnswered = max(longestAnswered, testing.count)
            guard testing != suspects else { return .tooMany(longestAnswered) }
            suspects = testing.upperBound..<suspects.upperBound
        }
        testing = suspects.count > 1 ? Self.half(suspects) : suspects
        return .test(testing)
    }

    private static func half(_ range: Range<Int>) -> Range<Int> {
        range.lowerBound..<(range.lowerBound + (range.count + 1) / 2)
    }
}
