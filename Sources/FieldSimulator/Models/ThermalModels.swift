public import Telemetry

/// A heat meter in a plant room: flow, two temperatures, and the power and energy that follow from them.
///
/// P = V̇ · (t1 − t2) · 1.163 kWh/(m3·K). Values change every ten seconds, as a battery meter's do. Time is handed in.
public struct HeatCircuit: MeterModel {
    /// Kilowatt hours that one cubic metre of water carries per kelvin.
    static let waterHeat = 1.163
    /// A mains or battery heat meter integrates about this often.
    static let step: Int64 = 10_000_000_000

    private(set) var flow = 0.0
    private(set) var supply = 0.0
    private(set) var back = 0.0
    private(set) var power = 0.0
    private(set) var energy: Double
    private(set) var volume: Double
    private let ratedFlow: Double
    private let wobbles: [Wobble]
    private var lastStep: Int64?

    /// - Parameter ratedFlow: the flow at its highest, m3/h.
    public init(ratedFlow: Double, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.ratedFlow = ratedFlow
        energy = Double.random(in: 50_000...400_000, using: &generator) * 1000
        volume = energy / 1000 / (Self.waterHeat * 25)
        wobbles = [1800.0, 2400, 1200].map { Wobble(seed: generator.next(), period: $0) }
    }

    public mutating func advance(to now: BootInstant) -> Bool {
        let target = now.nanoseconds / Self.step * Self.step
        guard let last = lastStep else {
            lastStep = target
            measure(at: target)
            return true
        }
        guard target > last else { return false }
        var at = last
        while at < target {
            energy += power * Double(Self.step) / 3.6e12
            volume += flow * Double(Self.step) / 3.6e12
            at += Self.step
            measure(at: at)
        }
        lastStep = target
        return true
    }

    private mutating func measure(at nanoseconds: Int64) {
        let seconds = Double(nanoseconds) / 1e9
        flow = ratedFlow * (0.5 + 0.3 * wobbles[0].value(at: seconds))
        supply = 72 + 6 * wobbles[1].value(at: seconds)
        back = 44 + 4 * wobbles[2].value(at: seconds)
        power = flow * (supply - back) * Self.waterHeat * 1000
    }

    public func quantities() -> [String: Double] {
        [
            "heat_flow": flow, "heat_flow_2": 0, "heat_power": power, "flow_temperature": supply,
            "return_temperature": back, "temperature_3": 21.5, "temperature_4": 8.25, "heat_energy": energy,
            "heat_volume": volume,
        ]
    }
}

/// A water meter of a building: draw-offs come and go, the volume only rises. Time is handed in.
public struct WaterSupply: MeterModel {
    static let step: Int64 = 1_000_000_000

    private(set) var flow = 0.0
    private(set) var volume: Double
    private let ratedFlow: Double
    private let drawing: Wobble
    private let strength: Wobble
    private let temperature: Wobble
    private var lastStep: Int64?

    /// - Parameter ratedFlow: the flow at its highest, m3/h.
    public init(ratedFlow: Double, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.ratedFlow = ratedFlow
        volume = Double.random(in: 200...5000, using: &generator)
        drawing = Wobble(seed: generator.next(), period: 45)
        strength = Wobble(seed: generator.next(), period: 20)
        temperature = Wobble(seed: generator.next(), period: 1800)
    }

    public mutating func advance(to now: BootInstant) -> Bool {
        let target = now.nanoseconds / Self.step * Self.step
        guard let last = lastStep else {
            lastStep = target
            flow = flow(at: target)
            return true
        }
        guard target > last else { return false }
        // A long jump is integrated in at most a day's worth of steps, so that virtual months stay cheap.
        let step = max(Self.step, (target - last) / 86_400 / Self.step * Self.step)
        var at = last
        while at < target {
            let next = min(at + step, target)
            volume += flow * Double(next - at) / 3.6e12
            at = next
            flow = flow(at: at)
        }
        lastStep = target
        return true
    }

    private func flow(at nanoseconds: Int64) -> Double {
        let seconds = Double(nanoseconds) / 1e9
        guard drawing.value(at: seconds) > 0.1 else { return 0 }
        return ratedFlow * (0.4 + 0.3 * strength.value(at: seconds))
    }

    public func quantities() -> [String: Double] {
        [
            "water_flow": flow, "water_volume": volume, "water_volume_reverse": 0.012, "water_pressure": 0.42,
            "water_temperature": 11.2 + 0.8 * temperature.value(at: Double(lastStep ?? 0) / 1e9), "error_status": 0,
        ]
    }
}
