import Glibc
public import Telemetry

/// Sunrise and sunset around one solar noon.
public struct SolarDay: Sendable, Hashable {
    public enum Event: Sendable, Hashable {
        case at(UTCInstant)
        /// Polar day: the sun does not go down.
        case staysUp
        /// Polar night: the sun does not come up.
        case staysDown

        public var moment: UTCInstant? { if case .at(let moment) = self { moment } else { nil } }
    }

    /// When the sun stands highest.
    public let noon: UTCInstant
    /// The last before ``noon``.
    public let sunrise: Event
    /// The first after ``noon``.
    public let sunset: Event
}

/// Where the sun stands, after J. Meeus, Astronomical Algorithms (chapter 25, low accuracy), as NOAA's solar calculator
/// uses it: sunrise and sunset within a minute between 72° north and south, for this century.
public enum SolarPosition {
    /// A place on earth, in degrees; north and east are positive.
    public struct Place: Sendable, Hashable {
        public let latitude: Double
        public let longitude: Double

        public init(latitude: Double, longitude: Double) {
            self.latitude = latitude
            self.longitude = longitude
        }

        var isOnEarth: Bool { abs(latitude) <= 90 && abs(longitude) <= 180 }
    }

    /// The sun's centre below the zenith when its upper limb meets the horizon, in degrees: 90 and 16' of radius and the
    /// refraction that NOAA's formula gives there, 31.3'. Almanacs take 34' at all times, which is some 15 s of light more
    /// at 50 degrees of latitude; the air of the day makes more difference than that.
    static let horizonZenith = 90.789
    /// At the very pole every direction is south and the hour angle has no meaning; a tenth of a degree away it does.
    static let steepestLatitude = 89.9
    /// Each round moves the moment by a thirtieth of the last; after six it rests below a millisecond.
    static let rounds = 6

    /// The sun at a place around the solar noon that is nearest to `moment` (give the local noon of a date).
    public static func day(at place: Place, around moment: UTCInstant) -> SolarDay {
        let near = Double(moment.seconds)
        // Mean solar noon of the date that the place's own sun writes.
        let solarDate = ((near + place.longitude * 240) / 86_400).rounded(.down)
        let meanNoon = solarDate * 86_400 + 43_200 - place.longitude * 240
        var noon = meanNoon
        for _ in 0..<rounds { noon = meanNoon - Sun(at: noon).equationOfTime }
        return SolarDay(
            noon: instant(noon), sunrise: event(-1, place: place, meanNoon: meanNoon),
            sunset: event(1, place: place, meanNoon: meanNoon))
    }

    private static func event(_ direction: Double, place: Place, meanNoon: Double) -> SolarDay.Event {
        let latitude = radians(max(-steepestLatitude, min(steepestLatitude, place.latitude)))
        var moment = meanNoon
        var cosine = 0.0
        for _ in 0..<rounds {
            let sun = Sun(at: moment)
            cosine =
                (cos(radians(horizonZenith)) - sin(latitude) * sin(sun.declination))
                / (cos(latitude) * cos(sun.declination))
            let hourAngle = acos(max(-1, min(1, cosine)))
            moment = meanNoon - sun.equationOfTime + direction * hourAngle / Double.pi * 43_200
        }
        if cosine > 1 { return .staysDown }
        if cosine < -1 { return .staysUp }
        return .at(instant(moment))
    }

    private static func instant(_ seconds: Double) -> UTCInstant {
        UTCInstant(nanoseconds: Int64(seconds.rounded()) * 1_000_000_000)
    }

    private static func radians(_ degrees: Double) -> Double { degrees * Double.pi / 180 }

    /// The apparent sun at one moment.
    private struct Sun {
        /// In radians.
        let declination: Double
        /// Apparent minus mean solar time, in seconds.
        let equationOfTime: Double

        init(at seconds: Double) {
            // Julian centuries since 2000-01-01 12:00.
            let t = (seconds - 946_728_000) / 86_400 / 36_525
            let meanLongitude = radians(
                (280.46646 + t * (36_000.76983 + t * 0.0003032)).truncatingRemainder(dividingBy: 360))
            let anomaly = radians(357.52911 + t * (35_999.05029 - 0.0001537 * t))
            let eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
            let center =
                sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t))
                + sin(2 * anomaly) * (0.019993 - 0.000101 * t) + sin(3 * anomaly) * 0.000289
            let node = radians(125.04 - 1934.136 * t)
            let apparentLongitude = meanLongitude + radians(center - 0.00569 - 0.00478 * sin(node))
            let meanObliquity = 23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60
            let obliquity = radians(meanObliquity + 0.00256 * cos(node))
            declination = asin(sin(obliquity) * sin(apparentLongitude))
            let y = tan(obliquity / 2) * tan(obliquity / 2)
            let angle =
                y * sin(2 * meanLongitude) - 2 * eccentricity * sin(anomaly)
                + 4 * eccentricity * y * sin(anomaly) * cos(2 * meanLongitude)
                - 0.5 * y * y * sin(4 * meanLongitude) - 1.25 * eccentricity * eccentricity * sin(2 * anomaly)
            equationOfTime = angle * 43_200 / Double.pi
        }
    }
}
