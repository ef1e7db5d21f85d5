import DriverKit
import DriverProtocol
import Glibc
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Profiles` {
    static let shipped = [
        "abb-b23", "bove-ultrasonic-water", "eastron-sdm120", "eastron-sdm630", "janitza-umg96rm",
        "kamstrup-multical-hc003",
    ]

    static func read(_ name: String) throws -> (ModbusProfile, [String]) {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let file = try #require(fopen("/\(folder)/Profiles/\(name).yaml", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 200_000)
        let count = fread(&bytes, 1, bytes.count, file)
        var profile = DriverProfile()
        profile.name = name
        profile.content = try MiniYAML.parse(String(decoding: bytes.prefix(count), as: UTF8.self))
        let diagnostics = Diagnostics()
        let read = ProfileReader(profile, diagnostics: diagnostics).read()
        return (read, diagnostics.all.map { "\($0.path.joined(separator: ".")): \($0.message)" })
    }

    @Test(arguments: shipped)
    func `a shipped profile is sound and its own tests pass`(_ name: String) throws {
        let (profile, problems) = try Self.read(name)
        #expect(problems.isEmpty)
        #expect(!profile.tests.isEmpty)
        #expect(!profile.evidence.isEmpty)
        #expect(profile.tests.flatMap { $0.failures(in: profile) }.isEmpty)
        #expect(!profile.values.contains { $0.isWritable })
    }

    @Test func `a wrong expectation in a profile's test is a fault of the profile`() throws {
        var (profile, _) = try Self.read("eastron-sdm120")
        profile.tests[0].expected[0].value = .value(.number(ExactDecimal(1)))
        #expect(profile.tests[0].failures(in: profile) == ["voltage.L1 is 231.4 instead of 1"])
    }

    @Test(arguments: [
        ("{quantity: voltag, at: 1, as: u16, unit: V}", "unknown quantity voltag; did you mean voltage?"),
        (
            "{quantity: voltage, at: 1, as: u17, unit: V}",
            "\"u17\" is no type of registers; expected one of \(ValueType.names)"
        ),
        ("{quantity: voltage, at: 1, as: u16, unit: A}", "voltage cannot be in A; expected a unit like V"),
        ("{quantity: voltage, at: 1, as: u16, unit: V, scael: 1}", "unknown key scael; did you mean scale?"),
        ("{quantity: voltage, as: u16, unit: V}", "the key at is missing; expected an address, decimal or in 0x form"),
        ("{quantity: voltage, at: 65535, as: u32, unit: V}", "the value reaches beyond register 0xFFFF"),
        (
            "{quantity: voltage, at: 1, as: u16, unit: V, scale: 1e20}",
            "a scale of 1e20 is not plausible; expected 0.000000001 to 1000000000"
        ),
        (
            "{quantity: voltage, at: 1, as: u16, unit: V, times: [ct]}",
            "voltage needs ct, which is no value of this profile"
        ),
    ])
    func `each mistake gets its sentence`(_ line: String, _ sentence: String) throws {
        let text = "driver: modbus\nstatus: verified\nvalues:\n  - \(line)"
        let answer = BusConfiguration(try configure(text, devices: ["{address: 1}"])).answer
        #expect(answer.diagnostics.filter { $0.subject == .profile }.map(\.message).contains(sentence))
        #expect(answer.devices.first?.usable == false)
    }

    @Test func `flags of a status word are points of their own`() throws {
        let (profile, _) = try Self.read("bove-ultrasonic-water")
        let flags = profile.values.filter { $0.kind == .state }
        #expect(flags.map(\.name) == ["pipe_empty", "battery_low"])
        #expect(flags.map { $0.codec.decode([0x0004]).value } == [.flag(true), .flag(false)])
    }

    @Test(arguments: [
        ("one_based", "3001", 3_000), ("modicon", "40001", 0), ("wire_minus_30000", "30105", 105), ("wire", "0x10", 16),
    ])
    func `addresses are written as the manual does`(_ base: String, _ at: String, _ wire: Int) throws {
        let text = """
            driver: modbus
            status: verified
            numbers: {base: \(base), table: holding}
            values:
              - {quantity: voltage, at: \(at), as: u16, unit: V}
            """
        let configuration = BusConfiguration(try configure(text, devices: ["{address: 1}"]))
        #expect(configuration.devices.first?.blocks.first?.address == wire)
    }
}

@Suite struct `Configuration of a bus` {
    static let profile = """
        driver: modbus
        status: verified
        limits: {ratio: secondary}
        values:
          - {quantity: current, phase: L1, at: 1, as: u16, unit: A, scale: 0.001}
          - {quantity: active_power, at: 2, as: i16, unit: W}
          - {quantity: active_energy_import, at: 4, as: u32, unit: kW.h}
          - {quantity: active_energy_export, at: 6, as: u32, unit: kW.h}
        """

    @Test func `two devices with one address are an error that names the other`() throws {
        let answer = BusConfiguration(try configure(Self.profile, devices: ["{address: 3}", "{address: 3}"])).answer
        #expect(
            answer.diagnostics.map(\.message) == [
                "unit 3 is the device device-0 already; two devices need two addresses"
            ])
        #expect(answer.diagnostics.first?.path == ["address"])
        #expect(answer.devices.map(\.usable) == [true, false])
    }

    @Test(arguments: [
        ("{baud: 9601}", "9601 where one of \(SerialRates.all.map(String.init).joined(separator: ", ")) was expected"),
        ("{parity: evn}", "\"evn\" where one of none, even, odd was expected; did you mean even?"),
        ("{response_timeout: 500}", "500 where a duration with its unit was expected, such as 500ms, 10s or 15min"),
        ("{respnse_timeout: 1s}", "unknown key respnse_timeout; did you mean response_timeout?"),
        ("{sick_share: 5}", "5 where a share from 0% to 100% was expected"),
    ])
    func `a wrong bus option makes the bus unusable and says why`(_ options: String, _ sentence: String) throws {
        let answer = BusConfiguration(try configure(Self.profile, devices: ["{address: 1}"], bus: options)).answer
        #expect(answer.diagnostics.map(\.message).contains(sentence))
        #expect(answer.devices.map(\.usable) == [false])
    }

    @Test func `ratios multiply exactly and an inverted meter swaps import and export`() throws {
        let bus = try FakeBus(Self.profile, devices: ["{address: 1, ct_ratio: 200/5, vt_ratio: 2, invert: true}"]) {
            request, _ in
            registers(request)
        }
        bus.run(.milliseconds(500))
        let values = bus.samples(0).sorted { $0.point < $1.point }.map { $0.value }
        // 0.001 A × 40; -(2 W × 80); import from the export registers 6 and 7.
        let export = (Int64(6) << 16 | 7) * 80
        #expect(values[0] == .number(ExactDecimal(mantissa: 40, exponent: -3)))
        #expect(values[1] == .number(ExactDecimal(-160)))
        #expect(values[2] == .number(ExactDecimal(export)))
    }

    @Test func `a ratio for a meter that multiplies itself is refused`() throws {
        let profile = "driver: modbus\nstatus: verified\nvalues:\n  - {quantity: voltage, at: 1, as: u16, unit: V}"
        let answer = BusConfiguration(try configure(profile, devices: ["{address: 1, vt_ratio: 100}"])).answer
        #expect(answer.diagnostics.first?.message.contains("multiplies by the ratio itself") == true)
    }

    @Test(arguments: [
        ("tcp://10.0.0.1", "10.0.0.1:502"), ("tcp://[::1]:1502", "[::1]:1502"), ("rtu+tcp://gw:4001", "gw:4001"),
    ])
    func `network ports are read`(_ text: String, _ host: String) throws {
        switch try #require(PortAddress(text)) {
        case .tcp(let address), .rtuOverTCP(let address): #expect(address.description == host)
        default: Issue.record("no network port")
        }
    }

    @Test(arguments: ["", "ttyUSB0", "tcp://", "tcp://a:b", "tcp://a:70000", "udp://a:1"])
    func `what is no port is refused`(_ text: String) { #expect(PortAddress(text) == nil) }
}
