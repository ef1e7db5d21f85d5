import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

private let profile = """
    driver: modbus
    status: verified
    numbers: {table: holding}
    limits: {max_registers: 60, gaps: readable}
    values:
      - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
      - {quantity: voltage, phase: L2, at: 2, as: u16, unit: V}
      - {quantity: voltage, phase: L3, at: 3, as: u16, unit: V}
      - {quantity: frequency, at: 10, as: u16, unit: Hz, scale: 0.01}
      - {quantity: current, phase: L1, at: 40, as: u16, unit: A, writable: true, minimum: 0, maximum: 100}
    """

@Suite struct `Bus engine` {
    @Test func `each interval gives one reading of each point, and near registers share a request`() throws {
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in registers(request) }
        bus.run(.seconds(10))
        #expect(bus.samples(0).filter { $0.point == 0 }.count == 10)
        #expect(bus.samples(0).first { $0.point == 3 }?.value == .number(ExactDecimal(mantissa: 10, exponent: -2)))
        #expect(bus.link.log.first?.request == .read(table: .holding, at: 1, count: 10))
        #expect(bus.link.log.count == 20)
    }

    @Test func `a dead device does not stop the others and costs no more than its share`() throws {
        let bus = try FakeBus(profile, devices: ["{address: 1}", "{address: 2}", "{address: 3}"]) { request, unit in
            unit == 1 ? registers(request) : .silence
        }
        bus.run(.seconds(100))
        // One time-out each at the start may delay the first reading; nothing is lost after that.
        #expect(bus.samples(0).filter { $0.point == 0 }.count >= 98)
        let tries = bus.link.log.filter { $0.unit != 1 }.count
        // Two first requests, then 500 ms per 10 s for both together.
        #expect((10...13).contains(tries))
        #expect(bus.samples(1).count == 5)
        #expect(bus.samples(1).allSatisfy { $0.quality == .bad(.communication) })
        let state = bus.notebook.all.states.last { $0.device == 1 }
        #expect(state?.condition == .offline)
        #expect(state?.detail.contains("unit 2, read 1 holding register at 0x0028: no answer within 500 ms") == true)
    }

    @Test func `a device goes offline after three misses in a row and its points go bad once, then come back`() throws {
        var isDead = false
        let bus = try FakeBus(profile, devices: ["{address: 7}"]) { request, _ in isDead ? .silence : registers(request)
        }
        bus.run(.seconds(5))
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
        isDead = true
        let before = bus.link.log.count
        bus.run(.seconds(3))
        #expect(bus.link.log[before...].prefix(3).count == 3)
        bus.run(.seconds(30))
        let bad = bus.samples(0).filter { $0.quality == .bad(.communication) }
        #expect(bad.count == 5)
        isDead = false
        bus.run(.seconds(11))
        #expect(bus.samples(0).last?.quality == .good)
        let state = bus.notebook.all.states.last
        #expect(state?.condition == .online)
        #expect((state?.missedIntervals ?? 0) >= 30)
    }

    @Test func `a port that is gone makes points bad once and no device offline`() throws {
        var isGone = false
        let bus = try FakeBus(profile, devices: ["{address: 1}", "{address: 2}"]) { request, _ in
            // It opens again at the first attempt.
            defer { isGone = false }
            return isGone ? .gone("/dev/fake: Input/output error") : registers(request)
        }
        bus.run(.seconds(3))
        isGone = true
        bus.run(.seconds(10))
        for device in [UInt32(0), 1] {
            #expect(bus.samples(device).filter { $0.quality == .bad(.communication) }.count == 5)
            let states = bus.notebook.all.states.filter { $0.device == device }.map(\.condition)
            #expect(states.contains(.unknown) && !states.contains(.offline) && states.last == .online, "\(states)")
        }
    }

    @Test func `a single broken frame costs no reading`() throws {
        var count = 0
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in
            count += 1
            return count == 9 ? .broken("a checksum error") : registers(request)
        }
        bus.run(.seconds(10))
        #expect(bus.samples(0).filter { $0.point == 0 }.count == 10)
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
    }

    @Test func `the same request is not repeated while a late answer could come`() throws {
        var count = 0
        let whole = ModbusRequest.read(table: .holding, at: 1, count: 10)
        let bus = try FakeBus(profile, devices: ["{address: 1}"], bus: "{late: 300ms}") { request, _ in
            if request == whole { count += 1 }
            return request == whole && count == 2 ? .silence : registers(request)
        }
        bus.run(.seconds(3))
        let times = bus.link.log.filter { $0.request == whole }.map(\.at)
        try #require(times.count >= 3)
        // 500 ms of time-out, then 300 ms in which the answer could still arrive.
        #expect(times[2].duration(since: times[1]) >= .milliseconds(800))
    }

    @Test(arguments: [1, 2, 3, 10])
    func `a refused register is found, said once, remembered and not asked again`(_ hole: Int) throws {
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in
            guard case .read(_, let address, let count) = request else { return .answer(.written) }
            return (Int(address)..<(Int(address) + count)).contains(hole)
                ? .answer(.exception(ModbusException(code: 2))) : registers(request)
        }
        bus.run(.seconds(20))
        let point = hole == 10 ? 3 : hole - 1
        let told = bus.samples(0).filter { $0.quality == .bad(.notSupported) }
        #expect(told.map(\.point) == [point])
        let asked = bus.link.log.filter { entry in
            guard case .read(_, let address, let count) = entry.request else { return false }
            return (Int(address)..<(Int(address) + count)).contains(hole)
        }
        #expect(asked.count <= 4)
        let text = String(decoding: bus.notebook.all.memories.last.map { Array($0.value) } ?? [], as: UTF8.self)
        #expect(text == "profile test@1\nrefused holding \(hex(UInt16(hole)))")
        for other in 0..<5 where other != point {
            #expect(bus.samples(0).filter { $0.point == other && $0.quality == .good }.count >= 19)
        }
    }

    @Test func `a device that takes fewer registers at once than its profile says is asked for fewer`() throws {
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in
            guard case .read(_, _, let count) = request else { return .answer(.written) }
            return count > 4 ? .answer(.exception(ModbusException(code: 3))) : registers(request)
        }
        bus.run(.seconds(20))
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
        for point in 0..<5 { #expect(bus.samples(0).filter { $0.point == point }.count >= 18) }
    }

    @Test func `a write is sent once and read back`() async throws {
        var held: UInt16 = 5
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in
            if case .writeRegister(40, let value) = request {
                held = value
                return .answer(.written)
            }
            return request == .read(table: .holding, at: 40, count: 1) ? .answer(.words([held])) : registers(request)
        }
        var command = DriverCommand()
        command.action = "set"
        command.point = 4
        command.value = DriverValue(.number(ExactDecimal(17)))
        #expect(await bus.engine.command(command).outcome == .verified)
        #expect(held == 17)
        command.value = DriverValue(.number(ExactDecimal(101)))
        let refused = await bus.engine.command(command)
        #expect(refused.outcome == .rejected)
        #expect(refused.reason == "101 is above the limit of 100 A")
        command.value = DriverValue(.number(ExactDecimal(mantissa: 5, exponent: -1)))
        #expect(await bus.engine.command(command).outcome == .rejected)
        command.point = 0
        #expect(await bus.engine.command(command).reason == "voltage.L1 is not writable in its profile")
        #expect(bus.link.log.filter { $0.request.isWrite }.count == 1)
    }

    @Test func `a query reads now and an answer brings a device back`() async throws {
        var isDead = true
        let bus = try FakeBus(profile, devices: ["{address: 1}"]) { request, _ in isDead ? .silence : registers(request)
        }
        bus.run(.seconds(2))
        var query = DriverQuery()
        query.points = [0, 2]
        #expect(await bus.engine.query(query).failure.contains("no answer within 500 ms"))
        isDead = false
        let done = await bus.engine.query(query)
        #expect(done.failure.isEmpty)
        #expect(done.samples.mantissa == [1, 3])
        #expect(bus.notebook.all.states.last?.condition == .online)
    }
}
