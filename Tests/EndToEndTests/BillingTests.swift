import Glibc
import Telemetry
import TestSupport
import Testing

/// A meter's life in minutes: registers at the ends of periods, and what happens to a counter while the gateway looks and while it does not.
@Suite(.serialized) struct `Billing, end to end` {
    /// 1,000 A on three phases pass at most some 340 W.h in a second: enough for the steps below, far less than a whole register.
    private static let rating = "1000 A"
    private static let every = 10.0

    private struct Scene {
        let broker: Broker
        let subscriber: Subscriber
        let meter: CountingMeter
        let gateway: GatewayProcess

        init(energy: Int, serial: Int) async throws {
            broker = try await Broker()
            subscriber = try await Subscriber(broker)
            meter = try await CountingMeter()
            try await meter.set(energy: energy, serial: serial, power: 1200)
            gateway = try GatewayProcess(
                Configurations.gateway(
                    """
                    profiles: [profiles]
                    buses:
                      meters: {driver: modbus, port: "tcp://127.0.0.1:\(meter.port)"}
                    devices:
                      feeder:
                        bus: meters
                        address: 1
                        profile: counting-meter
                        interval: 500ms
                        rating: \(`Billing, end to end`.rating)
                        points: {active_energy_import: {raw: true}, active_power: {interval: 1s}}
                        windows:
                          - {every: 10s, points: [active_energy_import]}
                          - {every: 10s, points: [active_power], values: [average, minimum, maximum]}
                        window_tolerance: 3s
                    """, broker: broker), started: false)
            gateway.folder.write("profiles/counting-meter.yaml", CountingMeter.profile())
            try gateway.start()
        }

        /// The next reading of the register itself that shows `energy`.
        func register(_ energy: Int, epoch: Int? = nil) async throws -> ReceivedReading {
            try await subscriber.reading("the register at \(energy), epoch \(epoch.map { "\($0)" } ?? "any")") {
                $0.point == "active_energy_import" && $0.period == nil && "\($0.value)" == "\(energy)"
                    && (epoch == nil || $0.epoch == epoch)
            }
        }

        /// The event of a counter that raised its epoch to this.
        func event(_ kind: String, epoch: Int) async throws -> ReceivedEvent {
            try await subscriber.event("\(kind) with epoch \(epoch)", within: .seconds(30)) {
                $0.kind == kind && $0.detail["epoch"]?.integer == epoch
            }
        }

        func windows(_ point: String, _ kind: String? = nil) -> [ReceivedReading] {
            subscriber.readings(of: "feeder", point).filter { $0.period != nil && $0.window == kind }
        }
    }

    @Test(.enabled(if: CountingMeter.hasPeers, CountingMeter.missing))
    func `each period gives one register, aligned to UTC, with its epoch and as it came`() async throws {
        let scene = try await Scene(energy: 4711, serial: 111)
        let windows = try await scene.subscriber.first("two registers at the end of a period", within: .seconds(45)) {
            _ -> [ReceivedReading]? in
            // The period in which the gateway began may have had no register at its end.
            let found = Array(scene.windows("active_energy_import").drop { !$0.isGood })
            return found.count >= 2 ? found : nil
        }
        for window in windows {
            let period = try #require(window.period)
            let (start, end) = (secondsOfDay(period.start), secondsOfDay(period.end))
            #expect(start.truncatingRemainder(dividingBy: Self.every) == 0 && period.start.hasSuffix("Z"), "\(window)")
            #expect(end - start == Self.every || start - end > 80_000, "\(window)")
            #expect(window.epoch == 1 && "\(window.value)" == "4711" && window.unit == "W.h", "\(window)")
            #expect(window.isGood && abs(window.moment - end) <= 3, "\(window)")
            #expect(window.raw == "00001267", "4711 as it came: \(window.raw ?? "nothing")")
        }
        let starts = windows.compactMap { $0.period?.start }
        #expect(Set(starts).count == starts.count, "one reading per period: \(starts)")
        let power = try await scene.subscriber.first("the average of a whole period", within: .seconds(30)) {
            _ in scene.windows("active_power", "average").last { $0.isGood }
        }
        #expect("\(power.value)" == "1200" && power.unit == "W" && power.epoch == nil, "\(power)")
        #expect(scene.windows("active_power", "minimum").contains { $0.isGood && "\($0.value)" == "1200" })
        #expect(scene.windows("active_power", "maximum").contains { $0.isGood && "\($0.value)" == "1200" })

        let described = try await scene.subscriber.message("the description with the serial number", on: "devices") {
            $0.body["devices"]?.items?.first?["serial"]?.text == "111"
        }
        let device = try #require(described.body["devices"]?.items?.first)
        #expect(device["profile"]?.text == "counting-meter" && device["profile_version"]?.text == "7")
        #expect(device["rating"]?.text == Self.rating)
        #expect(device["windows"]?.items?.first?["every"]?.integer == 10)
        #expect(device["window_tolerance"]?.integer == 3)
        #expect(try await scene.gateway.terminate() == 0)
        #expect(Ledger(scene.subscriber.messages).violations == [])
        await scene.meter.stop()
    }

    @Test(.enabled(if: CountingMeter.hasPeers, CountingMeter.missing))
    func `reset, exchange and rollover are known, seen or slept through, and make no energy`() async throws {
        let scene = try await Scene(energy: 4000, serial: 111)
        let meter = scene.meter
        _ = try await scene.register(4000, epoch: 1)
        try await meter.set(energy: 4100)
        _ = try await scene.register(4100, epoch: 1)

        // Seen. A reset: the same meter begins again.
        try await meter.set(energy: 12)
        let reset = try await scene.event("counter_reset", epoch: 2)
        #expect(reset.detail["before"]?.integer == 4100 && reset.detail["after"]?.integer == 12, "\(reset)")
        _ = try await scene.register(12, epoch: 2)
        try await meter.set(energy: 112)
        _ = try await scene.register(112, epoch: 2)
        // An exchange: another serial number. The new meter is not new.
        try await meter.set(energy: 999_990, serial: 222)
        let swap = try await scene.event("meter_exchanged", epoch: 3)
        #expect(swap.detail["serial_before"]?.text == "111" && swap.detail["serial_after"]?.text == "222", "\(swap)")
        _ = try await scene.register(999_990, epoch: 3)
        // A rollover.
        // As little as the rating allows in the time between two readings.
        try await meter.set(energy: 5)
        let over = try await scene.event("counter_rollover", epoch: 4)
        #expect(over.detail["before"]?.integer == 999_990 && over.detail["after"]?.integer == 5, "\(over)")
        _ = try await scene.register(5, epoch: 4)

        // Slept through.
        try await Self.sleepThrough(scene) { try await meter.set(energy: 3) }
        _ = try await scene.event("counter_reset", epoch: 5)
        try await Self.sleepThrough(scene) { try await meter.set(energy: 999_990, serial: 333) }
        let second = try await scene.event("meter_exchanged", epoch: 6)
        #expect(second.detail["serial_before"]?.text == "222" && second.detail["serial_after"]?.text == "333")
        _ = try await scene.register(999_990, epoch: 6)
        try await Self.sleepThrough(scene) { try await meter.set(energy: 5) }
        _ = try await scene.event("counter_rollover", epoch: 7)
        _ = try await scene.register(5, epoch: 7)
        #expect(try await scene.gateway.terminate() == 0)

        // The receiver's rule: differences of good registers within an epoch. 100 W.h twice is all that was consumed in view.
        let registers = scene.subscriber.readings(of: "feeder", "active_energy_import").filter {
            $0.period == nil && $0.isGood
        }
        var energy = 0
        for (later, earlier) in zip(registers.dropFirst(), registers) where later.epoch == earlier.epoch {
            energy += (later.value.integer ?? 0) - (earlier.value.integer ?? 0)
        }
        #expect(energy == 200)
        #expect(zip(registers.dropFirst(), registers).allSatisfy { ($0.epoch ?? 0) >= ($1.epoch ?? 0) })
        let starts = scene.windows("active_energy_import").compactMap { $0.period?.start }
        #expect(Set(starts).count == starts.count, "one reading per period over all restarts: \(starts)")
        #expect(Ledger(scene.subscriber.messages).violations == [])
        await meter.stop()
    }

    private static func sleepThrough(_ scene: Scene, _ change: () async throws -> Void) async throws {
        #expect(try await scene.gateway.terminate() == 0)
        try await change()
        try scene.gateway.start()
    }

    @Test func `intervals that passed without a reading are counted where a person looks`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field()
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                board: simulated
                buses:
                  meters: {driver: modbus, port: rs485-1, baud: 9600, parity: even, stop_bits: 1, response_timeout: 500ms}
                devices:
                  pump: {bus: meters, address: 2, profile: eastron-sdm120, interval: 1s, rating: 40 A, points: [voltage.L1]}
                """, broker: broker), field: field)
        try await subscriber.reading("the pump") { $0.device == "pump" && $0.isGood }
        try await field.control("silent pump on")
        try await subscriber.reading("the pump is silent") { $0.device == "pump" && !$0.isGood }
        try await eventually("missed intervals in candela devices", within: .seconds(30)) {
            let shown = try await run(
                Project.program("candela"), ["devices", "pump", "--json", "--socket", gateway.socket])
            guard let document = try? JSONValue(parsing: Array(shown.lines.joined(separator: "\n").utf8)) else {
                return false
            }
            return Self.numbers(of: "missed_intervals", in: document).contains { $0 > 0 }
        }
        #expect(try await gateway.terminate() == 0)
    }

    /// Every number under a key, however deep.
    private static func numbers(of key: String, in document: JSONValue) -> [Int] {
        if let items = document.items { return items.flatMap { numbers(of: key, in: $0) } }
        return (document.members ?? []).flatMap { member in
            (member.key == key ? [member.value.integer].compactMap { $0 } : []) + numbers(of: key, in: member.value)
        }
    }
}
