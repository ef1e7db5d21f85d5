public import Telemetry

/// What Lighting is told of the field: the last good values of the points its programs ask for
/// (``LightingPlan/inputs``), and how long each lamp has burnt.
public struct LightingInputs: Sendable {
    /// A good value and when it was read, by this boot's clock.
    public struct Seen: Sendable, Hashable {
        public let value: Value
        public let at: BootInstant
    }

    private var points: [String: Seen] = [:]
    private var hours: [String: ExactDecimal] = [:]

    public init() {}

    /// Takes a sample of a point. One that is not good is left out: the last good value ages until it is stale.
    ///
    /// - Parameter point: `device.point`.
    public mutating func note(_ point: String, _ value: Value, isGood: Bool = true, at moment: BootInstant) {
        guard isGood else { return }
        points[point] = Seen(value: value, at: moment)
    }

    /// Takes how long a lamp has burnt, in hours, for constant light output.
    public mutating func note(operatingHours: ExactDecimal, of lamp: String) { hours[lamp] = operatingHours }

    /// The last good value; nil when there was none since the start.
    public subscript(point: String) -> Seen? { points[point] }

    /// In hours; nil when the lamp has not told it.
    public func operatingHours(of lamp: String) -> ExactDecimal? { hours[lamp] }
}
