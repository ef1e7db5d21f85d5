public import Telemetry

extension DeviceNormalizer {
    /// Readings only, by a clock that nobody vouches for.
    public mutating func normalize(_ samples: [Sample]) -> [Reading] {
        normalize(samples, clock: .untrusted()).readings
    }
}
