internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A bus of lamps as configured and checked.
struct BusConfiguration {
    /// Slower than a second a lamp needs not be read; faster than this the bus could not follow with two lamps.
    static let intervals: ClosedRange<Duration> = .milliseconds(200) ... .seconds(86_400)
    static let defaultInterval: Duration = .seconds(60)

    let bus: String
    let port: String
    let kind: InterfaceKind?
    let settings: SerialSettings
    let isReadOnly: Bool
    let gear: [Gear]
    let sensors: [Sensor]
    /// Names of the lamp groups that are DALI groups here; the number is the place in the list.
    let groupNames: [String]

    static let busOptions: [DriverOptionDescription] = [
        .init("interface", InterfaceKind.all.map(\.name).joined(separator: "|"), "luba", "kind of DALI interface"),
        .init(
            "baud", "number", "",
            "speed of the serial line to the interface, bit/s; without it the vendor's of its kind"),
    ]

    static let deviceOptions: [DriverOptionDescription] =
        [
            .init("address", "number", "", "short address of the control gear, 0 to 63", required: true),
            .init(
                "curve", "auto|logarithmic|linear", "auto",
                "how level becomes light; auto asks the gear, others are selected"),
            .init("fade", "duration", "", "fade time of commands that bring none; one of the standard's"),
        ]
        + GearSettings.options + Sensor.options

    /// Reads a Configure.
    ///
    /// - Returns: what can be used, and the answer with everything that is wrong.
    static func read(_ message: DriverConfigure) -> (BusConfiguration, DriverConfigured) {
        let diagnostics = Diagnostics()
        let options = NodeMap(
            message.hasOptions ? message.options : nil, place: NodePlace(.bus), diagnostics: diagnostics)
        let kind = interface(options)
        let baud = options.integer("baud", oneOf: SerialRates.all)
        options.finish()
        checkPort(message.port, kind, hasBaud: baud != nil, diagnostics)

        var profiles: [String: LampProfile] = [:]
        for profile in message.profiles { profiles[profile.name] = LampProfile(profile, diagnostics) }
        var owners: [ShortAddress: String] = [:]
        var gear: [Gear] = []
        var sensors: [Sensor] = []
        var sensorOwners: [String: String] = [:]
        let groups = GroupPlan(message.devices)
        var configured = DriverConfigured()
        configured.request = message.request
        for device in message.devices {
            var description = DriverDeviceDescription()
            description.index = device.index
            description.isLamp = true
            let profile = profiles[device.profile]
            if let profile, case .sensor(let kind) = profile.kind {
                description.isLamp = false
                if let read = Sensor.read(device, profile, kind, owners: &sensorOwners, diagnostics) {
                    sensors.append(read)
                    description.usable = true
                    description.address = read.text
                    description.points = read.points.map {
                        DriverPointDescription($0.kind.descriptor(interval: $0.interval))
                    }
                }
            } else if let read = readGear(device, profile, groups, &owners, diagnostics) {
                gear.append(read)
                description.usable = true
                description.address = read.address.description
                description.points = read.points.map {
                    DriverPointDescription($0.kind.descriptor(interval: $0.interval))
                }
            }
            description.profileVersion = profile?.version ?? ""
            configured.devices.append(description)
        }
        configured.diagnostics = diagnostics.all
        let line = kind?.settings ?? SerialSettings(baud: 38_400)
        let settings = SerialSettings(
            baud: baud ?? line.baud, parity: line.parity, stopBits: line.stopBits, assertsDTR: line.assertsDTR)
        return (
            BusConfiguration(
                bus: message.bus, port: kind.map { port(message.port, $0) } ?? message.port, kind: kind,
                settings: settings, isReadOnly: message.readOnly, gear: gear, sensors: sensors,
                groupNames: groups.names), configured
        )
    }

    private static func interface(_ options: NodeMap) -> InterfaceKind? {
        guard let value = options.value("interface") else { return InterfaceKind.named("luba") }
        guard let name = value.text() else { return nil }
        guard let kind = InterfaceKind.named(name) else {
            let names = InterfaceKind.all.map(\.name)
            let nearest = NearestKey.find(name, in: names).map { "; did you mean \($0)?" } ?? ""
            value.error("\(value.written) where one of \(names.joined(separator: ", ")) was expected\(nearest)")
            return nil
        }
        return kind
    }

    /// The path with the vendor's port where a network address has none.
    private static func port(_ path: String, _ kind: InterfaceKind) -> String {
        kind.networkPort.flatMap { TCPChannel.host(of: path, standardPort: $0) }.map { TCPChannel.scheme + "\($0)" }
            ?? path
    }

    /// A serial device for every kind; for those with a network socket also `tcp://HOST` with the vendor's port, or
    /// `tcp://HOST:PORT`.
    private static func checkPort(
        _ port: String, _ kind: InterfaceKind?, hasBaud: Bool, _ diagnostics: Diagnostics
    ) {
        guard let kind, port.contains("://") || port == "tcp" else { return }
        guard let standardPort = kind.networkPort else {
            diagnostics.error(
                "the port of a \(kind.name) interface is a serial device such as /dev/ttyUSB0, not \"\(port.prefix(80))\"",
                at: NodePlace(.bus))
            return
        }
        if TCPChannel.host(of: port, standardPort: standardPort) == nil {
            diagnostics.error(
                "the port of a \(kind.name) interface is a serial device such as /dev/ttyUSB0 or tcp://HOST:PORT as"
                    + " tcp://192.168.1.241:\(standardPort), not \"\(port.prefix(80))\"", at: NodePlace(.bus))
        } else if hasBaud {
            diagnostics.error(
                "\(port) is a network port; baud belongs to a serial line", at: NodePlace(.bus).appending("baud"))
        }
    }

    private static func readGear(
        _ device: DriverDevice, _ profile: LampProfile?, _ groups: GroupPlan, _ owners: inout [ShortAddress: String],
        _ diagnostics: Diagnostics
    ) -> Gear? {
        let place = NodePlace(.device, name: device.name)
        let options = NodeMap(device.hasOptions ? device.options : nil, place: place, diagnostics: diagnostics)
        let number = options.required("address", "the short address of the gear, 0 to 63")?.integer(in: 0...63)
        let curve: ArcPowerCurve? =
            options.choice("curve", ["auto": nil, "logarithmic": .logarithmic, "linear": .linear]) ?? nil
        let fade = options.value("fade").flatMap(readFade)
        var settings = GearSettings(options, fallback: device.fallbackPercent, curve: curve, fade: fade)
        (settings.groups, settings.groupsInUse) = (groups.mask(device.groups), groups.inUse)
        options.finish()
        guard let profile else {
            diagnostics.error("its profile \(device.profile.prefix(60)) was not handed over with the bus", at: place)
            return nil
        }
        let address = number.flatMap { ShortAddress($0) }
        if let address {
            if let owner = owners[address] {
                diagnostics.error(
                    "\(device.name) and \(owner) both have \(address); on one DALI bus each gear has its own",
                    at: place.appending("address"))
                return nil
            }
            owners[address] = device.name
        }
        let points = profile.points(device, place, diagnostics)
        guard let address, !diagnostics.hasErrors(.device, name: device.name),
            !diagnostics.hasErrors(.profile, name: device.profile)
        else { return nil }
        return Gear(
            index: device.index, name: device.name, address: address, curve: curve, fade: fade, points: points,
            settings: settings)
    }

    private static func readFade(_ value: NodeValue) -> UInt8? {
        guard let duration = value.duration(in: .zero ... .seconds(91)) else { return nil }
        if duration == .zero { return 0 }
        if let index = FadeTime.index(milliseconds: Int(duration.wholeMilliseconds)) { return index }
        value.error("\(value.written) is no fade time of DALI gear; it has 0s and \(FadeTime.list)")
        return nil
    }

}
