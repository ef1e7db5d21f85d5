internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Makes a device of its entry in the configuration and its profile.
struct DeviceBuilder {
    /// Where neither the device nor its profile says how often.
    static let standardInterval: Duration = .seconds(10)
    /// Serial numbers and versions are read no more often than this unless someone asks for it.
    static let textInterval: Duration = ProfileValueReader.once

    let options: BusOptions
    let port: PortAddress
    let diagnostics: Diagnostics
    /// Devices as they are built for the first time, by all that the configuration says of them but where they are.
    private var moulds: [DriverDevice: ModbusDevice] = [:]

    init(options: BusOptions, port: PortAddress, diagnostics: Diagnostics) {
        self.options = options
        self.port = port
        self.diagnostics = diagnostics
    }

    /// What makes two devices alike.
    private static func likeness(_ entry: DriverDevice) -> DriverDevice {
        var likeness = entry
        likeness.index = 0
        likeness.name = ""
        if case .map(var map)? = likeness.options.value {
            map.entries.removeAll { $0.key == "address" || $0.key == "host" }
            likeness.options.map = map
        }
        return likeness
    }

    /// Builds a device, or takes over what an earlier one has that is configured alike.
    ///
    /// - Returns: nil when the device cannot be used; the diagnostics say why.
    mutating func device(
        _ entry: DriverDevice, _ site: DeviceOptions, _ profile: ModbusProfile, link: Int
    ) -> ModbusDevice? {
        let likeness = Self.likeness(entry)
        if let mould = moulds[likeness], let unit = site.unit, !diagnostics.hasErrors(.device, name: entry.name) {
            return mould.twin(index: entry.index, name: entry.name, unit: UInt8(unit), link: link)
        }
        let said = diagnostics.all.count
        guard var device = build(entry, site, profile, link: link) else { return nil }
        device.blocks = device.plan.blocks(device.points)
        // What was said of one device must be said of each; a device that says itself what it has is like no other.
        if diagnostics.all.count == said, device.discovery == nil {
            device.likeness = moulds.count + 1
            moulds[likeness] = device
        }
        return device
    }

    /// - Returns: nil when the device cannot be used; the diagnostics say why.
    private func build(_ entry: DriverDevice, _ site: DeviceOptions, _ profile: ModbusProfile, link: Int)
        -> ModbusDevice?
    {
        let place = NodePlace(.device, name: entry.name)
        guard let unit = site.unit else { return nil }
        let fitting = SiteFitting(site: site, profile: profile, diagnostics: diagnostics, place: place)
        let values = fitting.visible()
        checkRequests(entry, values, profile, place)
        var points: [DevicePoint] = []
        var descriptors: [PointDescriptor] = []
        for value in values {
            let request = entry.points.first { $0.point == value.name }
            guard request?.excluded != true, request != nil || !entry.onlyListed else { continue }
            let interval = interval(of: value, request, entry)
            points.append(
                DevicePoint(
                    index: points.count, value: value, interval: interval, wantsRaw: request?.raw ?? false,
                    boundary: request.flatMap { $0.boundaryMs > 0 ? milliseconds($0.boundaryMs) : nil }))
            descriptors.append(
                PointDescriptor(
                    name: value.name, kind: value.kind, unit: value.unit, isWritable: value.isWritable,
                    minimum: value.minimum, maximum: value.maximum, rollover: value.rollover, obis: value.obis,
                    interval: interval, basis: value.kind == .counter ? fitting.basis(of: value) : "",
                    isDerived: value.isDerived, isIdentity: value.quantity == "serial_number" && value.kind == .text))
        }
        let setup = SetupReader(points: points, diagnostics: diagnostics).read(site.setup, at: place.appending("setup"))
        guard !diagnostics.hasErrors(.device, name: entry.name) else { return nil }
        if points.isEmpty {
            diagnostics.error("no point of \(profile.name) is left to read", at: place.appending("points"))
            return nil
        }
        let identification = site.isForced ? [] : fitting.identification()
        points += HiddenPoints(
            visible: points, originals: fitting.originals(), identification: identification,
            isInverted: site.isInverted
        ).all()
        var device = ModbusDevice(
            index: entry.index, name: entry.name, unit: UInt8(unit), link: link, profileIdentity: profile.identity,
            points: points, descriptors: descriptors, timeout: profile.limits.timeout ?? options.responseTimeout,
            pause: profile.limits.pause, plan: RequestPlan(limits: profile.limits, neverRead: profile.neverRead),
            decoder: DeviceDecoder(points: points, identification: identification, profile: profile.name),
            discovery: profile.kind == .sunspec ? SunSpecDiscovery(site: site, profile: profile) : nil)
        device.setup = setup
        return device
    }

    private func interval(of value: ProfileValue, _ request: DriverPointRequest?, _ entry: DriverDevice) -> Duration {
        if let request, request.intervalMs > 0 { return milliseconds(request.intervalMs) }
        let own = value.interval ?? (value.kind == .text ? Self.textInterval : .zero)
        guard entry.intervalMs > 0 else { return own > .zero ? own : Self.standardInterval }
        return max(own, milliseconds(entry.intervalMs))
    }

    private func milliseconds(_ count: UInt64) -> Duration { .milliseconds(Int64(min(count, 1 << 40))) }

    private func checkRequests(
        _ entry: DriverDevice, _ values: [ProfileValue], _ profile: ModbusProfile, _ place: NodePlace
    ) {
        let names = values.map(\.name)
        for request in entry.points where !names.contains(request.point) {
            let nearest = NearestKey.find(request.point, in: names).map { "; did you mean \($0)?" } ?? ""
            diagnostics.error(
                "\(profile.name) has no point \(String(request.point.prefix(60)))\(nearest)",
                at: place.appending("points").appending(request.point), atKey: true)
        }
    }

    /// What a bill depends on besides the meter.
    static func facts(_ site: DeviceOptions, _ profile: ModbusProfile) -> [DriverFact] {
        var facts: [(String, String)] = [("profile_status", profile.status)]
        let one = ExactDecimal(1)
        if site.currentRatio != one { facts.append(("ct_ratio", site.currentRatio.normalized.description)) }
        if site.voltageRatio != one { facts.append(("vt_ratio", site.voltageRatio.normalized.description)) }
        if site.isInverted { facts.append(("invert", "true")) }
        for (channel, worth) in site.pulses.sorted(by: { ($0.key ?? 0) < ($1.key ?? 0) }) {
            facts.append((channel.map { "pulse.ch\($0)" } ?? "pulse", worth.words))
        }
        if let low = site.isLowWordFirst { facts.append(("word_order", low ? "low_first" : "high_first")) }
        for (name, unit) in site.units.sorted(by: { $0.key < $1.key }) { facts.append(("unit.\(name)", unit.symbol)) }
        if site.isForced { facts.append(("force_profile", "true")) }
        return facts.map { name, value in
            var fact = DriverFact()
            fact.name = name
            fact.value = value
            return fact
        }
    }
}
