internal import Telemetry

/// What a quantity usually is: for warnings and for comparing with a display, never for marking a value.
struct PlausibleRange: Sendable, Hashable {
    let least: ExactDecimal
    let most: ExactDecimal
    let unit: String

    /// In the unit of the point; nil where anything is possible.
    init?(quantity: String, phase: PointName.Phase?, unit: String) {
        guard let entry = Self.entry(quantity, phase), let own = Unit(symbol: entry.unit),
            let wanted = Unit(symbol: unit), let power = own.powerOfTen(to: wanted)
        else { return nil }
        least = ExactDecimal(entry.least).scaled(byPowerOfTen: power)
        most = ExactDecimal(entry.most).scaled(byPowerOfTen: power)
        self.unit = unit
    }

    init?(_ value: ProfileValue) {
        guard value.kind == .gauge || value.kind == .counter else { return nil }
        self.init(quantity: value.quantity, phase: (try? PointName(value.name))?.phase, unit: value.unit)
    }

    func contains(_ number: ExactDecimal) -> Bool { number >= least && number <= most }

    /// `80..300 V`.
    var words: String {
        "\(least.normalized)..\(most.normalized)" + (unit.isEmpty || unit == "1" ? "" : " \(unit)")
    }

    private typealias Entry = (least: Int64, most: Int64, unit: String)

    /// Low-voltage supply between 110 V and 230 V ± 20 %; a meter behind voltage transformers tells other numbers.
    private static let toNeutral: Entry = (80, 300, "V")
    private static let betweenLines: Entry = (140, 520, "V")

    private static let byQuantity: [String: Entry] = [
        "frequency": (45, 65, "Hz"), "power_factor": (-1, 1, "1"), "phase_angle": (-360, 360, "deg"),
        "current": (-6_000, 6_000, "A"), "current_demand": (0, 6_000, "A"), "current_demand_max": (0, 6_000, "A"),
        "voltage_thd": (0, 100, "%"), "current_thd": (0, 1_000, "%"), "voltage_unbalance": (0, 100, "%"),
        "flow_temperature": (-40, 250, "Cel"), "return_temperature": (-40, 250, "Cel"),
        "water_temperature": (-5, 130, "Cel"), "device_temperature": (-40, 120, "Cel"),
        "gas_temperature": (-50, 500, "Cel"), "water_pressure": (0, 10, "MPa"), "gas_pressure": (0, 20_000_000, "Pa"),
        "battery_remaining": (0, 100, "%"), "supply_voltage": (0, 500, "V"), "water_flow": (-20_000, 20_000, "m3/h"),
        "heat_flow": (-20_000, 20_000, "m3/h"), "gas_flow": (0, 100_000, "m3/h"),
        "water_volume": (0, 1_000_000_000, "m3"), "heat_volume": (0, 1_000_000_000, "m3"),
        "gas_volume": (0, 1_000_000_000, "m3"), "temperature_difference": (-250, 250, "K"),
    ]

    private static func entry(_ quantity: String, _ phase: PointName.Phase?) -> Entry? {
        if quantity == "voltage" {
            switch phase {
            case .l1ToL2?, .l2ToL3?, .l3ToL1?, .l2ToL1?, .l3ToL2?, .l1ToL3?, .averageLineToLine?: return betweenLines
            default: return toNeutral
            }
        }
        if let entry = byQuantity[quantity] { return entry }
        // Low voltage ends at a few megawatts; a meter's display at nine digits.
        if quantity.hasPrefix("active_power") { return (-10_000_000, 10_000_000, "W") }
        if quantity.hasPrefix("reactive_power") { return (-10_000_000, 10_000_000, "var") }
        if quantity.hasPrefix("apparent_power") { return (0, 10_000_000, "V.A") }
        if quantity.hasPrefix("active_energy") { return (-1_000_000_000_000, 1_000_000_000_000, "W.h") }
        if quantity.hasPrefix("reactive_energy") { return (-1_000_000_000_000, 1_000_000_000_000, "var.h") }
        if quantity.hasPrefix("apparent_energy") { return (0, 1_000_000_000_000, "V.A.h") }
        return nil
    }
}
