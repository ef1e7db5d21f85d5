import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Setup of a device` {
    private static let profile = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        values:
          - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
          - {quantity: current, phase: L1, at: 40, as: u16, unit: A, writable: true, minimum: 0, maximum: 100}
          - {quantity: active_power, at: 50, as: i32, unit: W, writable: true, minimum: -100000, maximum: 100000}
        """

    /// A device with registers that can be written, and that may be away.
    final class Device {
        var isDead = false
        var held: [UInt16: UInt16] = [40: 5, 50: 0, 51: 0]
        var isLocked = false
        private(set) var writes: [ModbusRequest] = []

        func answer(_ request: ModbusRequest) -> Exchange.Outcome {
            if isDead { return .silence }
            switch request {
            case .writeRegister(let address, let value):
                writes.append(request)
                if !isLocked { held[address] = value }
                return .answer(.written)
            case .writeRegisters(let address, let values):
                writes.append(request)
                for (offset, value) in values.enumerated() { held[address + UInt16(offset)] = value }
                return .answer(.written)
            case .read(_, let address, let count):
                return .answer(.words((0..<count).map { held[address + UInt16($0)] ?? 230 }))
            default: return .answer(.exception(ModbusException(code: 1)))
            }
        }
    }

    private static func bus(_ device: Device, _ setup: String = "{current.L1: 17}") throws -> FakeBus {
        try FakeBus(profile, devices: ["{address: 1, setup: \(setup)}"]) { request, _ in
            device.answer(request)
        }
    }

    private static func written(_ bus: FakeBus) -> [DriverEvent] {
        bus.notebook.all.events.filter { $0.kind == "setup_written" }
    }

    @Test func `a value that differs is written once, read back and told`() throws {
        let device = Device()
        let bus = try Self.bus(device)
        bus.run(.seconds(30))
        #expect(device.writes == [.writeRegister(at: 40, value: 17)])
        #expect(Self.written(bus).map(\.detail) == ["current.L1 set to 17; it was 5"])
        #expect(bus.samples(0).last { $0.point == 1 }?.value == .number(ExactDecimal(17)))
    }

    @Test func `what stands there already is not written`() throws {
        let device = Device()
        device.held[40] = 17
        let bus = try Self.bus(device)
        bus.run(.seconds(30))
        #expect(device.writes.isEmpty && Self.written(bus).isEmpty)
    }

    @Test func `a wide value goes in one request`() throws {
        let device = Device()
        let bus = try Self.bus(device, "{active_power: -70000}")
        bus.run(.seconds(10))
        #expect(device.writes == [.writeRegisters(at: 50, values: [0xFFFE, 0xEE90])])
    }

    @Test func `a device that comes back without it gets it again, one that kept it does not`() throws {
        let device = Device()
        let bus = try Self.bus(device)
        bus.run(.seconds(10))
        for isLost in [false, true] {
            device.isDead = true
            bus.run(.seconds(30))
            if isLost { device.held[40] = 5 }
            device.isDead = false
            bus.run(.seconds(30))
            #expect(device.writes.count == (isLost ? 2 : 1))
        }
        #expect(Self.written(bus).count == 2)
    }

    @Test func `a device that does not take it is told as a warning and not asked again and again`()
        throws
    {
        let device = Device()
        device.isLocked = true
        let bus = try Self.bus(device)
        bus.run(.seconds(30))
        #expect(device.writes.count == 1)
        #expect(Self.written(bus).map(\.severity) == [1])
    }

    @Test func `a value that is lost at each return is not written for ever`() throws {
        let device = Device()
        device.isLocked = true
        let bus = try Self.bus(device)
        for _ in 0..<8 {
            bus.run(.seconds(20))
            device.isDead = true
            bus.run(.seconds(20))
            device.isDead = false
        }
        #expect(device.writes.count == SetupRun.mostWrites)
    }

    @Test func `a read-only gateway writes nothing`() throws {
        let device = Device()
        let bus = try Self.bus(device)
        bus.engine.isReadOnly = true
        bus.run(.seconds(30))
        #expect(device.writes.isEmpty)
        #expect(
            bus.notebook.all.lines.contains { $0.contains("read-only") && $0.contains("5 instead of 17") }
        )
    }

    @Test(arguments: [
        ("{voltage.L1: 230}", "voltage.L1 is not writable in its profile"),
        ("{current.L1: 101}", "101 is above the limit of 100 A"),
        ("{current.L2: 1}", "this device has no point current.L2; did you mean current.L1?"),
    ])
    func `what cannot be written is said before anything is`(_ setup: String, _ complaint: String)
        throws
    {
        let message = try configure(Self.profile, devices: ["{address: 1, setup: \(setup)}"])
        let answer = BusConfiguration(message).answer
        #expect(answer.diagnostics.map(\.message) == [complaint])
        #expect(answer.diagnostics.first?.path.first == "setup")
    }
}

@Suite struct `Wrong devices` {
    private static let profile = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        identify:
          - {at: 12, as: u16, equals: {341: M}}
        values:
          - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
          - {quantity: current, phase: L1, at: 40, as: u16, unit: A, writable: true, minimum: 0, maximum: 100}
        """

    @Test func `another product raises an event, gets no setup, and the right one ends it`() throws {
        var isDead = false
        var mark: UInt16 = 12
        var writes = 0
        let bus = try FakeBus(Self.profile, devices: ["{address: 1, setup: {current.L1: 17}}"]) {
            request, _ in
            if isDead { return .silence }
            if request.isWrite { writes += 1 }
            return request == .read(table: .holding, at: 12, count: 1)
                ? .answer(.words([mark])) : registers(request)
        }
        bus.run(.seconds(20))
        func events() -> [DriverEvent] { bus.notebook.all.events.filter { $0.kind == "wrong_device" } }
        #expect(events().map(\.phase) == [1])
        #expect(events().first?.detail.contains("holds 12 (0x000C) instead of") == true)
        #expect(writes == 0)
        isDead = true
        bus.run(.seconds(30))
        isDead = false
        bus.run(.seconds(30))
        // It is still the wrong one: that was said.
        #expect(events().map(\.phase) == [1])
        isDead = true
        bus.run(.seconds(30))
        isDead = false
        mark = 341
        bus.run(.seconds(30))
        #expect(events().map(\.phase) == [1, 2])
        #expect(writes == 1)
    }
}

@Suite struct `Devices that take fewer registers` {
    private static func profile(_ shrink: String) -> String {
        "driver: modbus\nstatus: verified\nnumbers: {table: holding}\n"
            + "limits: {max_registers: 60, gaps: error, shrink_to: \(shrink)}\nvalues:\n"
            + (0..<60).map {
                "  - {quantity: voltage, channel: \($0 + 1), at: \($0), as: u16, unit: V}\n"
            }.joined()
    }

    @Test func `the sizes that the profile names are tried before the block is taken apart`() throws {
        let bus = try FakeBus(Self.profile("[20, 8]"), devices: ["{address: 1}"]) { request, _ in
            guard case .read(_, _, let count) = request else { return .answer(.written) }
            return count > 10 ? .answer(.exception(ModbusException(code: 3))) : registers(request)
        }
        bus.run(.seconds(20))
        let sizes = bus.link.log.prefix(3).map { entry -> Int in
            if case .read(_, _, let count) = entry.request { count } else { 0 }
        }
        #expect(sizes == [60, 20, 8])
        let text = String(
            decoding: bus.notebook.all.memories.last.map { Array($0.value) } ?? [], as: UTF8.self)
        #expect(text == "profile test@1\nmax_registers 8")
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
    }

    @Test func `a register that is not there is not taken for a limit`() throws {
        let bus = try FakeBus(Self.profile("[20, 8]"), devices: ["{address: 1}"]) { request, _ in
            guard case .read(_, let address, let count) = request else { return .answer(.written) }
            return (Int(address)..<(Int(address) + count)).contains(30)
                ? .answer(.exception(ModbusException(code: 2))) : registers(request)
        }
        bus.run(.seconds(20))
        let text = String(
            decoding: bus.notebook.all.memories.last.map { Array($0.value) } ?? [], as: UTF8.self)
        #expect(text == "profile test@1\nrefused holding 0x001E")
        #expect(
            bus.link.log.suffix(2).map(\.request) == [
                .read(table: .holding, at: 0, count: 30), .read(table: .holding, at: 31, count: 29),
            ]
                || bus.link.log.suffix(2).map(\.request) == [
                    .read(table: .holding, at: 31, count: 29), .read(table: .holding, at: 0, count: 30),
                ])
    }

    @Test func `long requests that are never answered become shorter, and that is not kept`() throws {
        // One block of sixty, and a device that is silent to more than ten.
        let bus = try FakeBus(Self.profile("[20, 8]"), devices: ["{address: 1}"]) { request, _ in
            guard case .read(_, _, let count) = request else { return .answer(.written) }
            return count > 10 ? .silence : registers(request)
        }
        bus.run(.seconds(1_800))
        let sizes = Set(
            bus.link.log.suffix(20).map { entry -> Int in
                if case .read(_, _, let count) = entry.request { count } else { 0 }
            })
        #expect(sizes == [8, 4])
        let told = bus.notebook.all.events.filter { $0.kind == "register_refused" }.map(\.detail)
        #expect(told.count == 2)
        #expect(told.first?.contains("none of 60 registers: it is asked for 20 at most") == true)
        #expect(bus.notebook.all.memories.isEmpty, "silence is tried anew at the next start")
        #expect(bus.samples(0).last?.quality == .good)
    }

    @Test func `a device that was away is not taken for one that takes less`() throws {
        var isDead = false
        let bus = try FakeBus(Self.profile("[20, 8]"), devices: ["{address: 1}"]) { request, _ in
            isDead ? .silence : registers(request)
        }
        for _ in 0..<12 {
            isDead = false
            bus.run(.seconds(60))
            isDead = true
            bus.run(.seconds(60))
        }
        #expect(bus.notebook.all.events.allSatisfy { $0.kind != "register_refused" })
        #expect(bus.engine.devices[0].plan.learnedMaximum == nil)
    }
}

@Suite struct `Devices that know only the functions for several` {
    private static let profile = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        values:
          - {quantity: wet_steam_alarm, at: 3, table: coil, writable: true}
          - {quantity: current, phase: L1, at: 40, as: u16, unit: A, writable: true, minimum: 0, maximum: 100}
        """

    /// Coils and registers that functions 5 and 6 do not reach.
    private final class Device {
        var coil = false
        var register: UInt16 = 5
        var writes: [ModbusRequest] = []

        func answer(_ request: ModbusRequest) -> Exchange.Outcome {
            switch request {
            case .writeCoil, .writeRegister: return .answer(.exception(ModbusException(code: 1)))
            case .writeCoils(_, let values):
                writes.append(request)
                coil = values[0]
                return .answer(.written)
            case .writeRegisters(_, let values):
                writes.append(request)
                register = values[0]
                return .answer(.written)
            case .read(.coil, _, let count): return .answer(.bits(Array(repeating: coil, count: count)))
            case .read(_, _, let count): return .answer(.words(Array(repeating: register, count: count)))
            default: return .answer(.exception(ModbusException(code: 1)))
            }
        }
    }

    @Test func `a setup goes by functions 15 and 16 where 5 and 6 are unknown`() throws {
        let device = Device()
        let bus = try FakeBus(Self.profile, devices: ["{address: 1, setup: {wet_steam_alarm: true, current.L1: 17}}"]) {
            request, _ in device.answer(request)
        }
        bus.run(.seconds(30))
        #expect(
            Set(device.writes) == [.writeCoils(at: 3, values: [true]), .writeRegisters(at: 40, values: [17])])
        #expect(device.writes.count == 2)
        #expect(bus.notebook.all.lines.count { $0.contains("does not know function") } == 1)
        #expect(bus.notebook.all.events.filter { $0.kind == "setup_written" }.count == 2)
    }

    @Test func `a person's write does too, and is read back`() async throws {
        let device = Device()
        let bus = try FakeBus(Self.profile, devices: ["{address: 1}"]) { request, _ in device.answer(request) }
        bus.run(.seconds(5))
        var command = DriverCommand()
        command.device = 0
        command.action = "set"
        command.point = UInt32(try #require(bus.engine.devices[0].points.firstIndex { $0.value.table == .holding }))
        command.value = DriverValue(.number(ExactDecimal(42)))
        let done = await bus.engine.command(command)
        #expect(done.outcome == .verified, "\(done.reason)")
        #expect(device.writes == [.writeRegisters(at: 40, values: [42])])
    }
}
