internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Makes a device of its entry in the configuration and its profile.
struct DeviceBuilder {
    /// Where neither the device nor its profile says how often.
    static let standardInterval: Duration = .seconds(10)
    /// Serial numbers and versions are read no more often than this unless someone asks for it.
    static let textInterval: Duration = .seconds(3_600)

    let options: BusOptions
    let port: PortAddress
    let diagnostics: Diagnostics

    /// - Returns: nil when the device cannot be used; the diagnostics say why.
    func build(_ entry: DriverDevice, _ site: DeviceOptions, _ profile: ModbusProfile, link: Int) -> ModbusDevice? {
        let place = NodePlace(.device, name: entry.name)
        guard let unit = site.unit else { return nil }
        let values = site.isInverted ? inverted(profile, place) : profile.values
        checkRequests(entry, values, profile, place)
        var points: [DevicePoint] = []
        var descriptors: [PointDescriptor] = []
        for value in values {
            let request = entry.points.first { $0.point == value.name }
            guard request?.excluded != true, request != nil || !entry.onlyListed else { continue }
            var value = value
            multiply(&value, site, place)
            let interval = interval(of: value, request, entry)
            points.append(
                DevicePoint(
                    index: points.count, value: value, interval: interval, wantsRaw: request?.raw ?? false,
                    boundary: request.flatMap { $0.boundaryMs > 0 ? milliseconds($0.boundaryMs) : nil }))
            descriptors.append(
                PointDescriptor(
                    name: value.name, kind: value.kind, unit: value.unit, isWritable: value.isWritable,
                    minimum: value.minimum, maximum: value.maximum, rollover: value.rollover, obis: value.obis,
                    interval: interval))
        }
        guard !diagnostics.hasErrors(.device, name: entry.name) else { return nil }
        if points.isEmpty {
            diagnostics.error("no point of \(profile.name) is left to read", at: place.appending("points"))
            return nil
        }
        return ModbusDevice(
            index: entry.index, name: entry.name, unit: UInt8(unit), link: link, profileIdentity: profile.identity,
            points: points, descriptors: descriptors, timeout: profile.limits.timeout ?? options.responseTimeout,
            pause: profile.limits.pause, plan: RequestPlan(limits: profile.limits, neverRead: profile.neverRead),
            decoder: DeviceDecoder(points: points))
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

    /// Secondary values become primary ones: currents by the current transformers' ratio, voltages by the voltage
    /// transformers', power and energy by both; power factor, frequency, angles and time stay.
    private func multiply(_ value: inout ProfileValue, _ site: DeviceOptions, _ place: NodePlace) {
        guard let unit = Unit(symbol: value.unit) else { return }
        var factors: [ExactDecimal] = []
        switch unit.dimension {
        case "A", "A.h": factors = [site.currentRatio]
        case "V": factors = [site.voltageRatio]
        case "W", "var", "V.A", "W.h", "var.h", "V.A.h": factors = [site.currentRatio, site.voltageRatio]
        default: return
        }
        for factor in factors {
            guard let scale = value.codec.scale.multiplied(by: factor) else {
                diagnostics.error(
                    "the ratio \(factor) times the scale of \(value.name) has too many digits",
                    at: place.appending("ct_ratio"))
                return
            }
            value.codec.scale = scale
            value.rollover = value.rollover.flatMap { $0.multiplied(by: factor) }
        }
    }

    /// A meter mounted the other way round: import and export change places, signed values change sign.
    private func inverted(_ profile: ModbusProfile, _ place: NodePlace) -> [ProfileValue] {
        profile.values.compactMap { value in
            var value = value
            if let partner = Self.partner(of: value.name) {
                guard let other = profile.values.first(where: { $0.name == partner }) else {
                    diagnostics.warning(
                        "inverted: \(value.name) is left out, for \(profile.name) has no \(partner) to take it from",
                        at: place.appending("invert"))
                    return nil
                }
                value.table = other.table
                value.address = other.address
                value.codec = other.codec
                value.rollover = other.rollover
            } else if Self.isSigned(value.quantity) {
                value.codec.isInverted = true
            }
            return value
        }
    }

    private static func partner(of name: String) -> String? {
        for (word, other) in [("_import", "_export"), ("_export", "_import")] {
            guard let range = firstRange(of: word, in: name) else { continue }
            return "\(name[..<range.lowerBound])\(other)\(name[range.upperBound...])"
        }
        return nil
    }

    private static func firstRange(of word: String, in text: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(word),
                let end = text.index(start, offsetBy: word.count, limitedBy: text.endIndex)
            {
                return start..<end
            }
            start = text.index(after: start)
        }
        return nil
    }

    private static func isSigned(_ quantity: String) -> Bool {
        ["active_power", "reactive_power", "power_factor", "phase_angle", "active_energy_net", "reactive_energy_net"]
            .contains(quantity)
    }
}
