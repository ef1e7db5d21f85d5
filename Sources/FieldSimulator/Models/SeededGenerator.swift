/// Random numbers that come again for the same seed, so that a scenario that failed once can be run again (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return SeededGenerator.scramble(state)
    }

    /// One well-mixed number for one input, without a state.
    static func scramble(_ input: UInt64) -> UInt64 {
        var z = input
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A seed of its own for everything that has a name, so that adding a device changes no other device.
    static func seed(_ base: UInt64, _ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ scramble(base)
        for byte in name.utf8 {
            hash ^= UInt64(byte)
            hash = hash &* 0x0000_0100_0000_01B3
        }
        return scramble(hash)
    }
}

/// A smooth wobble between -1 and 1 that is a function of time alone: asking often or seldom changes nothing.
struct Wobble: Sendable {
    let seed: UInt64
    /// Seconds from one random support to the next.
    let period: Double

    /// - Parameter seconds: seconds on the simulator's clock.
    func value(at seconds: Double) -> Double {
        let position = seconds / period
        let whole = position.rounded(.down)
        let fraction = position - whole
        let smooth = fraction * fraction * (3 - 2 * fraction)
        let here = support(whole)
        let there = support(whole + 1)
        return here + (there - here) * smooth
    }

    private func support(_ number: Double) -> Double {
        let index = UInt64(bitPattern: Int64(number))
        let mixed = SeededGenerator.scramble(seed &+ index &* 0x9E37_79B9_7F4A_7C15)
        return Double(mixed >> 11) / Double(1 << 52) - 1
    }
}
