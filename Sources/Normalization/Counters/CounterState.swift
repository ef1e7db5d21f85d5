import Telemetry

/// What is remembered of one counter, over restarts too.
struct CounterState: Sendable, Hashable {
    /// A register as it was read.
    struct Register: Sendable, Hashable {
        var value: ExactDecimal
        var at: CounterMoment
    }

    /// Why the next reading begins a new epoch, known before it comes.
    enum Pending: Sendable, Hashable {
        /// The device has another serial number.
        case exchange(before: String, after: String)
        /// A person said so; the event is told already and the epoch has risen.
        case exchangedByHand
        /// Another ratio, pulse value, inversion, scale or unit.
        case basis(before: String, after: String)
    }

    /// Something that does not follow from ``base`` and is not believed yet.
    struct Suspicion: Sendable, Hashable {
        enum Kind: UInt8, Sendable, Hashable {
            /// More than the rating allows.
            case spike = 0
            /// Nothing where there was something.
            case zero = 1
            /// Less than before.
            case stepBack = 2
            /// More than before, after a gap of unknown length.
            case gap = 3
        }

        var kind: Kind
        /// The first odd register; what events call `after` when it turns out to be a single one.
        var first: ExactDecimal
        /// The newest odd register, and when it was read.
        var level: Register
        /// Odd readings that agree with each other, one after the other.
        var count: Int
        /// An event has told of it.
        var isTold: Bool
        /// When the first of them was read. Not kept over a restart: no serial number of this run was read before it then.
        var began: BootInstant?
    }

    var epoch: UInt32 = 1
    /// The newest register that was believed: what the next one is judged by.
    var base: Register?
    /// When ``base``'s value was first read. Some meters renew their registers only every few minutes.
    var changed: CounterMoment = .unknown
    /// The register before the last step back: a meter that returns to it was never reset.
    var left: ExactDecimal?
    var pending: Pending?
    var suspicion: Suspicion?
    /// Whether it went unread for so long that the meter may have been exchanged meanwhile.
    var isInterrupted = false
    /// Readings held back from judgement for want of the serial number since the interruption.
    var held = 0
    /// ``PointDescriptor/basis`` and the unit under which ``base`` was read.
    var basis = ""
    var unit = ""

    /// Nothing is in doubt and nothing waits.
    var isClear: Bool { pending == nil && suspicion == nil }

    /// Believes `value` as what the next is judged by.
    mutating func believe(_ value: ExactDecimal, at moment: BootInstant) {
        if base?.value != value { changed = .boot(moment) }
        base = Register(value: value, at: .boot(moment))
        suspicion = nil
        isInterrupted = false
        held = 0
    }
}
