import DriverProtocol
import FieldSimulator
import Lighting
import Telemetry

@testable import DALIDriver

/// Four lamps on one feeder with a meter: the real driver on the simulated bus, and the fault rules that hear of it what the
/// runtime would tell them.
final class FaultStreet {
    /// Odd, so that no poll keeps step with a lamp that flickers.
    static let poll: Duration = .seconds(15)
    /// How often the meter is read.
    static let reading: Duration = .seconds(10)
    static let feeder = "feeder-a"
    static let suspect = "lamp-03"
    /// Shares the suspect's address where there is one.
    static let twin = "twin"

    let field: SimulatedBus
    private(set) var monitor: FaultMonitor
    private(set) var told: [FaultChange] = []
    private(set) var isEnergized = true
    /// As the cabinet says; nil: the feeder has no contactor.
    private var contactor: Bool?
    private var heardSamples = 0
    private var heardStates = 0
    private var nextReading: BootInstant
    private var toldUnpowered: [[UInt32]] = []

    /// - Parameters:
    ///   - isMetered: the lamps' gear tells its own power and starts.
    ///   - hasContactor: a contactor switches the feeder, and says whether it is on.
    ///   - hasTwin: another gear has the suspect's short address.
    ///   - suspectAs: how the suspect is made.
    init(
        isMetered: Bool = false, hasContactor: Bool = false, hasTwin: Bool = false,
        suspectAs traits: Set<GearPersonality> = [], seed: UInt64 = 7
    ) throws {
        let lamps = SimulatedBus.lamps(4) {
            $1.isD4i = isMetered
            if $1.name == Self.suspect { $1.personality = traits }
        }
        let place = lamps.first { $0.name == Self.suspect }?.shortAddress
        // It draws next to nothing: what it does to its brother's answers is the question, not what it costs.
        let others = hasTwin ? [GearDescription(name: Self.twin, shortAddress: place, ratedPower: 0.5)] : []
        contactor = hasContactor ? true : nil
        field = SimulatedBus(
            gear: lamps + others, seed: seed, interval: UInt64(Self.poll.components.seconds * 1000),
            profilePoints: Configuration.points.map(\.rawValue) + (isMetered ? ["active_power", "lamp_starts"] : []))
        let power = LampPower(rated: ExactDecimal(42))
        monitor = FaultMonitor(
            lamps: lamps.map { FaultLamp(name: $0.name, bus: "lamps", power: power) },
            feeders: [
                FaultFeeder(
                    name: Self.feeder, meter: "meter",
                    contactor: hasContactor ? FaultFeeder.Contactor(device: "cabinet", point: "contactor") : nil,
                    lamps: lamps.map(\.name))
            ])
        nextReading = field.clock.now
        names = lamps.map(\.name)
        points =
            Configuration.points.map { ($0.rawValue, "") }
            + (isMetered ? [("active_power", "W"), ("lamp_starts", "")] : [])
        try field.start()
    }

    let names: [String]
    private let points: [(name: String, unit: String)]

    var now: BootInstant { field.clock.now }
    /// What the suspect draws now, W.
    var suspectPower: Double { field.gear(Self.suspect).power(at: now) }
    /// `+lamp_failure lamp-03`.
    var words: [String] {
        told.map { change in
            let sign = change.isActive.map { $0 ? "+" : "-" } ?? "!"
            let seconds = change.at.duration(since: BootInstant(nanoseconds: 0)).components.seconds
            return "\(sign)\(change.kind.rawValue) \(change.subject.name) @\(seconds)"
        }
    }

    // MARK: What happens

    /// All lamps are ordered to a level, as a schedule does.
    func order(_ percent: Int) {
        for (index, name) in names.enumerated() {
            monitor.commanded(lamp: name, percent: ExactDecimal(Int64(percent)), fade: nil, at: now)
            _ = field.submit(UInt32(index), value: .number(ExactDecimal(Int64(percent))), priority: .schedule)
        }
    }

    /// The contactor is told to go on or off; it does, unless its contacts are welded or its coil is broken.
    func turnContactor(_ on: Bool, follows: Bool = true) {
        contactor = on
        if follows { energize(on) }
    }

    func trouble(_ trait: GearPersonality, _ on: Bool = true) {
        field.gear(Self.suspect).set(trait, on, at: now)
    }

    /// The feeder's switch.
    func energize(_ on: Bool) {
        isEnergized = on
        for gear in field.bus.gear { gear.setMains(on, at: now) }
    }

    func run(_ duration: Duration) {
        let end = now.advanced(by: duration)
        while now < end {
            field.run(for: min(.seconds(1), end.duration(since: now)))
            hear()
            readMeter()
            told += monitor.tick(at: now)
            tellPower()
        }
    }

    // MARK: What the runtime does

    private func hear() {
        let all = field.outlet.all
        var report: (device: UInt32, seen: LampObservation, points: Set<Int>)?
        for (device, sample) in all.samples[heardSamples...] {
            if let open = report, open.device != device || open.points.contains(sample.point) {
                monitor.observe(lamp: open.seen)
                report = nil
            }
            var open =
                report ?? (device, LampObservation(lamp: names[Int(device)], at: sample.acquired), Set<Int>())
            let point = points[sample.point]
            open.seen.take(
                point: point.name, value: sample.value, unit: Unit(symbol: point.unit), quality: sample.quality)
            open.points.insert(sample.point)
            report = open
        }
        if let report { monitor.observe(lamp: report.seen) }
        for state in all.states[heardStates...] {
            monitor.observe(
                pollsOf: names[Int(state.device)], requests: state.requests, failures: state.failures, at: now)
        }
        (heardSamples, heardStates) = (all.samples.count, all.states.count)
    }

    private func readMeter() {
        guard now >= nextReading else { return }
        nextReading = now.advanced(by: Self.reading)
        let power = isEnergized ? field.bus.power(at: now) : 0
        let values =
            [("active_power", ExactDecimal(Int64(power * 10)).scaled(byPowerOfTen: -1), "W")]
            + ["L1", "L2", "L3"].map { ("voltage.\($0)", ExactDecimal(isEnergized ? 230 : 0), "V") }
        for (point, value, unit) in values {
            monitor.observe(
                feeder: FeederObservation(
                    device: "meter", point: point, value: .number(value), unit: Unit(symbol: unit), at: now))
        }
        guard let contactor else { return }
        monitor.observe(
            feeder: FeederObservation(
                device: "cabinet", point: "contactor", value: .flag(contactor), unit: nil, at: now))
    }

    private func tellPower() {
        let wanted = monitor.unpowered.map { feeder in feeder.compactMap { names.firstIndex(of: $0).map(UInt32.init) } }
        guard wanted != toldUnpowered else { return }
        for (devices, powered) in toldUnpowered.filter({ !wanted.contains($0) }).map({ ($0, true) })
            + wanted.filter({ !toldUnpowered.contains($0) }).map({ ($0, false) })
        {
            var message = DriverSetPowered()
            message.devices = devices
            message.powered = powered
            field.engine.setPowered(message)
        }
        toldUnpowered = wanted
    }
}
