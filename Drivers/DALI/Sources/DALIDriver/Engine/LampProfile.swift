internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A profile of this driver: which points a lamp has, and how often they are read.
struct LampProfile {
    let version: String
    private let entries: [(point: LampPoint, interval: Duration?)]
    private let interval: Duration

    /// Reads a profile; what is wrong goes to `diagnostics` under the profile's name.
    init(_ profile: DriverProfile, _ diagnostics: Diagnostics) {
        let place = NodePlace(.profile, name: profile.name)
        let content = NodeMap(profile.hasContent ? profile.content : nil, place: place, diagnostics: diagnostics)
        if let driver = content.required("driver", "dali")?.text(), driver != "dali" {
            diagnostics.error(
                "a profile of driver \(driver.prefix(40)) for a bus of driver dali", at: place.appending("driver"))
        }
        version = content.text("version") ?? ""
        _ = content.text("description")
        interval = content.duration("interval", in: BusConfiguration.intervals) ?? BusConfiguration.defaultInterval
        var entries: [(LampPoint, Duration?)] = []
        if let points = content.required("points", "a map of points, such as level: {}")?.map() {
            for (key, value) in points.all() {
                guard let point = LampPoint(rawValue: key) else {
                    diagnostics.error(Self.unknown(key), at: value.place, atKey: true)
                    continue
                }
                var own: Duration?
                if !value.isNull, let options = value.map() {
                    own = options.duration("interval", in: BusConfiguration.intervals)
                    options.finish()
                }
                entries.append((point, own))
            }
            if entries.isEmpty { diagnostics.error("no point is named", at: points.place) }
        }
        content.finish()
        self.entries = entries
    }

    /// The points of one device: those of the profile, chosen and retimed as the device asks.
    func points(_ device: DriverDevice, _ place: NodePlace, _ diagnostics: Diagnostics) -> [Gear.Point] {
        var requests: [String: DriverPointRequest] = [:]
        for request in device.points {
            requests[request.point] = request
            if !entries.contains(where: { $0.point.rawValue == request.point }) {
                let known = entries.map(\.point.rawValue)
                let nearest = NearestKey.find(request.point, in: known).map { "did you mean \($0)?" }
                diagnostics.error(
                    "profile \(device.profile) has no point \(request.point.prefix(60)); "
                        + (nearest ?? "it has \(known.joined(separator: ", "))"),
                    at: place.appending("points").appending(request.point), atKey: true)
            }
        }
        return entries.compactMap { entry in
            let request = requests[entry.point.rawValue]
            if request?.excluded == true || (request == nil && device.onlyListed) { return nil }
            let asked = request.flatMap { Self.interval($0.intervalMs) }
            // A device's own interval is that of its polls; energy and diagnostics keep theirs unless they are named.
            let standard =
                entry.point.isPolled
                ? Self.interval(device.intervalMs) ?? entry.interval
                : entry.interval ?? entry.point.row.interval
            return Gear.Point(kind: entry.point, interval: asked ?? standard ?? interval)
        }
    }

    private static func interval(_ milliseconds: UInt64) -> Duration? {
        guard milliseconds > 0 else { return nil }
        let wanted = Duration.milliseconds(Int64(clamping: milliseconds))
        return min(max(wanted, BusConfiguration.intervals.lowerBound), BusConfiguration.intervals.upperBound)
    }

    private static func unknown(_ key: String) -> String {
        let known = LampPoint.allCases.map(\.rawValue)
        let nearest = NearestKey.find(key, in: known).map { "did you mean \($0)?" }
        return "a lamp has no point \(key.prefix(60)); " + (nearest ?? "it has \(known.joined(separator: ", "))")
    }
}
