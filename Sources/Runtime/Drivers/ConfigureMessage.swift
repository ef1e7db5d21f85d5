public import Configuration
public import DriverProtocol
import Telemetry

/// What a driver is told of its bus, made from the checked configuration.
public enum ConfigureMessage {
    /// - Parameters:
    ///   - bus: a sound bus of `configuration`.
    ///   - memories: what the driver asked to be remembered.
    ///   - checkOnly: only the driver's opinion is wanted.
    public static func make(
        for bus: BusConfiguration, in configuration: GatewayConfiguration, memories: [DriverMemory] = [],
        checkOnly: Bool = false
    ) -> DriverConfigure {
        var message = DriverConfigure()
        message.bus = bus.name
        message.port = bus.port.resolved
        message.options = DriverNode(bus.options)
        message.readOnly = bus.isReadOnly || configuration.isReadOnly
        message.checkOnly = checkOnly
        message.memories = memories
        let devices = configuration.devices(onBus: bus.name)
        message.devices = devices.enumerated().map { index, device in
            make(device, in: configuration, index: UInt32(index))
        }
        var sent: Set<String> = []
        for device in devices {
            guard let name = device.profile, sent.insert(name).inserted,
                let profile = configuration.profile(driver: bus.driver, name: name)
            else { continue }
            var entry = DriverProfile()
            entry.name = name
            entry.source = profile.path
            entry.content = DriverNode(profile.content)
            message.profiles.append(entry)
        }
        return message
    }

    private static func make(
        _ device: DeviceConfiguration, in configuration: GatewayConfiguration, index: UInt32
    ) -> DriverDevice {
        var message = DriverDevice()
        message.index = index
        message.fallbackPercent = fallback(of: device, in: configuration)?.description ?? ""
        message.groups = device.groups
        message.name = device.name
        message.profile = device.profile ?? ""
        message.options = DriverNode(device.options)
        message.intervalMs = milliseconds(device.interval)
        message.onlyListed = device.points.onlyListed
        let boundaries = boundaries(of: device)
        message.points = device.points.points.map { point in
            var request = DriverPointRequest()
            request.point = point.name
            request.intervalMs = milliseconds(point.interval)
            request.excluded = point.isExcluded
            request.raw = point.raw
            request.boundaryMs = boundaries[point.name] ?? 0
            return request
        }
        for (point, boundary) in boundaries.sorted(by: { $0.key < $1.key }) where device.points[point] == nil {
            var request = DriverPointRequest()
            request.point = point
            request.boundaryMs = boundary
            message.points.append(request)
        }
        return message
    }

    /// What a lamp shows when nobody rules it: the fallback of the group that rules it; nil for a device in no lighting group.
    ///
    /// As Lighting chooses among several groups: the first with a calendar, or else the first.
    static func fallback(of device: DeviceConfiguration, in configuration: GatewayConfiguration) -> ExactDecimal? {
        let groups = (configuration.lighting?.groups ?? []).filter { device.groups.contains($0.name) }
        return
            (groups.first { if case .calendar = $0.schedule { true } else { false } }
            ?? groups.first {
                $0.schedule != .none
            })?.fallback
    }

    /// Which points are read at which multiples of UTC: registers at the end of each of their periods.
    ///
    /// A point with several periods is read at every multiple of what divides them all: at each end, and seldom in vain.
    private static func boundaries(of device: DeviceConfiguration) -> [String: UInt64] {
        var found: [String: UInt64] = [:]
        for window in device.windows where window.values.contains(.register) {
            let period = milliseconds(window.every)
            for point in window.points { found[point] = commonDivisor(found[point] ?? period, period) }
        }
        return found
    }

    private static func commonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? a : commonDivisor(b, a % b) }

    private static func milliseconds(_ interval: Duration?) -> UInt64 {
        interval.map { UInt64(max(1, $0.wholeMilliseconds)) } ?? 0
    }

    /// A driver's diagnostics as places in the files a person wrote, and what does not fit the points it describes.
    public static func diagnostics(
        of answer: DriverConfigured, bus: BusConfiguration, in configuration: GatewayConfiguration
    ) -> [Diagnostic] {
        let devices = configuration.devices(onBus: bus.name)
        let unfit = answer.devices.flatMap { description -> [Diagnostic] in
            guard description.usable, Int(description.index) < devices.count else { return [] }
            return BillingCheck.diagnostics(
                of: devices[Int(description.index)], points: description.points.map(\.telemetry))
        }
        return said(answer, bus, configuration) + unfit
    }

    private static func said(
        _ answer: DriverConfigured, _ bus: BusConfiguration, _ configuration: GatewayConfiguration
    ) -> [Diagnostic] {
        answer.diagnostics.map { said in
            let severity: Diagnostic.Severity = said.severity == .warning ? .warning : .error
            switch said.subject {
            case .device:
                return configuration.diagnostic(
                    severity, forDevice: said.name, path: said.path, atKey: said.atKey, message: said.message)
            case .profile:
                return configuration.diagnostic(
                    severity, forProfile: said.name, driver: bus.driver, path: said.path, atKey: said.atKey,
                    message: said.message)
            case .bus, .unspecified, .UNRECOGNIZED:
                return configuration.diagnostic(
                    severity, forBus: bus.name, path: said.path, atKey: said.atKey, message: said.message)
            }
        }
    }
}

extension DriverNode {
    /// A YAML tree without its places; numbers stay as they were written.
    public init(_ node: YAMLNode) {
        self.init()
        switch node.content {
        case .null: null = DriverNode.Null()
        case .flag(let flag): self.flag = flag
        case .number(let number): self.number = number
        case .text(let text): self.text = text
        case .list(let items): list.items = items.map { DriverNode($0) }
        case .map(let entries):
            // An empty map must still be a map.
            var map = DriverNode.Map()
            map.entries = entries.map { entry in
                var made = DriverNode.Entry()
                made.key = entry.key
                made.value = DriverNode(entry.value)
                return made
            }
            self.map = map
        }
    }
}
