// Units are those in which most products give a quantity; a point may have any other of the same dimension.
// OBIS codes are of the total over all phases and tariffs, without an index of the past (IEC 62056-61, EN 13757-1).

extension Quantity {
    /// What a device says of itself.
    static let devices: [Quantity] = [
        Quantity("alarm_status", .state, ""),
        Quantity("battery_remaining", .gauge, "%"),
        Quantity("clock", .text, "", obis: "0-0:1.0.0*255"),
        Quantity("customer_number", .text, ""),
        Quantity("device_temperature", .gauge, "Cel"),
        Quantity("displayed_version", .text, ""),
        Quantity("error_status", .state, "", obis: "0-0:97.97.0*255"),
        Quantity("event_flags", .state, ""),
        Quantity("firmware_version", .text, "", obis: "1-0:0.2.0*255"),
        Quantity("hardware_version", .text, ""),
        Quantity("input_state", .state, ""),
        Quantity("manufacturer", .text, ""),
        Quantity("medium", .text, ""),
        Quantity("meter_name", .text, ""),
        Quantity("model_code", .text, ""),
        Quantity("operating_time", .counter, "h", obis: "0-0:96.8.0*255"),
        Quantity("order_code", .text, ""),
        Quantity("product_id", .text, ""),
        Quantity("product_order_id", .text, ""),
        Quantity("pulse_counter", .counter, "1"),
        Quantity("pulse_frequency", .gauge, "Hz"),
        Quantity("running_time", .counter, "h"),
        Quantity("running_time_w_load", .counter, "h"),
        Quantity("serial_number", .text, "", obis: "0-0:96.1.0*255"),
        Quantity("setpoint", .gauge, "1"),
        Quantity("signal_quality", .gauge, ""),
        Quantity("signal_strength_down", .gauge, ""),
        Quantity("signal_strength_up", .gauge, ""),
        Quantity("supply_voltage", .gauge, "V"),
        Quantity("switch_position", .state, ""),
        Quantity("type_code", .text, ""),
        Quantity("vendor_code", .text, ""),
    ]

    /// Lamps and their control gear (IEC 62386-102, -207, -252, -253). `level` is percent of light by the gear's own curve.
    static let lamps: [Quantity] = [
        Quantity("level", .gauge, "%"),
        Quantity("level_wanted", .gauge, "%"),
        Quantity("on", .state, ""),
        Quantity("fading", .state, ""),
        Quantity("lamp_failure", .state, ""),
        Quantity("gear_failure", .state, ""),
        Quantity("limit_error", .state, ""),
        Quantity("reset_state", .state, ""),
        Quantity("short_address_missing", .state, ""),
        Quantity("power_cycled", .state, ""),
        Quantity("colour_temperature", .gauge, "K"),
        Quantity("operating_hours", .counter, "h", obis: "0-0:96.8.0*255"),
        Quantity("lamp_hours", .counter, "h"),
        Quantity("lamp_starts", .counter, "1"),
        Quantity("gear_starts", .counter, "1"),
        Quantity("active_energy", .counter, "W.h"),
        Quantity("temperature", .gauge, "Cel"),
        Quantity("illuminance", .gauge, "lx"),
        Quantity("occupied", .state, ""),
        Quantity("movement", .state, ""),
    ]
}
