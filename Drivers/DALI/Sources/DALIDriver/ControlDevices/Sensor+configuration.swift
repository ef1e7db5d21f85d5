internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension Sensor {
    /// Options of a sensor beside `address`.
    static let options: [DriverOptionDescription] = [
        .init("instance", "number", "0", "sensors only: which of the control device's instances, 0 to 31"),
        .init("hold", "duration", "", "occupancy sensors: occupied so long after the last movement; steps of 10 s"),
        .init("report", "duration", "", "sensors: an event so often although nothing changes; 0s to 255s"),
        .init("deadtime", "duration", "", "sensors: shortest time between two events; steps of 50 ms"),
        .init("hysteresis", "number", "", "light sensors: percent of change that is worth an event, 0 to 25"),
    ]

    /// Reads a device of a sensor's profile; what is wrong goes to `diagnostics`.
    ///
    /// - Parameter owners: names by address and instance, to find what stands twice.
    static func read(
        _ device: DriverDevice, _ profile: LampProfile, _ kind: SensorKind, owners: inout [String: String],
        _ diagnostics: Diagnostics
    ) -> Sensor? {
        let place = NodePlace(.device, name: device.name)
        let options = NodeMap(device.hasOptions ? device.options : nil, place: place, diagnostics: diagnostics)
        let number = options.required("address", "the short address of the control device, 0 to 63")?
            .integer(in: 0...63)
        let instance = options.integer("instance", in: 0...31) ?? 0
        let wishes = kind.settings.compactMap { setting in
            options.value(setting.name).flatMap { wish(setting, $0) }
        }
        options.finish()
        let points = profile.sensorPoints(device, place, diagnostics)
        if let number {
            let key = "control device \(number), instance \(instance)"
            if let owner = owners[key] {
                diagnostics.error(
                    "\(device.name) and \(owner) are both \(key); give each its own", at: place.appending("address"))
                return nil
            }
            owners[key] = device.name
        }
        guard let address = number.flatMap({ ShortAddress($0) }),
            !diagnostics.hasErrors(.device, name: device.name),
            !diagnostics.hasErrors(.profile, name: device.profile)
        else { return nil }
        return Sensor(
            index: device.index, name: device.name, kind: kind, address: address, instance: UInt8(instance),
            wishes: wishes, points: points)
    }

    private static func wish(_ setting: SensorSetting, _ value: NodeValue) -> Wish? {
        switch setting.unit {
        case .percent, .number:
            return value.integer(in: setting.range).map { Wish(setting: setting, value: UInt8($0)) }
        case .duration(let unit):
            let longest = unit * setting.range.upperBound
            guard let wanted = value.duration(in: .zero...longest) else { return nil }
            let (count, rest) = wanted.wholeMilliseconds.quotientAndRemainder(dividingBy: unit.wholeMilliseconds)
            guard rest == 0, let byte = UInt8(exactly: count) else {
                value.error(
                    "\(value.written) is not counted in steps of \(unit.wholeMilliseconds) ms, as sensors keep \(setting.name)"
                )
                return nil
            }
            return Wish(setting: setting, value: byte)
        }
    }
}
