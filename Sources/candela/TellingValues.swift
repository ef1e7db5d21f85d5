import ControlProtocol
import Telemetry

/// The few values that tell a person how a device does.
enum TellingValues {
    /// What is looked for, by quantity, in the order of showing. A quantity is taken in its total, or else in its first phase.
    private static let quantities = [
        "level", "active_power", "voltage", "active_energy_import", "heat_power", "flow_temperature",
        "return_temperature",
        "heat_energy", "water_volume", "water_flow", "gas_volume", "gas_flow", "temperature", "input_state",
        "pulse_counter",
    ]
    /// More than these fit no row of 80 columns.
    private static let most = 4
    /// States that are worth a word only while they are true.
    private static let faults = [
        "lamp_failure": "LAMP FAILURE", "gear_failure": "GEAR FAILURE", "limit_error": "limit error",
    ]

    /// It answers, and says that something is broken.
    static func hasFault(_ device: ControlDeviceInfo) -> Bool {
        device.points.contains { $0.value == "true" && faults[$0.point] != nil }
    }

    /// One row: what failed, or values, and behind them what the daemon says of the device.
    ///
    /// - Parameter named: each value with the name of its point.
    static func text(of device: ControlDeviceInfo, named: Bool) -> String {
        if device.state == "offline" || device.state == "disabled" { return device.detail }
        if device.household { return "a household's: not shown" }
        var parts = device.points.compactMap { point in point.value == "true" ? faults[point.point] : nil }
        parts += points(of: device).map { named && $0.point != "level" ? "\($0.point) \(short($0))" : short($0) }
        if parts.isEmpty, device.state == "online" { parts.append("no values yet") }
        if !device.detail.isEmpty { parts.append(device.detail) }
        return parts.joined(separator: "  ")
    }

    private static func points(of device: ControlDeviceInfo) -> [ControlPointValue] {
        var found: [ControlPointValue] = []
        for quantity in quantities where found.count < most {
            if let total = device.points.first(where: { $0.point == quantity }) {
                found.append(total)
            } else if let part = device.points.first(where: { $0.point.hasPrefix(quantity + ".") }) {
                found.append(part)
            }
        }
        if found.isEmpty { found = Array(device.points.prefix(most)) }
        return found.filter { $0.quality != "unknown" }
    }

    private static func short(_ point: ControlPointValue) -> String {
        if point.quality == "bad" { return "\(point.point) bad" + (point.reason.isEmpty ? "" : " (\(point.reason))") }
        var text = Formats.short(point.value)
        if !point.unit.isEmpty, point.unit != "1" { text += " " + point.unit }
        // A bare percentage could be anything.
        if point.point == "level" { text = "light " + text }
        return point.quality == "uncertain" ? text + "?" : text
    }
}
