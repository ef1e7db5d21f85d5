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
    """

private func devices(_ count: Int) -> [String] { (1...count).map { "{address: \($0)}" } }

/// Bus time that requests of these units took without an answer, as the fake line counts it.
private func lost(_ bus: FakeBus, _ isDead: (UInt8) -> Bool) -> Duration {
    bus.spent.filter { isDead($0.unit) }.reduce(.zero) { $0 + $1.took }
}

@Suite struct `Sick devices` {
    @Test func `with 31 dead of 32 the live one loses no more than the sick share once it was found`() throws {
        let bus = try FakeBus(profile, devices: devices(32)) { request, unit in
            unit == 32 ? registers(request) : .silence
        }
        bus.run(.seconds(600))
        // It is the last to be asked for the first time, after two time-outs of 500 ms and 29 glances; no reading is lost after that.
        #expect(bus.samples(31).filter { $0.point == 0 }.count >= 600 - 5)
        // First contacts in idle time are not held back: all are found dead soon...
        let offline = bus.notebook.all.states.filter { $0.condition == .offline }
        #expect(Set(offline.map(\.device)).count == 31)
        // ...and after that the share holds: 31 first contacts, 29 glances, the reserve, and 5 % of the time.
        #expect(lost(bus) { $0 != 32 } <= .milliseconds(31 * 500 + 29 * 110 + 1_000 + 30_000))
    }

    @Test func `a slow device among dead ones is found by a second look with the whole time-out`() throws {
        let bus = try FakeBus(profile, devices: devices(12)) { request, unit in
            unit > 10 ? registers(request) : .silence
        }
        bus.link.latency = { $0 == 12 ? .milliseconds(400) : .milliseconds(20) }
        bus.run(.seconds(60))
        #expect(bus.samples(10).filter { $0.point == 0 && $0.quality == .good }.count >= 55)
        // Nine whole time-outs in idle time come before it at most.
        #expect(bus.samples(11).filter { $0.point == 0 && $0.quality == .good }.count >= 45)
        #expect(bus.samples(11).allSatisfy { $0.quality == .good })
    }

    @Test func `a line on which all answer slowly is not glanced at`() throws {
        let bus = try FakeBus(profile, devices: devices(4)) { request, _ in registers(request) }
        bus.link.latency = { _ in .milliseconds(300) }
        bus.run(.seconds(60))
        #expect(bus.notebook.all.samples.allSatisfy { $0.sample.quality == .good })
        #expect(lost(bus) { _ in true } >= .seconds(50))
        #expect(bus.engine.devices.allSatisfy { !$0.wasGlancedAt && $0.failures == 0 })
    }

    @Test func `a live device that is polled without a pause keeps the bus but for the sick share`() throws {
        let bus = try FakeBus(profile, devices: devices(32), interval: 10) { request, unit in
            unit == 1 ? registers(request) : .silence
        }
        bus.run(.seconds(200))
        #expect(lost(bus) { $0 != 1 } <= .milliseconds(1_000 + 500 + 10_000))
    }

    @Test func `two dead of twelve cost the others no reading`() throws {
        let bus = try FakeBus(profile, devices: devices(12)) { request, unit in
            unit < 3 ? .silence : registers(request)
        }
        bus.run(.seconds(100))
        for device in UInt32(2)..<12 {
            #expect(bus.samples(device).filter { $0.point == 0 && $0.quality == .good }.count >= 98)
        }
        #expect(lost(bus) { $0 < 3 } <= .milliseconds(1_000 + 1_000 + 5_000))
    }

    @Test func `a device that comes back is in the round within the time that its neighbours' probes take`() throws {
        var alive: Set<UInt8> = [32]
        let bus = try FakeBus(profile, devices: devices(32)) { request, unit in
            alive.contains(unit) ? registers(request) : .silence
        }
        bus.run(.seconds(700))
        alive.insert(7)
        let began = bus.clock.now
        // 31 time-outs of 500 ms at 5 %.
        bus.run(.seconds(310))
        let first = bus.samples(6).first { $0.quality == .good }
        let back = try #require(first)
        #expect(back.acquired.duration(since: began) <= .seconds(310))
    }

    @Test func `one that died alone is back within ten seconds`() throws {
        var isDead = false
        let bus = try FakeBus(profile, devices: devices(3)) { request, unit in
            unit == 1 && isDead ? .silence : registers(request)
        }
        bus.run(.seconds(60))
        isDead = true
        bus.run(.seconds(120))
        #expect(bus.notebook.all.states.last { $0.device == 0 }?.condition == .offline)
        isDead = false
        let began = bus.clock.now
        bus.run(.seconds(12))
        let back = try #require(bus.samples(0).first { $0.quality == .good && $0.acquired >= began })
        #expect(back.acquired.duration(since: began) <= .seconds(10))
    }

    @Test func `the time-out is learned from the device and never leaves the bounds of profile and bus`() throws {
        let bus = try FakeBus(profile, devices: devices(1)) { request, _ in registers(request) }
        bus.run(.seconds(60))
        // Twice 20 ms and the margin.
        let learned = bus.engine.devices[0].patience.timeout
        #expect(learned >= .milliseconds(50) && learned <= .milliseconds(100))
        var patience = Patience(floor: .milliseconds(400), ceiling: .milliseconds(500))
        for _ in 0..<64 { patience.answered(after: .milliseconds(5)) }
        #expect(patience.timeout == .milliseconds(400))
        for _ in 0..<256 { patience.answered(after: .milliseconds(900)) }
        #expect(patience.timeout == .milliseconds(500))
        patience = Patience(floor: nil, ceiling: .milliseconds(500))
        for _ in 0..<64 { patience.answered(after: .milliseconds(5)) }
        patience.missed()
        #expect(patience.timeout == .milliseconds(120))
    }

    @Test func `a learned time-out still keeps a late answer from being taken for the next one`() throws {
        var isSilent = false
        let bus = try FakeBus(profile, devices: devices(1)) { request, _ in isSilent ? .silence : registers(request) }
        bus.run(.seconds(60))
        isSilent = true
        let before = bus.link.log.count
        bus.run(.seconds(2))
        let times = bus.link.log[before...].map(\.at)
        try #require(times.count >= 2)
        // The bus's 500 ms and its 100 ms for late ones, whatever the device usually takes.
        #expect(times[1].duration(since: times[0]) >= .milliseconds(600))
    }
}

@Suite struct `Order of a bus` {
    private static let meter = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        values:
          - {quantity: active_energy_import, at: 100, as: u32, unit: kW.h}
          - {quantity: serial_number, at: 200, as: 'text[4]'}
          - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
        """

    private func isSerial(_ request: ModbusRequest) -> Bool {
        if case .read(_, 200, _) = request { true } else { false }
    }

    private func isEnergy(_ request: ModbusRequest) -> Bool {
        if case .read(_, 100, _) = request { true } else { false }
    }

    @Test func `the serial number is read before the counters that it judges, and again each minute`() throws {
        let bus = try FakeBus(Self.meter, devices: ["{address: 1}"]) { request, _ in registers(request) }
        bus.run(.seconds(200))
        var read: BootInstant?
        for entry in bus.link.log {
            if isSerial(entry.request) { read = entry.at }
            guard isEnergy(entry.request) else { continue }
            let age = entry.at.duration(since: try #require(read))
            #expect(age <= .seconds(61))
        }
        let serials = bus.link.log.filter { isSerial($0.request) }.count
        #expect((3...5).contains(serials))
    }

    @Test func `a device that comes back says first who it is`() throws {
        var isDead = false
        let bus = try FakeBus(Self.meter, devices: ["{address: 1}"]) { request, _ in
            isDead ? .silence : registers(request)
        }
        bus.run(.seconds(10))
        isDead = true
        bus.run(.seconds(30))
        isDead = false
        let before = bus.link.log.count
        bus.run(.seconds(30))
        let after = bus.link.log[before...].drop { !isSerial($0.request) && !isEnergy($0.request) }
        #expect(after.first.map { isSerial($0.request) } == true)
    }

    @Test func `a quarter hour's reading is due at the quarter hour of UTC and goes first`() throws {
        let bus = try FakeBus(
            profile, devices: ["{address: 1}", "{address: 2}"],
            edit: { message in
                var request = DriverPointRequest()
                request.point = "voltage.L1"
                request.intervalMs = 900_000
                request.boundaryMs = 900_000
                message.devices[0].points = [request]
            }
        ) { request, _ in registers(request) }
        // Boot time 1,000 s is 12:07 UTC.
        let offset: Int64 = 43_620_000_000_000 - 1_000_000_000_000
        bus.engine.setClock(utcMinusBoot: offset)
        bus.run(.seconds(3_600))
        let times = bus.samples(0).filter { $0.point == 0 }.map { ($0.acquired.nanoseconds + offset) / 1_000_000 }
        #expect(times.count == 5)
        for time in times.dropFirst() { #expect(time % 900_000 <= 100) }
    }

    @Test func `a refused register in the middle of a block of sixty is found in eight requests`() throws {
        let many =
            "driver: modbus\nstatus: verified\nnumbers: {table: holding}\nlimits: {max_registers: 60, gaps: error}\nvalues:\n"
            + (0..<60).map { "  - {quantity: voltage, channel: \($0 + 1), at: \($0), as: u16, unit: V}\n" }.joined()
        for hole in [0, 1, 29, 30, 31, 58, 59] {
            let bus = try FakeBus(many, devices: ["{address: 1}"]) { request, _ in
                guard case .read(_, let address, let count) = request else { return .answer(.written) }
                return (Int(address)..<(Int(address) + count)).contains(hole)
                    ? .answer(.exception(ModbusException(code: 2))) : registers(request)
            }
            bus.run(.milliseconds(999))
            let requests = bus.link.log.firstIndex { _ in !bus.notebook.all.memories.isEmpty }
            #expect(requests != nil)
            let text = String(decoding: bus.notebook.all.memories.last.map { Array($0.value) } ?? [], as: UTF8.self)
            #expect(text == "profile test@1\nrefused holding \(hex(UInt16(hole)))")
            // Two reads of what is left follow at most.
            #expect(bus.link.log.count <= 8 + 2, "hole at \(hole): \(bus.link.log.count)")
            #expect(bus.notebook.all.events.map(\.kind) == ["register_refused"])
            #expect(bus.engine.devices[0].correction.contains { $0.contains(hex(UInt16(hole))) })
        }
    }

    @Test func `a slow value between fast ones rides along and is told at its own interval`() throws {
        let mixed = """
            driver: modbus
            status: verified
            numbers: {table: holding}
            limits: {max_registers: 60, gaps: readable}
            values:
              - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
              - {quantity: frequency, at: 2, as: u16, unit: Hz}
              - {quantity: voltage, phase: L2, at: 3, as: u16, unit: V}
            """
        let bus = try FakeBus(
            mixed, devices: ["{address: 1}"],
            edit: { message in
                var slow = DriverPointRequest()
                slow.point = "frequency"
                slow.intervalMs = 10_000
                message.devices[0].points = [slow]
            }
        ) { request, _ in registers(request) }
        bus.run(.seconds(60))
        #expect(Set(bus.link.log.map(\.request)) == [.read(table: .holding, at: 1, count: 3)])
        let slow = bus.samples(0).filter { $0.point == 1 }.count
        #expect((6...7).contains(slow))
        #expect(bus.samples(0).filter { $0.point == 0 }.count == 60)
    }
}
