internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A profile of this driver: which points a lamp or a sensor has, and how often they are read.
struct LampProfile {
    /// What devices of the profile are. A profile without `kind` is of lamps.
    enum Kind: Sendable, Hashable {
        case lamp
        case sensor(SensorKind)

        static let names: KeyValuePairs<String, Kind> = [
            "lamp": .lamp, "light_sensor": .sensor(.light), "occupancy_sensor": .sensor(.occupancy),
        ]
    }

    let version: String
    let kind: Kind
    private let entries: [(name: String, interval: Duration?)]
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
        let kind = content.choice("kind", Kind.names) ?? .lamp
        self.kind = kind
        interval = content.duration("interval", in: BusConfiguration.intervals) ?? BusConfiguration.defaultInterval
        var entries: [(String, Duration?)] = []
        if let points = content.required("points", "a map of points, such as level: {}")?.map() {
            for (key, value) in points.all() {
                guard kind.points.contains(key) else {
                    diagnostics.error(kind.unknown(key), at: value.place, atKey: true)
                    continue
                }
                var own: Duration?
                if !value.isNull, let options = value.map() {
                    own = options.duration("interval", in: BusConfiguration.intervals)
                    options.finish()
                }
                entries.append((key, own))
            }
            if entries.isEmpty { diagnostics.error("no point is named", at: points.place) }
        }
        content.finish()
        self.entries = entries
    }

    /// The points of one lamp: those of the profile, chosen and retimed as the device asks.
    func points(_ device: DriverDevice, _ place: NodePlace, _ diagnostics: Diagnostics) -> [Gear.Point] {
        chosen(device, place, diagnostics).compactMap { choice in
            guard let point = LampPoint(rawValue: choice.name) else { return nil }
            // A device's own interval is that of its polls; energy and diagnostics keep theirs unless they are named.
            let standard =
                point.isPolled
                ? Self.interval(device.intervalMs) ?? choice.ofProfile : choice.ofProfile ?? point.row.interval
            return Gear.Point(kind: point, interval: choice.asked ?? standard ?? interval)
        }
    }

    /// The points of one sensor.
    func sensorPoints(_ device: DriverDevice, _ place: NodePlace, _ diagnostics: Diagnostics) -> [Sensor.Point] {
        chosen(device, place, diagnostics).compactMap { choice in
            guard let point = SensorPoint(rawValue: choice.name) else { return nil }
            let standard = Self.interval(device.intervalMs) ?? choice.ofProfile
            return Sensor.Point(kind: point, interval: choice.asked ?? standard ?? interval)
        }
    }

    private struct Choice {
        let name: String
        /// By the device, for this point.
        let asked: Duration?
        let ofProfile: Duration?
    }

    private func chosen(_ device: DriverDevice, _ place: NodePlace, _ diagnostics: Diagnostics) -> [Choice] {
        var requests: [String: DriverPointRequest] = [:]
        for request in device.points {
            requests[request.point] = request
            if !entries.contains(where: { $0.name == request.point }) {
                let known = entries.map(\.name)
                let nearest = NearestKey.find(request.point, in: known).map { "did you mean \($0)?" }
                diagnostics.error(
                    "profile \(device.profile) has no point \(request.point.prefix(60)); "
                        + (nearest ?? "it has \(known.joined(separator: ", "))"),
                    at: place.appending("points").appending(request.point), atKey: true)
            }
        }
        return entries.compactMap { entry in
            let request = requests[entry.name]
            if request?.excluded == true || (request == nil && device.onlyListed) { return nil }
            return Choice(
                name: entry.name, asked: request.flatMap { Self.interval($0.intervalMs) }, ofProfile: entry.interval)
        }
    }

    private static func interval(_ milliseconds: UInt64) -> Duration? {
        guard milliseconds > 0 else { return nil }
        let wanted = Duration.milliseconds(Int64(clamping: milliseconds))
        return min(max(wanted, BusConfiguration.intervals.lowerBound), BusConfiguration.intervals.upperBound)
    }
}

extension LampProfile.Kind {
    fileprivate var points: [String] {
        switch self {
        case .lamp: LampPoint.allCases.map(\.rawValue)
        case .sensor(let kind): kind.points.map(\.rawValue)
        }
    }

    fileprivate func unknown(_ key: String) -> String {
        let what =
            switch self {
            case .lamp: "a lamp"
            case .sensor(.light): "a light sensor"
            case .sensor(.occupancy): "an occupancy sensor"
            }
        let nearest = NearestKey.find(key, in: points).map { "did you mean \($0)?" }
        // The list of a lamp's points is long: the driver's page has it.
        let others =
            points.count > 10
            ? "see the table of points in the driver's page" : "it has \(points.joined(separator: ", "))"
        return "\(what) has no point \(key.prefix(60)); " + (nearest ?? others)
    }
}
