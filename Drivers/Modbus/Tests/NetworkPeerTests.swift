import DriverKit
import DriverProtocol
import DriverTestSupport
import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

/// The driver's own executable against hosts that are none of ours (pymodbus).
@Suite(.serialized) struct NetworkPeerTests {
    private static let profile = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        values:
          - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
          - {quantity: voltage, phase: L2, at: 2, as: u16, unit: V}
        """

    /// Nothing takes nearly as long; a loaded machine gets time.
    private static let limit: Duration = .seconds(60)

    private static func peers() async throws -> (process: ChildProcess, ports: JSONValue) {
        let process = try ChildProcess(
            try #require(Project.python), [Library.tests + "/Python/network_slaves.py"], merged: false)
        let line = try await process.line(containing: "\"moody\"", within: limit)
        return (process, try JSONValue(parsing: Array(line.utf8)))
    }

    private static func port(_ ports: JSONValue, _ key: String) throws -> Int64 {
        try #require(ports[key]?.number?.integer)
    }

    /// Follows samples until `isEnough` of each device's readings of its first point.
    @discardableResult
    private static func follow(
        _ driver: DriverProcess, _ devices: [DriverDeviceDescription],
        until isEnough: ([UInt32: [Quality: Int]]) -> Bool
    ) throws -> [UInt32: [DriverProcess.Told]] {
        let counts = Dictionary(uniqueKeysWithValues: devices.map { ($0.index, $0.points.count) })
        var seen: [UInt32: [Quality: Int]] = [:]
        var told: [UInt32: [DriverProcess.Told]] = [:]
        return try driver.receive("enough readings", within: limit) {
            message -> [UInt32: [DriverProcess.Told]]? in
            guard case .samples(let samples)? = message.message else { return nil }
            for row in try samples.rows(points: counts[samples.device] ?? 0) where row.point == 0 {
                seen[samples.device, default: [:]][row.quality, default: 0] += 1
                told[samples.device, default: []].append(
                    DriverProcess.Told(value: row.value, quality: row.quality))
            }
            return isEnough(seen) ? told : nil
        }
    }

    private static func started(
        port: String = "tcp", devices: [String]
    ) throws -> (DriverProcess, [DriverDeviceDescription]) {
        var message = try configure(
            profile, devices: devices, bus: "{response_timeout: 2s}", port: port)
        message.bus = "hosts"
        for index in message.devices.indices { message.devices[index].intervalMs = 200 }
        let driver = try DriverProcess(try #require(DriverProcess.modbus))
        return (driver, try driver.begin(message))
    }

    private static func isEach(
        _ seen: [UInt32: [Quality: Int]], of devices: Range<UInt32>, _ count: Int
    ) -> Bool {
        devices.allSatisfy { seen[$0]?[.good] ?? 0 >= count }
    }

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus, or no driver"))
    func `several units behind one connection are each read`() async throws {
        let (peers, ports) = try await Self.peers()
        let host = "127.0.0.1:\(try Self.port(ports, "units"))"
        let (driver, devices) = try Self.started(
            devices: (1...4).map { "{address: \($0), host: \"\(host)\"}" })
        let told = try Self.follow(driver, devices) { Self.isEach($0, of: 0..<4, 5) }
        for device in UInt32(0)..<4 {
            let expected = Value.number(ExactDecimal(Int64(device + 1) * 1_000 + 1))
            #expect(told[device]?.allSatisfy { $0.value == nil || $0.value == expected } == true)
        }
        #expect(driver.finish() == 0)
        await peers.stop()
    }

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus, or no driver"))
    func `a host that accepts and never answers harms only itself`() async throws {
        let (peers, ports) = try await Self.peers()
        var hosts = try #require(ports["hosts"]?.items).compactMap { $0.number?.integer }
        hosts.insert(try Self.port(ports, "silent"), at: 0)
        #expect(hosts.count == 20)
        let (driver, devices) = try Self.started(
            devices: hosts.map { "{address: 1, host: \"127.0.0.1:\($0)\"}" })
        let told = try Self.follow(driver, devices) { seen in
            Self.isEach(seen, of: 1..<20, 10) && seen[0]?[.bad(.communication)] != nil
        }
        #expect(told[0]?.count == 1)
        for device in UInt32(1)..<20 {
            #expect(told[device]?.allSatisfy { $0.quality == .good } == true)
        }
        #expect(driver.finish() == 0)
        await peers.stop()
    }

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus, or no driver"))
    func `a host that goes away is told once and read again when it is back`() async throws {
        let (peers, ports) = try await Self.peers()
        let moody = try Self.port(ports, "moody")
        let other = try Self.port(ports, "units")
        let (driver, devices) = try Self.started(
            devices: [moody, other].map { "{address: 1, host: \"127.0.0.1:\($0)\"}" })
        try Self.follow(driver, devices) { Self.isEach($0, of: 0..<2, 3) }
        peers.write("stop\n")
        _ = try await peers.line(containing: "{\"done\": \"stop\"}", within: Self.limit)
        let away = try Self.follow(driver, devices) { seen in
            seen[0]?[.bad(.communication)] != nil && Self.isEach(seen, of: 1..<2, 3)
        }
        #expect(away[0]?.filter { $0.quality == .bad(.communication) }.count == 1)
        peers.write("start\n")
        _ = try await peers.line(containing: "{\"done\": \"start\"}", within: Self.limit)
        let back = try Self.follow(driver, devices) { Self.isEach($0, of: 0..<2, 3) }
        #expect(back[1]?.allSatisfy { $0.quality == .good } == true)
        #expect(driver.finish() == 0)
        await peers.stop()
    }

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus, or no driver"))
    func `frames of a serial line over TCP are read`() async throws {
        let (peers, ports) = try await Self.peers()
        let (driver, devices) = try Self.started(
            port: "rtu+tcp://127.0.0.1:\(try Self.port(ports, "rtu"))",
            devices: ["{address: 1}", "{address: 2}"])
        let told = try Self.follow(driver, devices) { Self.isEach($0, of: 0..<2, 5) }
        for device in UInt32(0)..<2 {
            #expect(told[device]?.last?.value == .number(ExactDecimal(Int64(device + 1) * 1_000 + 1)))
        }
        #expect(driver.finish() == 0)
        await peers.stop()
    }

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus, or no driver"))
    func `a SunSpec meter is found, walked and read`() async throws {
        let (peers, ports) = try await Self.peers()
        var message = DriverConfigure()
        message.bus = "hosts"
        message.port = "tcp"
        var device = DriverDevice()
        device.name = "meter"
        device.profile = "sunspec"
        device.intervalMs = 500
        device.options = try MiniYAML.parse(
            "{address: 1, host: \"127.0.0.1:\(try Self.port(ports, "sunspec"))\"}")
        message.devices = [device]
        message.profiles = [try Library.profile("sunspec")]
        let driver = try DriverProcess(try #require(DriverProcess.modbus))
        let devices = try driver.begin(message)
        let names = try #require(devices.first).points.map(\.name)
        let expected: [String: Value] = [
            "current.L1": .number(try #require(ExactDecimal("12.3"))),
            "voltage.L2": .number(try #require(ExactDecimal("229.9"))),
            "frequency": .number(try #require(ExactDecimal("49.98"))),
            "active_power": .number(ExactDecimal(-2_700)),
            "power_factor": .number(try #require(ExactDecimal("0.95"))),
            "active_energy_import": .number(ExactDecimal(123_456_780)),
            "active_energy_export": .number(ExactDecimal(10_000)),
            "manufacturer": .text("Candle Works"), "serial_number": .text("SN-0042"),
        ]
        let told = try driver.watch(devices, within: Self.limit) { told in
            expected.allSatisfy { name, value in
                names.firstIndex(of: name).flatMap { told[0]?[$0]?.value } == value
            }
        }
        for (name, value) in expected {
            let point = try #require(names.firstIndex(of: name), "there is no point \(name)")
            #expect(told[0]?[point]?.value == value, "\(name)")
        }
        // What the meter has not is bad, never zero.
        let missing = try #require(names.firstIndex(of: "apparent_power"))
        #expect(told[0]?[missing]?.value == nil)
        #expect(driver.finish() == 0)
        await peers.stop()
    }
}
