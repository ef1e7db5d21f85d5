import DriverProtocol
import DriverTestSupport
import Telemetry

extension DriverProcess {
    /// What a point was told as last.
    struct Told {
        let value: Value?
        let quality: Quality
    }

    /// The Modbus driver; nil when it was not built.
    static var modbus: String? { executable("candela-driver-modbus") }

    /// Follows the samples until `isDone` or until nothing more can be hoped for.
    ///
    /// - Returns: the last value of each point, by device index and point index.
    func watch(
        _ devices: [DriverDeviceDescription], within limit: Duration, until isDone: ([UInt32: [Int: Told]]) -> Bool
    ) throws -> [UInt32: [Int: Told]] {
        let counts = Dictionary(uniqueKeysWithValues: devices.map { ($0.index, $0.points.count) })
        let deadline = ContinuousClock.now + limit
        var told: [UInt32: [Int: Told]] = [:]
        return try receive("samples", within: limit + Self.limit) { message -> [UInt32: [Int: Told]]? in
            if case .samples(let samples)? = message.message {
                for row in try samples.rows(points: counts[samples.device] ?? 0) {
                    told[samples.device, default: [:]][row.point] = Told(value: row.value, quality: row.quality)
                }
                if isDone(told) { return told }
            }
            // Heartbeats come each second, so the limit is looked at even when nothing is told.
            return ContinuousClock.now < deadline ? nil : told
        }
    }
}
