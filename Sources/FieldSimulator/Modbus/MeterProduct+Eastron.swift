extension MeterProduct {
    /// All input registers are float32, high word first; energies in kWh and kvarh (Eastron protocol documents).
    private static func value(_ name: String, _ address: UInt16, factor: Double = 1) -> RegisterPoint {
        RegisterPoint(name, .input, address, .float32, factor: factor)
    }

    private static func energy(_ name: String, _ address: UInt16) -> RegisterPoint {
        value(name, address, factor: 0.001)
    }

    private static func setup(_ name: String, _ address: UInt16, _ initial: Double) -> RegisterPoint {
        RegisterPoint(name, .holding, address, .float32, writable: true, initial: initial)
    }

    private static let setupRegisters: [RegisterPoint] = [
        setup("demand_time", 0, 0), setup("demand_period", 2, 60), setup("pulse_width", 12, 100),
        setup("serial_parity_stop", 18, 0), setup("modbus_address", 20, 1), setup("baud_rate", 28, 2),
        setup("p1_divisor", 63760, 0), setup("measurement_mode", 63776, 2),
    ]

    /// Eastron SDM120-Modbus, one phase.
    static let sdm120 = MeterProduct(
        identifier: "eastron-sdm120", title: "Eastron SDM120-Modbus", model: .feeder(phases: 1),
        functions: [3, 4, 8, 16], largestRequest: 40, gaps: .zeros,
        ranges: [.input: [0...0x1FF], .holding: [0...0x3F, 0xF900...0xF95F, 0xFC00...0xFC0F]], evenOnly: true,
        singleRegisterCode: 0x0020, tablesShared: false, latency: 12 * milliseconds,
        points: [
            value("voltage.L1", 0), value("current.L1", 6), value("active_power", 12), value("apparent_power", 18),
            value("reactive_power", 24), value("power_factor", 30), value("phase_angle", 36), value("frequency", 70),
            energy("active_energy_import", 72), energy("active_energy_export", 74),
            energy("reactive_energy_import", 76), energy("reactive_energy_export", 78),
            value("active_power_demand", 84), value("active_power_demand_max", 86),
            value("active_power_import_demand", 88), value("active_power_import_demand_max", 90),
            value("active_power_export_demand", 92), value("active_power_export_demand_max", 94),
            value("current_demand", 258), value("current_demand_max", 264), energy("active_energy_total", 342),
            energy("reactive_energy_total", 344),
            RegisterPoint("serial_number", .holding, 0xFC00, .unsigned32),
            RegisterPoint("model_code", .holding, 0xFC02, .unsigned16, initial: 0x20),
            RegisterPoint("firmware_version", .holding, 0xFC03, .unsigned16, initial: 204),
        ] + setupRegisters)

    /// Eastron SDM630-Modbus, three phases. Its meter code is this simulator's choice: the documents disagree.
    static let sdm630 = MeterProduct(
        identifier: "eastron-sdm630", title: "Eastron SDM630-Modbus", model: .feeder(phases: 3),
        functions: [3, 4, 8, 16], largestRequest: 80, gaps: .zeros,
        ranges: [.input: [0...0x1FF, 1280...1283], .holding: [0...0x3F, 0xF900...0xF95F, 0xFC00...0xFC0F]],
        evenOnly: true, singleRegisterCode: 0x0070, tablesShared: false, latency: 12 * milliseconds,
        points: instantaneous630 + energies630 + setupRegisters)

    private static let instantaneous630: [RegisterPoint] = list(
        phases("voltage", .input, 0, .float32), phases("current", .input, 6, .float32),
        phases("active_power", .input, 12, .float32), phases("apparent_power", .input, 18, .float32),
        phases("reactive_power", .input, 24, .float32), phases("power_factor", .input, 30, .float32),
        phases("phase_angle", .input, 36, .float32),
        [
            value("voltage.avg-LN", 42), value("current.avg", 46), value("current.sum", 48), value("active_power", 52),
            value("apparent_power", 56), value("reactive_power", 60), value("power_factor", 62),
            value("phase_angle", 66), value("frequency", 70),
            value("active_power_demand", 84), value("active_power_demand_max", 86),
            value("active_power_import_demand", 88), value("active_power_import_demand_max", 90),
            value("active_power_export_demand", 92), value("active_power_export_demand_max", 94),
            value("apparent_power_demand", 100), value("apparent_power_demand_max", 102),
            value("voltage.L1-L2", 200), value("voltage.L2-L3", 202), value("voltage.L3-L1", 204),
            value("voltage.avg-LL", 206), value("current.N", 224),
        ],
        phases("voltage_thd", .input, 234, .float32), phases("current_thd", .input, 240, .float32),
        [value("voltage_thd.avg-LN", 248), value("current_thd.avg", 250)],
        phases("current_demand", .input, 258, .float32), phases("current_demand_max", .input, 264, .float32),
        [value("active_power_import", 1280), value("active_power_export", 1282)])

    private static let energies630: [RegisterPoint] = list(
        [
            energy("active_energy_import", 72), energy("active_energy_export", 74),
            energy("reactive_energy_import", 76), energy("reactive_energy_export", 78),
            energy("active_energy_total", 342), energy("reactive_energy_total", 344),
        ],
        phases("active_energy_import", .input, 346, .float32, factor: 0.001),
        phases("active_energy_export", .input, 352, .float32, factor: 0.001),
        phases("active_energy_total", .input, 358, .float32, factor: 0.001),
        phases("reactive_energy_import", .input, 364, .float32, factor: 0.001),
        phases("reactive_energy_export", .input, 370, .float32, factor: 0.001),
        phases("reactive_energy_total", .input, 376, .float32, factor: 0.001),
        [
            RegisterPoint("serial_number", .holding, 0xFC00, .unsigned32),
            RegisterPoint("model_code", .holding, 0xFC02, .unsigned16, initial: 0x70),
            RegisterPoint("running_time", .holding, 63792, .float32),
        ])
}
