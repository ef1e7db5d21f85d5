import CLinux
import DriverProtocol
import Lighting
import Telemetry

/// What one report of a driver told of a device that Lighting or the fault rules listen to.
struct FieldNews: Sendable {
    struct Value: Sendable {
        let point: String
        let unit: String
        let sample: Sample
    }

    let device: String
    let values: [Value]
    /// Requests and failures since the driver's start; nil where the report was of values.
    let polls: (requests: UInt64, failures: UInt64)?
    let at: BootInstant
}

/// Carries field news from the device table to whom it concerns, in order and without making a bus wait.
///
/// Thread-safe.
final class FieldNewsDesk: Sendable {
    /// A listener that stands still this long behind has worse troubles; then the oldest news are dropped. It is
    /// an hour of a bus of lamps, and a few megabytes.
    private static let longestQueue = 10_000

    /// Lamps that the fault rules watch.
    private let watched: Set<String>
    private let heard: Set<String>
    let news: AsyncStream<FieldNews>
    private let send: AsyncStream<FieldNews>.Continuation

    /// - Parameters:
    ///   - lamps: devices whose every report is wanted.
    ///   - watched: those of them that the fault rules watch.
    ///   - inputs: points that are wanted, as `device.point`; a device's name holds no dot.
    init(lamps: Set<String>, watched: Set<String>, inputs: Set<String>) {
        self.watched = watched
        heard = lamps.union(inputs.compactMap { $0.split(separator: ".", maxSplits: 1).first.map(String.init) })
        (news, send) = AsyncStream.makeStream(
            of: FieldNews.self, bufferingPolicy: .bufferingNewest(Self.longestQueue))
    }

    func wants(_ device: String) -> Bool { heard.contains(device) }
    func watches(_ device: String) -> Bool { watched.contains(device) }

    func hear(_ samples: [Sample], of device: DeviceRecord) {
        let values = samples.compactMap { sample -> FieldNews.Value? in
            guard device.points.indices.contains(sample.point) else { return nil }
            let point = device.points[sample.point]
            return FieldNews.Value(point: point.name, unit: point.unit, sample: sample)
        }
        guard let at = samples.last?.acquired else { return }
        send.yield(FieldNews(device: device.name, values: values, polls: nil, at: at))
    }

    func hear(_ state: DriverDeviceState, of device: DeviceRecord) {
        send.yield(
            FieldNews(
                device: device.name, values: [], polls: (state.requests, state.failures),
                at: BootInstant(nanoseconds: candela_boottime_nanoseconds())))
    }
}
