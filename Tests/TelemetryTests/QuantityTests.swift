import Glibc
import Telemetry
import Testing

@Suite struct QuantityTests {
    @Test func `every row of the table has a known unit and a name that stands once`() {
        var names: Set<String> = []
        for quantity in Quantity.all {
            #expect(names.insert(quantity.name).inserted, "\(quantity.name) stands twice")
            #expect((try? PointName(quantity.name))?.quantity == quantity.name)
            #expect(quantity.unit.isEmpty || Unit(symbol: quantity.unit) != nil, "\(quantity.name): \(quantity.unit)")
            if quantity.kind == .text || quantity.kind == .state { #expect(quantity.unit.isEmpty) }
        }
    }

    @Test(arguments: [
        ("level", "%"), ("on", ""), ("lamp_failure", ""), ("gear_failure", ""), ("power_cycled", ""),
        ("active_power", "W"), ("active_energy", "W.h"), ("operating_hours", "h"), ("temperature", "Cel"),
    ])
    func `the points of a lamp are in the table`(name: String, unit: String) {
        #expect(Quantity(name: name)?.unit == unit)
    }

    @Test(
        arguments: [
            ("active_power", nil, nil, nil), ("voltage.L1", nil, "L1", nil), ("voltage.L1-L2", nil, "L1-L2", nil),
            ("current.N", nil, "N", nil), ("active_power.ch2.L1", 2, "L1", nil),
            ("active_energy_import.T2", nil, nil, 2),
            ("active_energy_import.L1.T2", nil, "L1", 2), ("active_energy_import.ch16.L3.T4", 16, "L3", 4),
        ] as [(String, Int?, String?, Int?)])
    func `a point's name is taken apart and put together`(text: String, channel: Int?, phase: String?, tariff: Int?)
        throws
    {
        let name = try PointName(text)
        #expect(name.channel == channel)
        #expect(name.phase?.rawValue == phase)
        #expect(name.tariff == tariff)
        #expect(name.description == text)
        #expect(Quantity(ofPoint: text)?.name == name.quantity)
    }

    @Test(arguments: [
        "", ".", "Active_power", "active-power", "active_power.", "active_power..L1", "active_power.L4",
        "active_power.l1",
        "active_power.T2.L1", "active_power.L1.ch2", "active_power.T0", "active_power.T64", "active_power.T02",
        "active_power.ch0", "active_power.ch100", "active_power.total", "1voltage", "voltage.L1.L2", "äpfel",
    ])
    func `a name out of order is refused with what was expected`(text: String) {
        let problem = #expect(throws: PointName.Problem.self) { try PointName(text) }
        #expect(problem?.description.isEmpty == false)
        #expect(Quantity(ofPoint: text) == nil)
    }

    @Test(
        arguments: [
            ("active_energy_import", "1-0:1.8.0*255"), ("active_energy_import.T2", "1-0:1.8.2*255"),
            ("active_energy_import.L1", "1-0:21.8.0*255"), ("active_energy_import.L3.T1", "1-0:61.8.1*255"),
            ("voltage.L2", "1-0:52.7.0*255"), ("current.N", "1-0:91.7.0*255"), ("active_power.L1", "1-0:36.7.0*255"),
            ("heat_energy", "6-0:1.0.0*255"), ("heat_energy.T1", "6-0:1.0.1*255"), ("active_power.ch2", nil),
            ("voltage.L1-L2", nil), ("active_power.T2", nil), ("voltage.N", nil),
        ] as [(String, String?)])
    func `the OBIS code follows phase and tariff`(text: String, obis: String?) throws {
        let name = try PointName(text)
        #expect(try #require(Quantity(name: name.quantity)).obis(of: name) == obis)
    }

    @Test func `a quantity accepts units of its dimension only`() throws {
        let energy = try #require(Quantity(name: "active_energy_import"))
        #expect(energy.accepts(unit: "W.h"))
        #expect(!energy.accepts(unit: "W"))
        #expect(!energy.accepts(unit: "kwh"))
        #expect(try #require(Quantity(name: "heat_energy")).accepts(unit: "GJ"))
        #expect(try #require(Quantity(name: "heat_flow")).accepts(unit: "m3/h"))
        #expect(try #require(Quantity(name: "power_factor")).accepts(unit: "%"))
    }

    @Test func `units of one dimension differ by a power of ten`() throws {
        func power(_ from: String, _ to: String) -> Int32? {
            Unit(symbol: from).flatMap { from in Unit(symbol: to).flatMap { from.powerOfTen(to: $0) } }
        }
        #expect(power("kW.h", "W.h") == 3)
        #expect(power("L", "m3") == -3)
        #expect(power("bar", "MPa") == -1)
        #expect(power("1", "%") == 2)
        #expect(power("GJ", "kW.h") == nil)
        #expect(power("Cel", "K") == nil)
        #expect(power("h", "s") == nil)
        #expect(Unit(symbol: "kwh") == nil)
    }

    /// Registers that set a meter up or say how to read another register; they are no measurements.
    private static let setup: Set<String> = Set(
        """
        a_sf application auto_scroll auto_scroll_disp backlight_time backlit_time baud_rate combined_code
        counter_reset cycle_time display_menu display_scroll_timing energy_flow_unit flow_unit gas_flow_preset
        heat_energy_unit heat_flow_unit heat_power_unit heat_volume_unit hz_sf indicator_mode kppa load_type
        low_flow_cutoff mapping_version mass_flow_unit measurement_mode modbus_address model_id model_length
        network_type options p1_divisor p1_output_mode pad password pf_sf phase_config pressure_unit protocol
        pulse_1_energy_type pulse_1_rate pulse_constant pulse_input_a pulse_input_b pulse_rate pulse_scaler
        pulse_width pulses_per_unit reset_historical_data reset_history scale_a scale_b scale_d scale_e scale_f
        serial_baud serial_parity_stop slide_time system_type temperature_difference_unit temperature_unit
        temperature_unit_2 total_load_type totalizer_1_unit totvah_sf totvarh_sf totwh_sf v_sf va_sf var_sf
        volume_flow_unit volume_unit vt_scale w_sf
        """.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))

    private static let references = "../shared/reference/meters"

    @Test(.enabled(if: access(references, R_OK) == 0, "the reference tables are not beside the package"))
    func `every measured quantity of the reference tables is in the table`() throws {
        let folder = try #require(opendir(Self.references))
        defer { closedir(folder) }
        var files = 0
        var missing: Set<String> = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".csv") else { continue }
            var lines = try Self.lines(of: Self.references + "/" + name).filter { !$0.hasPrefix("#") }
            guard lines.first?.hasPrefix("quantity,") == true else { continue }
            lines.removeFirst()
            files += 1
            for line in lines {
                var quantity = String(line.prefix { $0 != "," })
                guard !quantity.isEmpty, !Self.setup.contains(quantity) else { continue }
                // The tables write the tariff into the quantity: active_energy_import_t2.
                if let tariff = quantity.suffix(3).wholeMatch(of: /_t[1-9]/) { quantity.removeLast(tariff.0.count) }
                if Quantity(name: quantity) == nil { missing.insert(quantity) }
            }
        }
        #expect(files > 50)
        #expect(missing.isEmpty, "\(missing.sorted())")
    }

    private static func lines(of path: String) throws -> [String] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }
}
