internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Everything a bus needs to run, checked; and what there is to say about it.
struct BusConfiguration {
    let bus: String
    let port: PortAddress?
    let options: BusOptions
    /// Ways to devices, in the order in which devices name them.
    let links: [PortAddress]
    private let roster: DeviceRoster
    /// Made anew at each call.
    var devices: [ModbusDevice] { roster.devices }
    /// For the runtime, once: descriptions of all points of all devices.
    private(set) var answer: DriverConfigured

    init(_ configure: DriverConfigure) {
        self.bus = configure.bus
        let diagnostics = Diagnostics()
        let bus = NodePlace(.bus)
        let port = PortAddress(configure.port)
        if port == nil {
            diagnostics.error(
                "\"\(configure.port)\" is no port; expected \(PortAddress.forms)", at: bus.appending("port"))
        }
        options = BusOptions(
            configure.hasOptions ? configure.options : nil, port: port, diagnostics: diagnostics)
        var profiles: [String: ModbusProfile] = [:]
        for profile in configure.profiles {
            let read = ProfileReader(profile, diagnostics: diagnostics).read()
            if !diagnostics.hasErrors(.profile, name: profile.name) { profiles[profile.name] = read }
        }
        var builder = DeviceBuilder(options: options, port: port ?? .hosts, diagnostics: diagnostics)
        var links: [PortAddress] = []
        var roster = DeviceRoster()
        var taken: [String: String] = [:]
        var answer = DriverConfigured()
        // Devices alike have one list of points, and one description of it.
        var described: (points: [PointDescriptor], descriptions: [DriverPointDescription]) = ([], [])
        for entry in configure.devices {
            let place = NodePlace(.device, name: entry.name)
            let profile = profiles[entry.profile]
            let site = DeviceOptions(entry, port: port, profile: profile, diagnostics: diagnostics)
            let target = Self.target(port, site)
            let address = Self.words(target, site)
            if site.unit != nil, let other = taken.updateValue(entry.name, forKey: address) {
                diagnostics.error(
                    "\(address) is the device \(other) already; two devices need two addresses",
                    at: place.appending("address"))
            }
            if profile == nil {
                let isSent = configure.profiles.contains { $0.name == entry.profile }
                diagnostics.error(
                    isSent
                        ? "its profile \(entry.profile) has errors"
                        : "there is no profile \"\(entry.profile)\"", at: place.appending("profile"))
            }
            let built = profile.flatMap { profile -> ModbusDevice? in
                guard let target else { return nil }
                let link = links.firstIndex(of: target) ?? links.count
                guard let device = builder.device(entry, site, profile, link: link) else { return nil }
                if link == links.count { links.append(target) }
                return device
            }
            var description = DriverDeviceDescription()
            description.index = entry.index
            description.usable = built != nil && !diagnostics.hasErrors(.device, name: entry.name)
            description.address = address
            description.profileVersion = profile?.version ?? ""
            if let built {
                description.facts = profile.map { DeviceBuilder.facts(site, $0) } ?? []
                if described.points != built.descriptors {
                    described = (built.descriptors, built.descriptors.map { DriverPointDescription($0) })
                }
                description.points = described.descriptions
                if description.usable { roster.append(Self.planned(built, configure.memories)) }
            }
            answer.devices.append(description)
        }
        if diagnostics.hasErrors(.bus) {
            roster.removeAll()
            for index in answer.devices.indices { answer.devices[index].usable = false }
        }
        answer.request = configure.request
        answer.diagnostics = diagnostics.all
        self.port = port
        self.links = links
        self.roster = roster
        self.answer = answer
    }

    /// Lets go of the answer, which would stay as large as everything else together.
    mutating func takeAnswer() -> DriverConfigured {
        defer { answer = DriverConfigured() }
        return answer
    }

    private static func target(_ port: PortAddress?, _ site: DeviceOptions) -> PortAddress? {
        if case .hosts? = port { return site.host.map { .tcp($0) } }
        return port
    }

    private static func words(_ target: PortAddress?, _ site: DeviceOptions) -> String {
        let unit = site.unit.map { "unit \($0)" } ?? "no unit"
        if case .tcp(let host)? = target { return "\(host) \(unit)" }
        return unit
    }

    private static func planned(_ device: ModbusDevice, _ memories: [DriverMemory]) -> ModbusDevice {
        var device = device
        if let memory = memories.first(where: { $0.device == device.name && $0.key == LearnedRegisters.key }),
            let learned = LearnedRegisters(bytes: memory.bytes, profile: device.profileIdentity)
        {
            device.likeness = 0
            device.plan.learnedMaximum = learned.maximumRegisters
            device.plan.refused = Set(
                device.points.filter {
                    learned.refused.contains(
                        LearnedRegisters.Place(table: $0.value.table, address: $0.value.address))
                }.map(\.index))
            device.decoder.refuse(device.plan.refused)
            device.blocks = device.plan.blocks(device.points)
        }
        return device
    }
}
