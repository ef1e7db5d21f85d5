internal import Telemetry

/// One exchange as it was: for `why` and for the task `ring`.
struct DALITraceEntry: Sendable, Hashable {
    /// When its result was known.
    let at: BootInstant
    let took: Duration
    /// nil for what another controller or the bus itself did.
    let request: DALIRequest?
    let outcome: DALIOutcome?
    /// Bytes that crossed the bus towards us: an answer, another controller's frame.
    let received: [UInt8]
    /// In words: `A3 QUERY STATUS: answer 4 (04)`.
    let text: String

    /// The exchange came to nothing: silence where an answer was expected, a collision, a failure.
    var isFailure: Bool {
        switch outcome {
        case DALIOutcome.none?: request?.expectsReply == true
        case .collision?, .error?: true
        case .reply?, nil: false
        }
    }

    /// The gear that was asked; nil for groups, all, special commands and what others did.
    var address: ShortAddress? {
        guard let frame = request?.frame, frame.bits == 16,
            case .short(let address)? = GearAddress(firstByte: UInt8(truncatingIfNeeded: frame.data >> 8))
        else { return nil }
        return address
    }
}

/// The newest exchanges of a bus, oldest first.
struct DALITraceRing {
    /// Some twelve seconds of a busy bus: a fault and what led to it.
    static let capacity = 256

    private var entries: [DALITraceEntry] = []
    private var oldest = 0

    var all: [DALITraceEntry] { Array(entries[oldest...] + entries[..<oldest]) }

    mutating func append(_ entry: DALITraceEntry) {
        guard entries.count == Self.capacity else {
            entries.append(entry)
            return
        }
        entries[oldest] = entry
        oldest = (oldest + 1) % Self.capacity
    }
}
