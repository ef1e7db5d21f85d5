import Configuration
import DriverProtocol
import Logging
import Normalization
import Outbox
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Runtime

/// What of a meter outlives a restart, and what a person may take down.
struct DeviceTableTests {
    /// A gateway's table without drivers and uplinks, over a state directory that outlives it.
    final class Scene {
        let folder: TemporaryFolder
        let clocks: FakeClocks
        let clock: GatewayClock
        let outbox: Outbox
        let table: DeviceTable
        let lines: LogLines

        init(
            name: String = "feeder", device: String = "", household: Bool = false,
            folder: TemporaryFolder = TemporaryFolder(),
            clocks: FakeClocks = FakeClocks()
        ) async throws {
            self.folder = folder
            self.clocks = clocks
            let path = folder.write(
                "gateway.yaml",
                """
                gateway: {id: g1}
                clock: {sources: [system]}
                buses: {meters: {driver: modbus, port: "tcp://127.0.0.1:1"}}
                devices: {\(name): {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A\(device)}}
                """ + "\n")
            let catalog = DriverCatalog.discover(folders: [Project.root + "/Drivers"]).catalog
            let load = ConfigurationLoader().load(path: path, boards: [], drivers: catalog)
            let configuration = try #require(load.configuration)
            #expect(load.errors.isEmpty, "\(load.errors)")
            clock = GatewayClock(policy: ClockPolicy(sources: ["system"]), clocks: clocks, boot: "boot-a")
            outbox = try await Outbox.open(
                path: folder("outbox.sqlite"),
                options: OutboxOptions(machineID: "machine", boot: "boot-a", bootClock: { clocks.bootTime() }))
            try await outbox.register(uplink: "head-end")
            let lines = LogLines()
            self.lines = lines
            let log = Logger(label: "test") { _ in lines }
            let events = EventDesk(
                households: household ? [name] : [], outbox: outbox, clock: clock, log: log)
            table = DeviceTable(
                configuration: configuration, outbox: outbox, buses: BusDesk(), events: events, clock: clock, log: log)
            await table.restore()
            await table.configured(bus: "meters", Self.description)
        }

        static var description: DriverConfigured {
            func point(_ name: String, _ kind: DriverPointDescription.Kind, _ unit: String) -> DriverPointDescription {
                var point = DriverPointDescription()
                point.name = name
                point.kind = kind
                point.unit = unit
                point.intervalMs = 1000
                return point
            }
            var device = DriverDeviceDescription()
            device.usable = true
            device.points = [
                point("active_energy_import", .counter, "kW.h"), point("active_power", .gauge, "W"),
                point("serial_number", .text, ""),
            ]
            var configured = DriverConfigured()
            configured.devices = [device]
            return configured
        }

        /// A round of the bus, and a second passes.
        func read(energy: Int64? = nil, power: Int64? = nil, serial: String? = nil) async throws {
            clocks.pass(.seconds(1))
            let now = clock.now()
            var samples: [Sample] = []
            if let serial { samples.append(Sample(point: 2, value: .text(serial), quality: .good, acquired: now)) }
            if let energy {
                samples.append(
                    Sample(point: 0, value: .number(ExactDecimal(energy)), quality: .good, acquired: now))
            }
            if let power {
                samples.append(Sample(point: 1, value: .number(ExactDecimal(power)), quality: .good, acquired: now))
            }
            try await table.take(
                bus: "meters",
                [SampleBlock(device: 0, samples: samples, highestPoint: samples.map(\.point).max() ?? -1)])
        }

        /// An orderly stop.
        func stop() async {
            await table.keepStates()
            await outbox.close()
        }

        private func stored() async throws -> [Batch] {
            await outbox.flush()
            return try await outbox.next(for: "head-end", limit: 1000)
        }

        func events() async throws -> [Event] {
            try await stored().flatMap { batch -> [Event] in
                if case .events(let events) = batch.content { events } else { [] }
            }
        }

        func readings() async throws -> [Reading] {
            try await stored().flatMap { batch -> [Reading] in
                if case .readings(let readings) = batch.content { readings } else { [] }
            }
        }
    }

    @Test func `an exchange while the gateway was off is known at the first reading`() async throws {
        let first = try await Scene()
        try await first.read(energy: 4366, serial: "111")
        try await first.read(energy: 4366)
        await first.stop()
        let second = try await Scene(folder: first.folder, clocks: first.clocks)
        try await second.read(energy: 5, serial: "222")
        let event = try #require(try await second.events().first { $0.kind == EventKind.meterExchanged })
        #expect(event.device == "feeder" && event.point == "active_energy_import")
        #expect(event.detail["serial_before"]?.text == "111" && event.detail["serial_after"]?.text == "222")
        #expect(event.detail["epoch"]?.number == ExactDecimal(2))
        await second.outbox.close()
    }

    @Test func `without an orderly stop what was remembered goes with the readings`() async throws {
        let first = try await Scene()
        try await first.read(energy: 4366, serial: "111")
        // Longer than the interval at which memory rides along.
        for _ in 0...DeviceTable.stateInterval.components.seconds { try await first.read(energy: 4366) }
        await first.outbox.close()
        let second = try await Scene(folder: first.folder, clocks: first.clocks)
        try await second.read(energy: 3, serial: "111")
        for _ in 0..<3 { try await second.read(energy: 3, serial: "111") }
        let event = try #require(try await second.events().first { $0.kind == EventKind.counterReset })
        #expect(event.detail["before"]?.number == ExactDecimal(4366))
        await second.outbox.close()
    }

    @Test func `a renamed device finds what its counters stood at`() async throws {
        let first = try await Scene()
        try await first.read(energy: 4366, serial: "111")
        await first.stop()
        let second = try await Scene(
            name: "supply", device: ", was: feeder", folder: first.folder, clocks: first.clocks)
        try await second.read(energy: 5, serial: "222")
        let event = try #require(try await second.events().first { $0.kind == EventKind.meterExchanged })
        #expect(event.device == "supply" && event.detail["before"]?.number == ExactDecimal(4366))
        await second.outbox.close()
    }

    @Test func `a period that nobody reads is closed by the clock, and is bad`() async throws {
        let scene = try await Scene(device: ", windows: [{every: 10s, points: [active_energy_import]}]")
        try await scene.read(energy: 7, serial: "111")
        scene.clocks.pass(.seconds(40))
        let place = try #require(await scene.table.place(of: "feeder"))
        await scene.table.tick(place, at: scene.clock.now())
        let windows = try await scene.readings().filter {
            $0.point == "active_energy_import" && $0.quality.grade == .bad
        }
        #expect(windows.count >= 3, "\(windows)")
        #expect(windows.allSatisfy { $0.value == nil && $0.quality.reason == .communication && $0.keep == .billing })
        await scene.outbox.close()
    }

    @Test func `nothing but its windows leaves a household's meter, and its numbers are in no log`() async throws {
        let scene = try await Scene(
            device: ", privacy: household, windows: [{every: 10s, points: [active_energy_import]}]", household: true)
        for step in 0..<30 { try await scene.read(energy: 48151, power: 377, serial: step == 0 ? "30112233" : nil) }
        let readings = try await scene.readings()
        #expect(!readings.isEmpty && readings.allSatisfy { $0.point == "active_energy_import" })
        #expect(readings.count <= 4, "one per period: \(readings.count)")
        let record = try #require(await scene.table["feeder"])
        #expect(record.normalizer.latest.allSatisfy { $0.value == nil })
        #expect(record.serial == "30112233", "which meter it is is no consumption")
        _ = try await scene.table.exchange(
            "feeder", MeterExchange(final: "48152.5", initial: "0.25"), by: "cli uid 0")
        let event = try #require(try await scene.events().first { $0.kind == EventKind.meterExchanged })
        #expect(event.detail["by"]?.text == "cli uid 0")
        let log = scene.lines.all.joined(separator: "\n")
        #expect(log.contains("meter_exchanged"))
        #expect(!log.contains("48151") && !log.contains("48152") && !log.contains("0.25"), "\(log)")
        await scene.outbox.close()
    }

    // MARK: - Exchange by hand

    struct Refused: Sendable, CustomTestStringConvertible {
        var device = "feeder"
        var exchange: MeterExchange
        let because: String
        var testDescription: String { because }
    }

    @Test(arguments: [
        Refused(device: "feedr", exchange: MeterExchange(final: "9", initial: "0"), because: "no device feedr"),
        Refused(exchange: MeterExchange(final: "high", initial: "0"), because: "it is no number"),
        Refused(exchange: MeterExchange(final: "4400", initial: ""), because: "it is no number"),
        Refused(exchange: MeterExchange(final: "4400", initial: "-1"), because: "never negative"),
        Refused(exchange: MeterExchange(final: "4400 m3", initial: "0"), because: "in kW.h"),
        Refused(exchange: MeterExchange(final: "9", initial: "0"), because: "below 4366"),
        Refused(exchange: MeterExchange(final: "4400", initial: "0", serial: "111"), because: "the old meter"),
        Refused(
            exchange: MeterExchange(point: "active_power", final: "4400", initial: "0"),
            because: "no counter active_power"),
    ])
    func `an exchange that cannot be is refused in words and changes nothing`(_ refused: Refused) async throws {
        let scene = try await Scene()
        try await scene.read(energy: 4366, serial: "111")
        let before = try await scene.events().count
        do {
            _ = try await scene.table.exchange(refused.device, refused.exchange, by: "cli uid 1000")
            Issue.record("it was taken down")
        } catch {
            #expect(error.explanation.contains(refused.because), "\(error.explanation)")
        }
        #expect(try await scene.events().count == before)
        await scene.outbox.close()
    }

    @Test func `an exchange by hand begins an epoch and says by whom, in the counter's unit`() async throws {
        let scene = try await Scene()
        try await scene.read(energy: 4366, serial: "111")
        let done = try await scene.table.exchange(
            "feeder", MeterExchange(final: "4.4 MW.h", initial: "0.5", serial: "222"), by: "cli uid 1000")
        #expect(done.point == "active_energy_import" && done.epoch == 2)
        try await scene.read(energy: 1, serial: "222")
        let events = try await scene.events().filter { $0.kind == EventKind.meterExchanged }
        #expect(events.count == 1, "said once: \(events)")
        let detail = try #require(events.first).detail
        #expect(detail["before"]?.number == ExactDecimal(4400))
        #expect(detail["after"]?.number == ExactDecimal("0.5"))
        #expect(detail["serial_after"]?.text == "222" && detail["by"]?.text == "cli uid 1000")
        await scene.outbox.close()
    }
}

/// Keeps what is logged.
final class LogLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
}
