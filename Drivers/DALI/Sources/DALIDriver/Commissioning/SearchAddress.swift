internal import Telemetry

/// The search address that initialised gear holds, and the frames that change it: only those bytes that differ.
struct SearchAddress: Sendable {
    /// All random addresses; also what gear holds that never drew one.
    static let highest: UInt32 = 0xFFFFFF

    /// nil: gear may hold anything, all three bytes are sent.
    private var held: UInt32?

    /// After INITIALISE: gear that was not initialised before has not heard of the bytes sent earlier.
    mutating func forget() { held = nil }

    mutating func set(_ address: UInt32) -> [DALIRequest] {
        let commands: [(SpecialCommand, UInt32)] = [
            (.searchAddressHigh, 16), (.searchAddressMiddle, 8), (.searchAddressLow, 0),
        ]
        defer { held = address }
        return commands.compactMap { command, shift in
            let byte = UInt8(truncatingIfNeeded: address >> shift)
            if let held, UInt8(truncatingIfNeeded: held >> shift) == byte { return nil }
            return .special(command, byte, priority: .configuration)
        }
    }
}

/// Finds the lowest random address among gear that is initialised and not withdrawn, by halving. An answer that nobody can read is
/// YES: several gear speak at once.
struct RandomAddressSearch: Sendable {
    enum Step: Sendable, Equatable {
        /// Is there one at or below?
        case compare(UInt32)
        case found(UInt32)
        /// Nobody is left.
        case nobody
        /// Answers contradict each other: an answer was lost. Begin anew.
        case confused
    }

    private enum Phase { case first, halving, confirming, excluding, ended(Step) }

    private var low: UInt32 = 0
    private var high = SearchAddress.highest
    private var phase = Phase.first

    private var middle: UInt32 { (low + high) / 2 }

    func next() -> Step {
        switch phase {
        case .first, .confirming: .compare(high)
        case .halving: .compare(middle)
        case .excluding: .compare(high - 1)
        case .ended(let step): step
        }
    }

    mutating func answered(_ isYes: Bool) {
        switch phase {
        case .first: phase = isYes ? .halving : .ended(.nobody)
        case .halving:
            if isYes { high = middle } else { low = middle + 1 }
            if low == high { phase = .confirming }
        case .confirming:
            // A lost YES on the way leads above the lowest: nobody may be below.
            phase = !isYes ? .ended(.confused) : high == 0 ? .ended(.found(0)) : .excluding
        case .excluding: phase = .ended(isYes ? .confused : .found(high))
        case .ended: break
        }
    }
}
