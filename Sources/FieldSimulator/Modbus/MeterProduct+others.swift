extension MeterProduct {
    private static func block(_ name: String, _ address: UInt16) -> RegisterPoint {
        RegisterPoint(name, .input, address, .float32)
    }

    /// Janitza UMG 96 RM-E: float32 in W, V.A and Wh from 19000 on; both read functions show the same.
    static let umg96rm = MeterProduct(
        identifier: "janitza-umg96rm", title: "Janitza UMG 96 RM-E", model: .feeder(phases: 3), functions: [3, 4],
        largestRequest: 125, gaps: .zeros, ranges: [.input: [19000...19121]], evenOnly: false, singleRegisterCode: nil,
        tablesShared: true, latency: 6 * milliseconds,
        points: list(
            phases("voltage", .input, 19000, .float32),
            [block("voltage.L1-L2", 19006), block("voltage.L2-L3", 19008), block("voltage.L3-L1", 19010)],
            phases("current", .input, 19012, .float32), [block("current.sum", 19018)],
            phases("active_power", .input, 19020, .float32), [block("active_power", 19026)],
            phases("apparent_power", .input, 19028, .float32), [block("apparent_power", 19034)],
            phases("reactive_power", .input, 19036, .float32), [block("reactive_power", 19042)],
            phases("power_factor", .input, 19044, .float32), [block("frequency", 19050)],
            phases("active_energy_net", .input, 19054, .float32), [block("active_energy_net", 19060)],
            phases("active_energy_import", .input, 19062, .float32), [block("active_energy_import", 19068)],
            phases("active_energy_export", .input, 19070, .float32), [block("active_energy_export", 19076)],
            phases("apparent_energy", .input, 19078, .float32), [block("apparent_energy", 19084)],
            phases("reactive_energy_net", .input, 19086, .float32), [block("reactive_energy_net", 19092)],
            phases("reactive_energy_import", .input, 19094, .float32), [block("reactive_energy_import", 19100)],
            phases("reactive_energy_export", .input, 19102, .float32), [block("reactive_energy_export", 19108)],
            phases("voltage_thd", .input, 19110, .float32), phases("current_thd", .input, 19116, .float32)))

    private static func scaled(
        _ name: String, _ address: UInt16, _ encoding: RegisterEncoding, _ factor: Double
    ) -> RegisterPoint {
        RegisterPoint(name, .holding, address, encoding, factor: factor)
    }

    /// ABB B23: scaled integers, 64-bit energies in 0.01 kWh, all ones where a value is not available.
    static let b23 = MeterProduct(
        identifier: "abb-b23", title: "ABB B23", model: .feeder(phases: 3), functions: [3], largestRequest: 125,
        gaps: .filled(0xFFFF),
        ranges: [.holding: [20480...20499, 21600...21659, 23296...23361, 35072...35091, 35168...35169]],
        evenOnly: false, singleRegisterCode: nil, tablesShared: false, latency: 20 * milliseconds,
        points: list(
            [
                scaled("active_energy_import", 20480, .unsigned64, 0.1),
                scaled("active_energy_export", 20484, .unsigned64, 0.1),
                scaled("active_energy_net", 20488, .signed64, 0.1),
                scaled("reactive_energy_import", 20492, .unsigned64, 0.1),
                scaled("reactive_energy_export", 20496, .unsigned64, 0.1),
            ],
            phases("active_energy_import", .holding, 21600, .unsigned64, factor: 0.1),
            phases("active_energy_export", .holding, 21612, .unsigned64, factor: 0.1),
            phases("reactive_energy_import", .holding, 21636, .unsigned64, factor: 0.1),
            phases("reactive_energy_export", .holding, 21648, .unsigned64, factor: 0.1),
            phases("voltage", .holding, 23296, .unsigned32, factor: 10),
            [
                scaled("voltage.L1-L2", 23302, .unsigned32, 10), scaled("voltage.L3-L2", 23304, .unsigned32, 10),
                scaled("voltage.L1-L3", 23306, .unsigned32, 10),
            ],
            phases("current", .holding, 23308, .unsigned32, factor: 100),
            [scaled("current.N", 23314, .unsigned32, 100), scaled("active_power", 23316, .signed32, 100)],
            phases("active_power", .holding, 23318, .signed32, factor: 100),
            [scaled("reactive_power", 23324, .signed32, 100)],
            phases("reactive_power", .holding, 23326, .signed32, factor: 100),
            [scaled("apparent_power", 23332, .signed32, 100)],
            phases("apparent_power", .holding, 23334, .signed32, factor: 100),
            [scaled("frequency", 23340, .unsigned16, 100), scaled("power_factor", 23354, .signed16, 1000)],
            phases("power_factor", .holding, 23355, .signed16, factor: 1000),
            [scaled("quadrant", 23358, .unsigned16, 1)], phases("quadrant", .holding, 23359, .unsigned16),
            [
                RegisterPoint("serial_number", .holding, 35072, .unsigned32),
                RegisterPoint("firmware_version", .holding, 35080, .text(registers: 8), text: "B1.24.0"),
                RegisterPoint("mapping_version", .holding, 35088, .unsigned16, initial: 0x0103),
                RegisterPoint("model_code", .holding, 35168, .text(registers: 2), text: "B23 "),
            ]))

    /// Kamstrup MULTICAL with module HC-003, datagram 300: float32, flow in l/h and power in kW as set at the factory.
    /// A register that does not exist answers an invalid value, no exception; here all ones, which is a NaN.
    static let multicalHC003 = MeterProduct(
        identifier: "kamstrup-multical-hc003", title: "Kamstrup MULTICAL 603 with HC-003-67", model: .heat,
        functions: [3], largestRequest: 125, gaps: .filled(0xFFFF), ranges: [.holding: [0...255]], evenOnly: false,
        singleRegisterCode: nil, tablesShared: false, latency: 35 * milliseconds,
        points: [
            RegisterPoint("heat_flow", .holding, 0, .float32, factor: 1000),
            RegisterPoint("heat_flow_2", .holding, 2, .float32, factor: 1000),
            RegisterPoint("heat_power", .holding, 4, .float32, factor: 0.001),
            RegisterPoint("flow_temperature", .holding, 6, .float32),
            RegisterPoint("return_temperature", .holding, 8, .float32),
            RegisterPoint("temperature_3", .holding, 10, .float32),
            RegisterPoint("temperature_4", .holding, 12, .float32),
        ])

    /// BOVE ultrasonic water meter: 32-bit counters with the low word first.
    static let boveWater = MeterProduct(
        identifier: "bove-ultrasonic-water", title: "BOVE ultrasonic water meter", model: .water, functions: [3],
        largestRequest: 38, gaps: .zeros, ranges: [.holding: [1...38]], evenOnly: false, singleRegisterCode: nil,
        tablesShared: false, latency: 45 * milliseconds,
        points: [
            // 0.01 L/h steps of a flow in m3/h.
            RegisterPoint("water_flow", .holding, 1, .unsigned32, factor: 100_000, lowWordFirst: true),
            RegisterPoint("water_volume", .holding, 7, .unsigned32, factor: 1000, lowWordFirst: true),
            RegisterPoint("water_volume_reverse", .holding, 10, .unsigned32, factor: 1000, lowWordFirst: true),
            RegisterPoint("water_pressure", .holding, 19, .unsigned16, factor: 1000),
            RegisterPoint("error_status", .holding, 20, .unsigned16),
            RegisterPoint("water_temperature", .holding, 30, .unsigned16, factor: 100),
            RegisterPoint("serial_number", .holding, 33, .decimalCoded32),
            RegisterPoint("modbus_address", .holding, 35, .unsigned16, initial: 1),
            RegisterPoint("baud_rate", .holding, 37, .unsigned16, initial: 0),
        ])
}
