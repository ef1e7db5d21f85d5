internal import Telemetry

extension LampPoint {
    /// Energy and power: the quarter hour of metering.
    static let energyInterval: Duration = .seconds(900)
    /// Diagnostics move slowly, and a failure is seen in the status first.
    static let diagnosticsInterval: Duration = .seconds(3600)
    /// What only a person with a tool changes.
    static let constantInterval: Duration = .seconds(86_400)

    /// Every point of a lamp. Those of the status and the level are polled, the others read when the bus is free.
    static let table: [Row] = [statusRows, colourRows, ledRows, bankRows, conditionRows].flatMap(\.self)

    private static func row(
        _ name: String, _ source: Source, _ kind: PointDescriptor.Kind, _ unit: String = "", every: Duration? = nil,
        _ conversion: Conversion = .none
    ) -> Row {
        Row(name: name, source: source, kind: kind, unit: unit, interval: every, conversion: conversion)
    }

    private static let statusRows: [Row] = [
        row("level", .actualLevel, .gauge, "%"),
        row("on", .status(.lampOn), .state),
        row("lamp_failure", .status(.lampFailure), .state),
        row("gear_failure", .status(.gearFailure), .state),
        row("power_cycled", .status(.powerCycleSeen), .state),
        row("limit_error", .status(.limitError), .state),
        row("fade_running", .status(.fadeRunning), .state),
        row("identity", .identity, .text, every: constantInterval),
    ]

    private static let colourRows: [Row] = [
        row("colour_temperature", .colourTemperature(.now), .gauge, "K", every: .seconds(300)),
        row("colour_temperature_coolest", .colourTemperature(.coolest), .gauge, "K", every: constantInterval),
        row("colour_temperature_warmest", .colourTemperature(.warmest), .gauge, "K", every: constantInterval),
    ]

    /// IEC 62386-207, QUERY FAILURE STATUS, from bit 0 on.
    private static let ledFailures = [
        "led_short_circuit", "led_open_circuit", "led_load_decrease", "led_load_increase", "led_current_protector",
        "led_thermal_shutdown", "led_thermal_overload", "led_reference_failed",
    ]

    private static let ledRows: [Row] =
        [row("led_failure_status", .ledFailureStatus, .state, every: diagnosticsInterval)]
        + ledFailures.enumerated().map { bit, name -> Row in
            row(name, .ledFailure(bit: UInt8(bit)), .state, every: diagnosticsInterval)
        }

    private static func bankRow(
        _ number: UInt8, _ field: String, as name: String? = nil, _ kind: PointDescriptor.Kind, _ unit: String = "",
        every: Duration? = nil, _ conversion: Conversion = .none
    ) -> Row {
        let standard =
            switch number {
            case 202...204: energyInterval
            case 205...206: diagnosticsInterval
            default: constantInterval
            }
        return row(
            name ?? field, .memory(bank: number, field: field), kind, unit, every: every ?? standard, conversion)
    }

    private static let bankRows: [Row] = [
        bankRow(0, "firmware_version", .text),
        bankRow(0, "hardware_version", .text),
        bankRow(1, "input_power_nominal", as: "rated_power", .gauge, "W"),
        bankRow(1, "light_output_nominal", .gauge, "lm"),
        bankRow(1, "colour_temperature_nominal", .gauge, "K"),
        bankRow(1, "luminaire_gtin", .text),
        bankRow(1, "luminaire_number", .text),
        bankRow(1, "luminaire_identification", .text),
        bankRow(202, "active_energy", .counter, "W.h"),
        bankRow(202, "active_power", .gauge, "W"),
        bankRow(203, "apparent_energy", .counter, "V.A.h"),
        bankRow(203, "apparent_power", .gauge, "V.A"),
        bankRow(204, "load_energy", .counter, "W.h"),
        bankRow(204, "load_power", .gauge, "W"),
        bankRow(205, "operating_time", as: "gear_hours", .counter, "h", .hours),
        bankRow(205, "starts", as: "gear_starts", .counter, "1"),
        bankRow(205, "supply_voltage", .gauge, "V"),
        bankRow(205, "supply_frequency", as: "frequency", .gauge, "Hz"),
        bankRow(205, "power_factor", .gauge, "1"),
        bankRow(205, "temperature", .gauge, "Cel"),
        bankRow(205, "output_current", .gauge, "%"),
        bankRow(206, "on_time", as: "operating_hours", .counter, "h", .hours),
        bankRow(206, "on_time_resettable", as: "lamp_hours", .counter, "h", .hours),
        bankRow(206, "starts", as: "lamp_starts", .counter, "1"),
        bankRow(206, "voltage", as: "lamp_voltage", .gauge, "V"),
        bankRow(206, "current", as: "lamp_current", .gauge, "A"),
        bankRow(206, "temperature", as: "lamp_temperature", .gauge, "Cel"),
        bankRow(207, "useful_life", .gauge, "h"),
        bankRow(207, "reference_temperature", .gauge, "Cel"),
        bankRow(207, "useful_starts", .gauge, "1"),
    ]

    /// Failure conditions of part 253, each with the counter behind it.
    private static let conditions: [(bank: UInt8, field: String, name: String)] = [
        (205, "overall_failure", "gear_overall_failure"), (205, "undervoltage", "supply_undervoltage"),
        (205, "overvoltage", "supply_overvoltage"), (205, "power_limitation", "power_limitation"),
        (205, "thermal_derating", "thermal_derating"), (205, "thermal_shutdown", "thermal_shutdown"),
        (206, "overall_failure", "lamp_overall_failure"), (206, "short_circuit", "lamp_short_circuit"),
        (206, "open_circuit", "lamp_open_circuit"), (206, "thermal_derating", "lamp_thermal_derating"),
        (206, "thermal_shutdown", "lamp_thermal_shutdown"),
    ]

    private static let conditionRows: [Row] = conditions.flatMap { condition -> [Row] in
        let (number, field, name) = condition
        return [
            bankRow(number, field, as: name, .state),
            bankRow(number, "\(field)_count", as: "\(name)_count", .counter, "1"),
        ]
    }
}
