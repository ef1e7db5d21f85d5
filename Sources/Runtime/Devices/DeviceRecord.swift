import Configuration
import Normalization
import Telemetry

/// One device as the daemon sees it: what it is, how it does, and its newest values.
struct DeviceRecord: Sendable {
    enum Condition: String, Sendable, Hashable {
        case unknown
        case online
        case failing
        case offline
        /// Not usable as configured.
        case disabled
    }

    let configuration: DeviceConfiguration
    /// As the driver knows it in its messages.
    let index: UInt32
    var points: [PointDescriptor] = []
    var normalizer: DeviceNormalizer
    var condition: Condition = .unknown
    /// The last failure in words.
    var detail = ""
    var address = ""
    var profileVersion = ""
    var isLamp = false
    var requests: UInt64 = 0
    var failures: UInt64 = 0
    var missedIntervals: UInt64 = 0
    var lastAnswer: BootInstant?

    var name: String { configuration.name }
    var isHousehold: Bool { configuration.privacy == .household }

    init(configuration: DeviceConfiguration, index: UInt32) {
        self.configuration = configuration
        self.index = index
        normalizer = DeviceNormalizer(device: configuration.name, points: [])
    }

    func pointIndex(_ name: String) -> Int? { points.firstIndex { $0.name == name } }

    /// What the configuration wants of each point the device really has.
    var pointOptions: [String: PointOptions] {
        var options: [String: PointOptions] = [:]
        for point in points {
            guard let wanted = configuration.points[point.name] else {
                if let keep = configuration.keep { options[point.name] = PointOptions(keep: keep) }
                continue
            }
            let threshold: PointOptions.ChangeThreshold? =
                switch wanted.reportOnChange {
                case nil: nil
                case .absolute(let quantity)?: .absolute(quantity.value, unit: quantity.unit.symbol)
                case .relative(let percent)?: .relative(percent: percent)
                }
            options[point.name] = PointOptions(
                reportOnChange: threshold, reportAtLeast: wanted.reportAtLeast, keep: wanted.keep ?? configuration.keep)
        }
        return options
    }
}
