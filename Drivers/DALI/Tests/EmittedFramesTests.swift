import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Everything that the driver put on a bus in whole runs, read by python-dali: polling, settings, groups, banks, colour, sensors,
/// a technician's questions and a commissioning.
@Suite(.enabled(if: Python.isAvailable, "\(Python.whyNot)")) struct EmittedFramesTests {
    /// The requests of a bus, taken before its frame log forgets them.
    private final class Collector {
        /// A log of 256 frames holds more than this at 20 frames a second.
        private static let slice = Duration.seconds(2)

        private(set) var requests: [DALIRequest] = []
        private var seen = 0
        let field: SimulatedBus

        init(_ field: SimulatedBus) { self.field = field }

        func run(for duration: Duration, until isDone: () -> Bool = { false }) {
            let end = field.clock.now.advanced(by: duration)
            while field.clock.now < end, !isDone() {
                field.run(atMost: min(Self.slice, end.duration(since: field.clock.now)), until: isDone)
                take()
            }
        }

        /// A task to its end; gives its result.
        @discardableResult
        func perform(_ name: String, _ arguments: [String: String] = [:], atMost limit: Duration = .seconds(1200))
            throws
            -> JSONValue
        {
            let request = field.begin(name, Configuration.map(arguments))
            var done: DriverTaskDone? { field.outlet.all.tasksDone.first { $0.request == request } }
            run(for: limit) { done != nil }
            let end = try #require(done, "\(name) did not end")
            #expect(end.failure.isEmpty, "\(name): \(end.failure)")
            return end.result.json
        }

        private func take() {
            let fresh = field.engine.frameLog.since(seen)
            #expect(fresh.first.map { $0.number == seen } ?? true, "the frame log forgot some")
            seen = field.engine.frameLog.count
            // As the runtime does it when it has them on disk.
            for memory in field.outlet.all.memories { field.engine.stored(device: memory.device, key: memory.key) }
            requests += fresh.compactMap { if case .outcome(let request, _) = $0.record { request } else { nil } }
        }
    }

    /// Eight luminaires of all kinds with everything that can be configured, of which the last two share an address.
    private func street() throws -> Collector {
        let gear = SimulatedBus.lamps(8) { index, gear in
            gear.colourTemperatures = index < 2 ? 2700...6500 : nil
            gear.isD4i = index != 3
            if index == 3 { gear.personality = [.dali1] }
            if index == 7 { gear.shortAddress = 6 }
        }
        let devices = SimulatedBus.devices(
            gear,
            options: [
                "power_on": "60%", "system_failure": "70%", "fade": "700ms", "fade_rate": "7", "min_level": "5%",
                "max_level": "90%",
            ], interval: 20_000
        ).enumerated().map { index, device in
            var device = device
            device.groups = [index < 3 ? "north" : "south"]
            return device
        }
        let polled = Configuration.points.map(\.rawValue)
        let points = polled + LampPoint.allCases.map(\.rawValue).filter { !polled.contains($0) }
        let field = SimulatedBus(gear: gear, devices: devices, profilePoints: points)
        try field.start()
        return Collector(field)
    }

    private func order(_ field: SimulatedBus) throws {
        for device in UInt32(0)..<3 {
            _ = field.submit(device, value: .number(ExactDecimal(40)), priority: .schedule)
        }
        _ = field.submit(4, action: "off")
        _ = field.submit(5, action: "recall_max")
        _ = field.submit(4, action: "identify")
        _ = field.submit(0, value: .number(ExactDecimal(20)), fade: 2000)
        var colour = DriverCommand()
        colour.device = 1
        colour.action = "set"
        let names = Configuration.points + LampPoint.allCases.filter { !Configuration.points.contains($0) }
        colour.point = UInt32(try #require(names.firstIndex(of: .colourTemperature)))
        colour.value = DriverValue(.number(ExactDecimal(4000)))
        field.engine.submit(colour) { _ in }
    }

    /// What a sensor is asked and told, with every setting that it can have.
    private func sensorRequests() -> [DALIRequest] {
        var requests: [DALIRequest] = []
        for kind in SensorKind.allCases {
            let field = SweepField(
                gear: [],
                sensors: [
                    SensorDescription(
                        name: "eye", shortAddress: 5, instances: [kind == .light ? .light : .occupancy], eventScheme: 0)
                ])
            let sensor = Sensor(
                index: 0, name: "eye", kind: kind, address: ShortAddress(5)!, instance: 0,
                wishes: kind.settings.map { Sensor.Wish(setting: $0, value: 9) },
                points: kind.points.map { Sensor.Point(kind: $0, interval: .seconds(10)) })
            field.run(SensorWatch([sensor], outlet: RecordingOutlet()), for: .seconds(60))
            requests += field.units.flatMap(\.requests)
        }
        return requests
    }

    @Test func `each of some thousand frames of whole runs is read as what it was meant to be`() throws {
        let street = try street()
        street.run(for: .seconds(300))
        try order(street.field)
        street.run(for: .seconds(60))
        // Mains go and come back: power-on levels, resets and settings are looked at again.
        for gear in street.field.bus.gear { gear.setMains(false, at: street.field.clock.now) }
        street.run(for: .seconds(60))
        for gear in street.field.bus.gear { gear.setMains(true, at: street.field.clock.now) }
        street.run(for: .seconds(900))
        for bank in ["0", "1", "202", "205", "206", "207"] {
            let read = try street.perform("memory", ["address": "0", "bank": bank])
            #expect(read["bank"]?.number == ExactDecimal(bank), "bank \(bank) was asked for")
        }
        // Between the polls, which must not end the list of device types.
        let facts = try street.perform("query", ["address": "1"])
        #expect("\(facts)".contains("diagnostics (253)"), "\(facts)")
        try street.perform("identify", ["address": "2"])
        try street.perform("scan")
        try street.perform("commission")
        try street.perform("replace", ["device": "lamp-01"])
        street.run(for: .seconds(60))

        let sensors = sensorRequests()
        let requests = street.requests + sensors
        let sent = requests.reduce(0) { $0 + ($1.isSentTwice ? 2 : 1) }
        let meanings = FrameMeaning.all(street.requests) + FrameMeaning.all(sensors)
        let different = Array(Set(meanings))
        print(
            "\(sent) forward frames, \(requests.count) requests, \(different.count) different ones read by python-dali")
        #expect(sent > 5000)
        #expect(different.count > 400)
        // Each kind is among them.
        let words = Set(different.map(\.text))
        for part in [
            "queryactuallevel", "readmemorylocation", "settemporarycolourtemperature", "addtogroup",
            "initialise", "compare", "programshortaddress", "verifyshortaddress", "terminate", "identifydevice",
            "startquiescentmode", "stopquiescentmode", "setholdtimer", "sethysteresis", "queryinputvalue",
            "device dtr0",
        ] {
            #expect(words.contains { $0.contains(part) }, "no \(part) among them")
        }
        try FrameMeaning.expectIndependentlyRead(different)
    }
}
