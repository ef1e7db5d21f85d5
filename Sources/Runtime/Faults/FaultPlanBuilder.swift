import Configuration
import Lighting
import Telemetry

/// What the fault rules must know of lamps and feeders, made from the checked configuration.
enum FaultPlanBuilder {
    /// nil where no lamp is in a lighting group.
    static func monitor(of configuration: GatewayConfiguration, rules: FaultRules = FaultRules()) -> FaultMonitor? {
        guard let lighting = configuration.lighting else { return nil }
        let names = Set(lighting.groups.map(\.name))
        let lamps = configuration.devices.filter { device in device.groups.contains { names.contains($0) } }
        guard !lamps.isEmpty else { return nil }
        return FaultMonitor(
            rules: rules, lamps: lamps.map { lamp($0, lighting) }, feeders: feeders(of: configuration, lighting))
    }

    private static func lamp(_ device: DeviceConfiguration, _ lighting: LightingConfiguration) -> FaultLamp {
        let ofGroup = lighting.groups.first { device.groups.contains($0.name) && $0.ratedPower != nil }?.ratedPower
        let power = (device.ratedPower ?? ofGroup).flatMap(watts).map { LampPower(rated: $0) }
        return FaultLamp(name: device.name, bus: device.bus, power: power)
    }

    /// Those of `feeders`, and a meter that a group names as its feeder.
    private static func feeders(
        of configuration: GatewayConfiguration, _ lighting: LightingConfiguration
    ) -> [FaultFeeder] {
        func lamps(in groups: [String]) -> [String] {
            configuration.devices.filter { device in device.groups.contains { groups.contains($0) } }.map(\.name)
        }
        let named = lighting.feeders.map { feeder in
            let ofGroups = lighting.groups.filter { $0.feeder == feeder.name }.map(\.name)
            var all = feeder.lamps
            for lamp in lamps(in: feeder.groups + ofGroups) where !all.contains(lamp) { all.append(lamp) }
            return FaultFeeder(
                name: feeder.name, meter: feeder.meter, phase: feeder.phase,
                sign: feeder.on.map {
                    FaultFeeder.Sign(device: $0.device, point: $0.point, above: $0.above.value, unit: $0.above.unit)
                },
                contactor: feeder.contactor.flatMap { contactor($0, configuration) },
                otherLoad: feeder.otherLoad.flatMap(watts) ?? .zero, lamps: all)
        }
        let meters = Set(lighting.groups.compactMap(\.feeder)).subtracting(lighting.feeders.map(\.name)).sorted()
        return named
            + meters.filter { configuration.device($0) != nil }.map { meter in
                let groups = lighting.groups.filter { $0.feeder == meter }.map(\.name)
                return FaultFeeder(name: meter, meter: meter, lamps: lamps(in: groups))
            }
    }

    /// `device.point`, or a device whose output is its only one.
    private static func contactor(_ text: String, _ configuration: GatewayConfiguration) -> FaultFeeder.Contactor? {
        let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        guard let device = parts.first, configuration.device(device) != nil else { return nil }
        return FaultFeeder.Contactor(device: device, point: parts.count > 1 ? parts[1] : "switch_position")
    }

    private static func watts(_ quantity: PhysicalQuantity) -> ExactDecimal? {
        Unit(symbol: "W").flatMap { quantity.unit.powerOfTen(to: $0) }.map { quantity.value.scaled(byPowerOfTen: $0) }
    }
}
