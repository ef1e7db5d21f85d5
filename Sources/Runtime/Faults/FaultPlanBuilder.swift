import Configuration
import Lighting
import Telemetry

/// What the fault rules must know of lamps and feeders, made from the checked configuration.
enum FaultPlanBuilder {
    /// nil where there is no lamp: nothing in a lighting group, under a feeder, or with a rated power.
    ///
    /// - Parameter problem: takes a sentence for each rule that cannot work as the configuration stands.
    static func monitor(
        of configuration: GatewayConfiguration, problem: (String) -> Void = { _ in }
    ) -> FaultMonitor? {
        guard let lighting = configuration.lighting else { return nil }
        let feeders = feeders(of: configuration, lighting, problem)
        let groups = Set(lighting.groups.map(\.name))
        let fed = Set(feeders.flatMap(\.lamps))
        let devices = configuration.devices.filter { device in
            fed.contains(device.name) || device.ratedPower != nil || device.groups.contains { groups.contains($0) }
        }
        guard !devices.isEmpty else { return nil }
        let lamps = devices.map { lamp($0, lighting) }
        for feeder in feeders where feeder.meter != nil {
            let unrated = lamps.filter { $0.power == nil && feeder.lamps.contains($0.name) }.map(\.name)
            guard !unrated.isEmpty else { continue }
            problem(
                "feeder \(feeder.name): its load is not judged, \(unrated.count) of its lamps have no rated_power, such as \(unrated[0])"
            )
        }
        return FaultMonitor(rules: FaultRules(lighting.faults), lamps: lamps, feeders: feeders)
    }

    private static func lamp(_ device: DeviceConfiguration, _ lighting: LightingConfiguration) -> FaultLamp {
        let ofGroup = lighting.groups.first { device.groups.contains($0.name) && $0.ratedPower != nil }?.ratedPower
        let power = (device.ratedPower ?? ofGroup).flatMap(watts).map {
            LampPower(rated: $0, standby: lighting.faults.standby, gradient: lighting.faults.gradient)
        }
        return FaultLamp(name: device.name, bus: device.bus, power: power)
    }

    /// Those of `feeders`, and each meter that a group names as its feeder.
    private static func feeders(
        of configuration: GatewayConfiguration, _ lighting: LightingConfiguration, _ problem: (String) -> Void
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
                contactor: feeder.contactor.map(contactor), otherLoad: feeder.otherLoad.flatMap(watts) ?? .zero,
                lamps: all)
        }
        let meters = Set(lighting.groups.compactMap(\.feeder)).subtracting(lighting.feeders.map(\.name)).sorted()
        let unnamed = meters.filter { configuration.device($0) != nil }.map { meter in
            FaultFeeder(
                name: meter, meter: meter, lamps: lamps(in: lighting.groups.filter { $0.feeder == meter }.map(\.name)))
        }
        return unshared(named + unnamed, problem)
    }

    /// A meter that measures two feeders together says nothing of either.
    private static func unshared(_ feeders: [FaultFeeder], _ problem: (String) -> Void) -> [FaultFeeder] {
        feeders.map { feeder in
            guard let meter = feeder.meter else { return feeder }
            let others = feeders.filter {
                $0.name != feeder.name && $0.meter == meter
                    && ($0.phase == feeder.phase || $0.phase == nil || feeder.phase == nil)
            }
            guard let other = others.first else { return feeder }
            problem(
                "feeder \(feeder.name): meter \(meter) measures feeder \(other.name) too, so its load is not judged; give each its phase"
            )
            return FaultFeeder(
                name: feeder.name, sign: feeder.sign, contactor: feeder.contactor, otherLoad: feeder.otherLoad,
                lamps: feeder.lamps)
        }
    }

    /// `device.point`, or a device that has one switch.
    private static func contactor(_ text: String) -> FaultFeeder.Contactor {
        let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        return FaultFeeder.Contactor(device: parts[0], point: parts.count > 1 ? parts[1] : "switch_position")
    }

    private static func watts(_ quantity: PhysicalQuantity) -> ExactDecimal? {
        Unit(symbol: "W").flatMap { quantity.value(in: $0) }
    }
}

extension FaultRules {
    /// As `lighting.faults` has them.
    init(_ faults: LightingFaults) {
        self.init()
        lampFailure = faults.lampFailure
        gearFailure = faults.gearFailure
        communication = Share(faults.communication.count, of: faults.communication.of)
        dayBurner = faults.dayBurner
        cyclingCount = faults.cycling.count
        cyclingWindow = faults.cycling.within
        dimmingDeviation = faults.dimming.percent
        dimmingTime = faults.dimming.time
        lampPowerDeviation = faults.lampPower.percent
        lampPowerTime = faults.lampPower.time
        feederDeviation = faults.feeder.percent
        feederTime = faults.feeder.time
        feederDead = faults.feederDead
        settle = faults.settle
    }
}
