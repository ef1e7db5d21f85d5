// Facts of IEC 62386-102 (bank 0), DiiA parts 251 (bank 1), 252 (banks 202 to 204) and 253 (banks 205 to 207).

extension MemoryBank {
    static let all = [
        unit, luminaire, activeEnergy, apparentEnergy, loadEnergy, gearDiagnostics, lampDiagnostics, maintenance,
    ]

    /// Bank 0, IEC 62386-102:2014 clause 9.10.6: who the gear is.
    static let unit = MemoryBank(
        number: 0, name: "bus unit", part: "102", consistency: .constant,
        fields: [
            BankField("last_memory_bank", 0x02...0x02),
            BankField("gtin", 0x03...0x08, .identifier),
            BankField("firmware_version", 0x09...0x0A, .version),
            BankField("identification_number", 0x0B...0x12, .identifier),
            BankField("hardware_version", 0x13...0x14, .version),
            BankField("part_101_version", 0x15...0x15, .version),
            BankField("part_102_version", 0x16...0x16, .version),
            BankField("part_103_version", 0x17...0x17, .version),
            BankField("device_unit_count", 0x18...0x18, .number(powerOfTen: 0), "", 0...64),
            BankField("gear_unit_count", 0x19...0x19, .number(powerOfTen: 0), "", 0...64),
            BankField("unit_index", 0x1A...0x1A),
        ])

    /// Bank 1, part 251 (device type 50): what the maker of the luminaire wrote.
    static let luminaire = MemoryBank(
        number: 1, name: "luminaire", part: "251", consistency: .constant,
        fields: [
            BankField("luminaire_gtin", 0x03...0x08, .identifier, mask: true),
            BankField("luminaire_number", 0x09...0x10, .identifier, mask: true),
            BankField("content_format", 0x11...0x12),
            BankField("year_of_manufacture", 0x13...0x13, .number(powerOfTen: 0), "", 0...99, mask: true),
            BankField("week_of_manufacture", 0x14...0x14, .number(powerOfTen: 0), "", 1...53, mask: true),
            BankField("input_power_nominal", 0x15...0x16, .number(powerOfTen: 0), "W", mask: true),
            BankField("input_power_minimum_dim", 0x17...0x18, .number(powerOfTen: 0), "W", mask: true),
            BankField("mains_voltage_minimum", 0x19...0x1A, .number(powerOfTen: 0), "V", 90...480, mask: true),
            BankField("mains_voltage_maximum", 0x1B...0x1C, .number(powerOfTen: 0), "V", 90...480, mask: true),
            BankField("light_output_nominal", 0x1D...0x1F, .number(powerOfTen: 0), "lm", mask: true),
            BankField("colour_rendering_index", 0x20...0x20, .number(powerOfTen: 0), "", 0...100, mask: true),
            // FFFEh: the colour temperature is set by part 209; the bank has none to tell.
            BankField(
                "colour_temperature_nominal", 0x21...0x22, .number(powerOfTen: 0), "K", 0...17_000, mask: true,
                temporary: true),
            BankField("light_distribution_type", 0x23...0x23, mask: true),
            BankField("luminaire_colour", 0x24...0x3B, .text),
            BankField("luminaire_identification", 0x3C...0x77, .text),
        ])

    static let activeEnergy = energy(202, "active energy and power", "active", "W")
    static let apparentEnergy = energy(203, "apparent energy and power", "apparent", "V.A")
    static let loadEnergy = energy(204, "energy and power at the lamp", "load", "W")

    private static func energy(_ number: UInt8, _ name: String, _ kind: String, _ unit: String) -> MemoryBank {
        MemoryBank(
            number: number, name: name, part: "252", consistency: .latch,
            fields: [
                BankField("bank_version", 0x03...0x03),
                BankField(
                    "\(kind)_energy", 0x04...0x0A, .scaled, "\(unit).h", 0...0xFFFF_FFFF_FFFD, temporary: true),
                BankField("\(kind)_power", 0x0B...0x0F, .scaled, unit, 0...0xFFFF_FFFD, temporary: true),
            ])
    }

    /// Bank 205, part 253: the control gear itself.
    static let gearDiagnostics = MemoryBank(
        number: 205, name: "control gear diagnostics", part: "253", consistency: .latch,
        fields: [
            BankField("bank_version", 0x03...0x03),
            BankField("operating_time", 0x04...0x07, .number(powerOfTen: 0), "s", 0...0xFFFF_FFFD, temporary: true),
            BankField("starts", 0x08...0x0A, .number(powerOfTen: 0), "", 0...0xFF_FFFD, temporary: true),
            BankField(
                "supply_voltage", 0x0B...0x0C, .number(powerOfTen: -1), "V", 0...0xFFFD, mask: true, temporary: true),
            BankField(
                "supply_frequency", 0x0D...0x0D, .number(powerOfTen: 0), "Hz", 0...0xFD, mask: true, temporary: true),
            BankField("power_factor", 0x0E...0x0E, .number(powerOfTen: -2), "1", 0...100, mask: true, temporary: true),
        ]
            + condition("overall_failure", 0x0F, mask: false)
            + condition("undervoltage", 0x11) + condition("overvoltage", 0x13)
            + condition("power_limitation", 0x15) + condition("thermal_derating", 0x17)
            + condition("thermal_shutdown", 0x19)
            + [
                BankField("temperature", 0x1B...0x1B, .temperature, "Cel", 0...0xFD, temporary: true),
                BankField("output_current", 0x1C...0x1C, .number(powerOfTen: 0), "%", 0...100, temporary: true),
            ])

    /// Bank 206, part 253: the light source.
    static let lampDiagnostics = MemoryBank(
        number: 206, name: "light source diagnostics", part: "253", consistency: .latch,
        fields: [
            BankField("bank_version", 0x03...0x03),
            BankField("starts_resettable", 0x04...0x06, .number(powerOfTen: 0), "", 0...0xFF_FFFD, temporary: true),
            BankField("starts", 0x07...0x09, .number(powerOfTen: 0), "", 0...0xFF_FFFD, temporary: true),
            BankField("on_time_resettable", 0x0A...0x0D, .number(powerOfTen: 0), "s", 0...0xFFFF_FFFD, temporary: true),
            BankField("on_time", 0x0E...0x11, .number(powerOfTen: 0), "s", 0...0xFFFF_FFFD, temporary: true),
            BankField("voltage", 0x12...0x13, .number(powerOfTen: -1), "V", 0...0xFFFD, temporary: true),
            BankField("current", 0x14...0x15, .number(powerOfTen: -3), "A", 0...0xFFFD, temporary: true),
        ]
            + condition("overall_failure", 0x16, mask: false)
            + condition("short_circuit", 0x18) + condition("open_circuit", 0x1A)
            + condition("thermal_derating", 0x1C) + condition("thermal_shutdown", 0x1E)
            + [BankField("temperature", 0x20...0x20, .temperature, "Cel", 0...0xFD, mask: true, temporary: true)])

    /// Bank 207, part 253: what the luminaire is rated for.
    static let maintenance = MemoryBank(
        number: 207, name: "luminaire maintenance", part: "253", consistency: .constant,
        fields: [
            BankField("bank_version", 0x03...0x03),
            BankField(
                "useful_life", 0x04...0x04, .number(powerOfTen: 3), "h", 0...0xFD, mask: true, temporary: true),
            BankField(
                "reference_temperature", 0x05...0x05, .temperature, "Cel", 0...0xFD, mask: true, temporary: true),
            BankField(
                "useful_starts", 0x06...0x07, .number(powerOfTen: 2), "", 0...0xFFFD, mask: true, temporary: true),
        ])

    /// A failure condition and, in the byte after it, how often it came.
    private static func condition(_ name: String, _ location: UInt8, mask: Bool = true) -> [BankField] {
        [
            BankField(name, location...location, .flag, "", 0...1, mask: mask, temporary: true),
            BankField(
                "\(name)_count", (location + 1)...(location + 1), .number(powerOfTen: 0), "", 0...0xFD, mask: mask,
                temporary: true),
        ]
    }
}
