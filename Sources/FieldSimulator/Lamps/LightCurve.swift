import Glibc

/// From arc level to light (IEC 62386-102, 9.3; linear: 62386-207).
public enum LightCurve: String, Sendable {
    case logarithmic, linear

    /// The share of full light at an arc level, 0 to 1.
    public func light(at level: Double) -> Double {
        guard level > 0 else { return 0 }
        switch self {
        case .linear: return min(1, level / 254)
        case .logarithmic: return pow(10, (min(254, max(1, level)) - 1) / (253.0 / 3) - 1) / 100
        }
    }
}
