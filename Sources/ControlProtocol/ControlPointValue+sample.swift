public import Telemetry

extension ControlPointValue {
    /// A sample that was just read for a person.
    ///
    /// - Parameter time: of the reading, in UTC as well as it is known.
    public init(_ sample: Sample, point: PointDescriptor, time: UTCInstant) {
        self.init()
        self.point = point.name
        value = JSONValue(sample.value).description
        unit = point.unit
        quality = sample.quality.grade.name
        if sample.quality.reason != .none { reason = sample.quality.reason.name }
        self.time = time.description
        writable = point.isWritable
    }
}
