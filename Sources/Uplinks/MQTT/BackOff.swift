/// How long to wait before the next attempt: doubling from the first to the longest wait, with jitter, so that a city's gateways do
/// not come back in step.
struct BackOff: Sendable {
    let first: Duration
    let longest: Duration
    private(set) var attempts = 0
    private var random: UInt64

    init(first: Duration, longest: Duration, seed: UInt64) {
        self.first = first
        self.longest = longest
        random = seed
    }

    /// The next wait: between three quarters and five quarters of the doubled one, never outside first and longest.
    mutating func next() -> Duration {
        var plain = first
        for _ in 0..<min(attempts, 30) where plain < longest { plain = min(plain * 2, longest) }
        attempts += 1
        return min(max(spread(plain), first), longest)
    }

    mutating func reset() { attempts = 0 }

    /// `duration` times a number between 0.75 and 1.25.
    mutating func spread(_ duration: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014): small, reproducible from its seed, good enough for jitter.
        random &+= 0x9E37_79B9_7F4A_7C15
        var mixed = random
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return duration * (0.75 + Double(mixed >> 11) / Double(1 << 53) / 2)
    }
}
