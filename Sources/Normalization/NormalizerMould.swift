import Telemetry

/// What devices of one product with the same options have in common, kept once: a thousand meters of forty points would
/// otherwise hold forty thousand equal rules.
final class NormalizerMould: Sendable {
    let pointRules: [PointRule]
    let paths: [DeviceNormalizer.Path]
    private let points: [PointDescriptor]
    private let options: [String: PointOptions]
    private let rules: DeviceRules

    init(
        points: [PointDescriptor], options: [String: PointOptions], rules: DeviceRules, pointRules: [PointRule],
        paths: [DeviceNormalizer.Path]
    ) {
        self.points = points
        self.options = options
        self.rules = rules
        self.pointRules = pointRules
        self.paths = paths
    }

    func fits(_ points: [PointDescriptor], _ options: [String: PointOptions], _ rules: DeviceRules) -> Bool {
        self.rules == rules && self.options == options && self.points == points
    }
}
