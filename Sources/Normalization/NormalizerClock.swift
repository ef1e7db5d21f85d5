import Telemetry

/// What the clock is worth at one moment, handed in with every call: the normaliser has none of its own.
public struct NormalizerClock: Sendable, Hashable {
    /// Names this boot; times of another boot cannot be compared with this one's but through UTC.
    public let boot: String
    /// UTC minus time since boot, in nanoseconds.
    public let offset: Int64
    /// False until somebody vouched for UTC. Windows begin only then.
    public let isTrusted: Bool
    /// How wrong UTC may be; nil: nobody knows.
    public let error: Duration?
    /// `clock.billing_error`: a window's value is good only while ``error`` is below it.
    public let billingError: Duration

    public init(
        boot: String, offset: Int64, isTrusted: Bool, error: Duration? = .zero, billingError: Duration = .seconds(10)
    ) {
        self.boot = boot
        self.offset = offset
        self.isTrusted = isTrusted
        self.error = error
        self.billingError = billingError
    }

    /// A clock that nobody vouches for.
    public static func untrusted(boot: String = "") -> NormalizerClock {
        NormalizerClock(boot: boot, offset: 0, isTrusted: false, error: nil)
    }

    /// Whether a window that ends now is good by the clock.
    var isGoodForBilling: Bool { isTrusted && error.map { $0 < billingError } ?? false }

    func utc(_ moment: BootInstant) -> UTCInstant {
        UTCInstant(nanoseconds: moment.nanoseconds).advanced(by: .nanoseconds(offset))
    }

    /// In this boot's time; before the boot it is negative.
    func boot(_ moment: UTCInstant) -> BootInstant {
        BootInstant(nanoseconds: moment.nanoseconds).advanced(by: .nanoseconds(offset == .min ? .max : -offset))
    }
}
