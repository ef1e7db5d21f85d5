import Normalization
import Outbox
import Telemetry

/// A meter that was changed by hand, as the person who did it wrote it down.
struct MeterExchange: Sendable {
    /// Of the counter; nil: the device's only one, or its `active_energy_import`.
    var point: String?
    /// The old meter's last display and the new one's first, with or without unit.
    var final: String
    var initial: String
    /// The new meter's.
    var serial: String?
}

/// Why an exchange was not taken down.
struct MeterExchangeRefusal: Error, Sendable {
    let explanation: String
    /// What to do.
    var hint = ""
}

extension DeviceTable {
    /// Takes down that a meter was exchanged: a new epoch, and an event that says by whom and with which displays.
    ///
    /// - Parameter author: who says so, such as `cli uid 1000`.
    /// - Returns: the counter and its new epoch.
    func exchange(
        _ name: String, _ exchange: MeterExchange, by author: String
    ) async throws(MeterExchangeRefusal) -> (point: String, epoch: UInt32) {
        guard let place = place(of: name) else {
            throw MeterExchangeRefusal(explanation: "there is no device \(name)", hint: "candela devices lists them")
        }
        let counters = records[place].points.filter { $0.kind == .counter && !$0.isDerived }
        guard !counters.isEmpty else {
            throw MeterExchangeRefusal(
                explanation: records[place].points.isEmpty
                    ? "\(name) is not known well enough: its bus has not started yet" : "\(name) has no counter",
                hint: "candela devices \(name) shows its points")
        }
        let point = try Self.counter(exchange.point, of: counters, device: name)
        let final = try Self.display(exchange.final, "--final", of: point)
        let initial = try Self.display(exchange.initial, "--initial", of: point)
        let serial = exchange.serial.flatMap { $0.isEmpty ? nil : $0 }
        if let old = records[place].serial, old == serial {
            throw MeterExchangeRefusal(
                explanation: "\(name) has reported the serial number \(old) before: that is the old meter",
                hint: "leave --serial out if the number of the new meter is not known")
        }
        let now = clock.now()
        let output: NormalizerOutput
        do throws(ExchangeProblem) {
            output = try records[place].normalizer.exchange(
                point: point.name, final: final, initial: initial, serial: serial, by: author, at: now)
        } catch {
            throw MeterExchangeRefusal(explanation: error.description)
        }
        await handOver(output, of: place, at: now)
        let epoch = output.events.lazy.compactMap { $0.detail["epoch"]?.number?.integer }.first ?? 0
        return (point.name, UInt32(clamping: epoch))
    }

    private static func counter(
        _ wanted: String?, of counters: [PointDescriptor], device: String
    ) throws(MeterExchangeRefusal) -> PointDescriptor {
        let names = counters.map(\.name)
        if let wanted, !wanted.isEmpty {
            if let point = counters.first(where: { $0.name == wanted }) { return point }
            throw MeterExchangeRefusal(
                explanation: "\(device) has no counter \(wanted)",
                hint: NearestName.of(wanted, among: names).map { "did you mean \($0)?" }
                    ?? names.joined(separator: ", ")
            )
        }
        if counters.count == 1 { return counters[0] }
        if let usual = counters.first(where: { $0.name == "active_energy_import" }) { return usual }
        throw MeterExchangeRefusal(
            explanation: "\(device) has several counters",
            hint: "name one with --point: " + names.joined(separator: ", "))
    }

    /// What a person read off a display, in the unit of the counter.
    private static func display(
        _ text: String, _ option: String, of point: PointDescriptor
    ) throws(MeterExchangeRefusal) -> ExactDecimal {
        func refusal(_ why: String) -> MeterExchangeRefusal {
            MeterExchangeRefusal(
                explanation: "\(option) \"\(text)\": \(why)",
                hint: "write what the display shows, such as \"\(option) 48151.6 \(point.unit)\"")
        }
        guard let (value, unit) = TypedValue.parse(text), case .number(var number) = value else {
            throw refusal("it is no number")
        }
        guard !number.isNegative else { throw refusal("a counter is never negative") }
        if let unit, unit != point.unit {
            guard let from = Unit(symbol: unit), let to = Unit(symbol: point.unit), let power = from.powerOfTen(to: to)
            else { throw refusal("\(point.name) is in \(point.unit)") }
            number = number.scaled(byPowerOfTen: power)
        }
        if let rollover = point.rollover, number >= rollover {
            throw refusal("the counter starts again at \(rollover) \(point.unit)")
        }
        return number
    }
}
