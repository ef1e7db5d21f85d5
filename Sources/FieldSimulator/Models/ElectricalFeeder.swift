import Glibc
public import Telemetry

/// A low-voltage feeder with a load behind it: what an electricity meter on it would measure.
///
/// Voltages wobble around 230 V and sag under load, the load wanders, and everything else follows from them:
/// S = U·I per phase, P = S·cos φ, Q² = S² − P², energies are the integral of power over time. Counters only rise.
/// Measured values change once in a second, as a meter's do, so that one reading of many registers is consistent.
/// Time is handed in; not thread-safe.
public struct ElectricalFeeder: MeterModel {
    /// What one phase carries in the present second.
    struct Phase: Sendable {
        var voltage = 0.0
        var current = 0.0
        var active = 0.0
        var reactive = 0.0
        var apparent = 0.0
        var powerFactor = 1.0
        /// Watt hours, var hours and volt-ampere hours since the meter was made.
        var activeEnergy = 0.0
        var reactiveEnergy = 0.0
        var apparentEnergy = 0.0
        var activeExport = 0.0
        var reactiveExport = 0.0
        var largestCurrentDemand = 0.0
    }

    /// How often a meter renews its measured values.
    static let step: Int64 = 1_000_000_000
    /// A jump of the clock longer than this is integrated in minutes: a year in virtual time must not take a minute.
    static let longJump: Int64 = 2 * 3600 * 1_000_000_000
    static let coarseStep: Int64 = 60 * 1_000_000_000
    /// Time constant of the sliding demand values, seconds.
    static let demandWindow = 900.0

    private(set) var phases: [Phase]
    private(set) var frequency = 50.0
    private(set) var demand = 0.0
    private(set) var largestDemand = 0.0
    private(set) var runningHours: Double
    /// Power drawn by lamps that hang on this feeder, W; it is spread evenly over the phases.
    public var lampPower = 0.0
    /// False after the feeder was switched off: voltages and currents are zero, counters stand.
    public var energized = true

    private let nominalVoltage: Double
    private let ratedPower: Double
    private let loadWobbles: [[Wobble]]
    private let frequencyWobble: Wobble
    private var lastStep: Int64?

    /// - Parameters:
    ///   - phases: 1 or 3.
    ///   - ratedPower: the load of all phases together at its highest, W; 0 for a feeder that only carries lamps.
    ///   - seed: makes this feeder behave differently from the next.
    public init(phases count: Int, ratedPower: Double, nominalVoltage: Double = 230, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.nominalVoltage = nominalVoltage
        self.ratedPower = ratedPower
        let start = Double.random(in: 40_000...900_000, using: &generator)
        phases = (0..<count).map { _ in
            var phase = Phase()
            phase.activeEnergy = start * Double.random(in: 0.8...1.2, using: &generator)
            phase.reactiveEnergy = phase.activeEnergy * 0.31
            phase.apparentEnergy = phase.activeEnergy * 1.05
            phase.reactiveExport = phase.activeEnergy * 0.01
            return phase
        }
        loadWobbles = (0..<count).map { _ in
            [600.0, 7, 900, 23, 300].map { Wobble(seed: generator.next(), period: $0) }
        }
        frequencyWobble = Wobble(seed: generator.next(), period: 40)
        runningHours = start / 100
    }

    public mutating func advance(to now: BootInstant) -> Bool {
        let target = now.nanoseconds / Self.step * Self.step
        guard var at = lastStep else {
            lastStep = target
            measure(at: target)
            demand = total(\.active)
            return true
        }
        guard target > at else { return false }
        let step = target - at > Self.longJump ? Self.coarseStep : Self.step
        while at < target {
            let next = min(at + step, target)
            integrate(seconds: Double(next - at) / 1e9)
            at = next
            measure(at: at)
        }
        lastStep = target
        return true
    }

    func total(_ quantity: KeyPath<Phase, Double>) -> Double { phases.reduce(0) { $0 + $1[keyPath: quantity] } }

    private mutating func integrate(seconds: Double) {
        let hours = seconds / 3600
        for index in phases.indices {
            phases[index].activeEnergy += max(0, phases[index].active) * hours
            phases[index].activeExport += max(0, -phases[index].active) * hours
            phases[index].reactiveEnergy += max(0, phases[index].reactive) * hours
            phases[index].apparentEnergy += phases[index].apparent * hours
            phases[index].largestCurrentDemand = max(phases[index].largestCurrentDemand, phases[index].current)
        }
        demand += (total(\.active) - demand) * min(1, seconds / Self.demandWindow)
        largestDemand = max(largestDemand, demand)
        runningHours += hours
    }

    private mutating func measure(at nanoseconds: Int64) {
        let seconds = Double(nanoseconds) / 1e9
        frequency = energized ? 50 + 0.03 * frequencyWobble.value(at: seconds) : 0
        for index in phases.indices {
            let wobble = loadWobbles[index]
            let share = 0.6 + 0.3 * wobble[2].value(at: seconds) + 0.05 * wobble[3].value(at: seconds)
            let own = ratedPower / Double(phases.count) * min(1, max(0.02, share))
            let power = energized ? own + lampPower / Double(phases.count) : 0
            let sag = ratedPower > 0 ? 0.006 * own / (ratedPower / Double(phases.count)) : 0
            let wave = 0.012 * wobble[0].value(at: seconds) + 0.003 * wobble[1].value(at: seconds)
            let voltage = energized ? nominalVoltage * (1 + wave - sag) : 0
            let factor = 0.94 + 0.03 * wobble[4].value(at: seconds)
            let apparent = power / factor
            phases[index].voltage = voltage
            phases[index].active = power
            phases[index].apparent = apparent
            phases[index].reactive = (apparent * apparent - power * power).squareRoot()
            phases[index].powerFactor = energized ? factor : 0
            phases[index].current = voltage > 0 ? apparent / voltage : 0
        }
    }
}
