internal import Glibc
public import Telemetry

/// How a gear turns its level (1 to 254) into light. A city says percent of light; each gear gets the level of its own curve.
public enum ArcPowerCurve: String, Sendable, Hashable, CaseIterable {
    /// The standard curve of IEC 62386-102 clause 9.3: level 1 is 0.1 %, 254 is 100 %, even steps for the eye.
    case logarithmic
    /// Curve 1 of device types 6 and 17: level/254.
    case linear

    /// Level 254 on either curve.
    public static let full: UInt8 = 254
    /// 253 / 3 levels make the light ten times brighter.
    private static let levelsPerDecade = 253.0 / 3

    /// Percent of light, rounded to two places.
    ///
    /// - Precondition: `level` is 0 to 254; 255 is MASK and no level.
    public func percent(level: UInt8) -> ExactDecimal {
        precondition(level <= Self.full, "255 is MASK and no level")
        guard level > 0 else { return .zero }
        let light =
            switch self {
            case .logarithmic: pow(10, (Double(level) - 1) / Self.levelsPerDecade - 1)
            case .linear: Double(level) / Double(Self.full) * 100
            }
        return ExactDecimal(mantissa: Int64((light * 100).rounded()), exponent: -2).normalized
    }

    /// The level nearest to a percentage of light on this curve. Anything above 0 gives at least level 1: lit is not off.
    ///
    /// - Parameter percent: 0 to 100; what lies outside is cut.
    public func level(percent: ExactDecimal) -> UInt8 {
        let wanted = percent.approximation
        guard wanted > 0 else { return 0 }
        let level =
            switch self {
            case .logarithmic: (log10(wanted) + 1) * Self.levelsPerDecade + 1
            case .linear: wanted / 100 * Double(Self.full)
            }
        return UInt8(min(Double(Self.full), max(1, level.rounded())))
    }
}

/// The fade times that gear knows, IEC 62386-102 clause 9.5.2: index n ≥ 1 is 0.5·√(2ⁿ) s.
public enum FadeTime {
    /// Milliseconds by index 1 to 15, rounded to tenths of a second as the standard's table has them.
    public static let milliseconds: [Int] = [
        700, 1000, 1400, 2000, 2800, 4000, 5700, 8000, 11_300, 16_000, 22_600, 32_000, 45_300, 64_000, 90_500,
    ]

    /// Index of a time that stands in the table; nil for every other.
    public static func index(milliseconds wanted: Int) -> UInt8? {
        milliseconds.firstIndex(of: wanted).map { UInt8($0 + 1) }
    }

    /// The time of the table that is nearest by ratio, for the steps of the table are ratios.
    public static func nearest(milliseconds wanted: Int) -> (index: UInt8, milliseconds: Int) {
        // Between two neighbours the limit is their geometric mean.
        let wanted = min(max(0, wanted), 1_000_000)
        let below = zip(milliseconds, milliseconds.dropFirst()).prefix { wanted * wanted > $0 * $1 }.count
        return (UInt8(below + 1), milliseconds[below])
    }

    /// For messages: `0.7 s, 1 s, 1.4 s ...`.
    public static var list: String { milliseconds.map(seconds).joined(separator: ", ") }

    /// For messages: `1.4 s`.
    static func seconds(_ milliseconds: Int) -> String {
        "\(ExactDecimal(mantissa: Int64(clamping: milliseconds), exponent: -3).normalized) s"
    }
}
