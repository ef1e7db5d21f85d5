import Glibc
import Telemetry
import TestSupport
import Testing

/// A household's meter (docs/billing.md): its windows go where it is named, and what it showed is found nowhere else.
@Suite(.serialized) struct `Household meters, end to end` {
    /// The planted register, in counts of 0.01 kW.h and as it is shown.
    private static let planted = 4_815_162
    private static let shown = "48151.62"
    /// The same as it came over the wire, in hex.
    private static let raw = "0049793a"
    /// What it consumes then, so that the planted value is no longer the newest.
    private static let later = 4_815_163
    private static let laterShown = "48151.63"
    private static let serial = 30_112_233

    private struct Scene {
        let owner: Broker
        let others: Broker
        let meter: CountingMeter
        let gateway: GatewayProcess
        let all: Subscriber

        init() async throws {
            owner = try await Broker()
            others = try await Broker()
            meter = try await CountingMeter()
            try await meter.set(energy: planted, serial: serial, power: 377)
            all = try await Subscriber(others, topic: "#", id: "all")
            gateway = try GatewayProcess(
                """
                gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Europe/Berlin}}
                clock: {sources: [system]}
                outbox: {flush: 200ms}
                profiles: [profiles]
                buses:
                  meters: {driver: modbus, port: "tcp://127.0.0.1:\(meter.port)"}
                devices:
                  flat:
                    bus: meters
                    address: 1
                    profile: counting-meter
                    interval: 500ms
                    rating: 63 A
                    privacy: household
                    points: {active_energy_import: {raw: true}, active_power: {}, serial_number: {interval: 1s}}
                    windows: [{every: 10s, points: [active_energy_import]}]
                uplinks:
                  owner: {type: mqtt, url: "\(owner.url)", devices: [flat]}
                  operator: {type: mqtt, url: "\(others.url)"}
                  by-bus: {type: mqtt, url: "\(others.url)", topic: bus, devices: [meters]}
                """ + "\n", started: false)
            gateway.folder.write(
                "profiles/counting-meter.yaml", CountingMeter.profile(energy: "scale: 0.01, unit: kW.h"))
        }

        /// A technician's command at the gateway: everything it printed.
        func candela(_ arguments: String...) async throws -> (status: Int32, text: String) {
            let outcome = try await run(Project.program("candela"), arguments + ["--socket", gateway.socket])
            return (outcome.status, outcome.lines.joined(separator: "\n"))
        }

        /// Names of the files below the state directory that hold a counter's register, as it is stored there.
        func filesHolding(_ register: Int) -> [String] {
            let traces = Self.spellings(of: register)
            return Self.files(below: gateway.stateDirectory).filter { path in
                guard let bytes = TestFiles.bytes(path) else { return false }
                return traces.contains { Self.contains(bytes, $0) }
            }
        }

        /// As text, as words of either order, and as the variable-length numbers of columns.
        private static func spellings(of register: Int) -> [[UInt8]] {
            let digits = "\(register)"
            let text = digits.dropLast(2) + "." + digits.suffix(2)
            let word = (0..<4).map { UInt8(truncatingIfNeeded: register >> (8 * $0)) }
            return [
                Array(digits.utf8), Array(text.utf8), word, word.reversed(), variable(register), variable(2 * register),
            ]
        }

        private static func variable(_ number: Int) -> [UInt8] {
            var rest = number
            var bytes: [UInt8] = []
            while rest > 0x7F {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            return bytes + [UInt8(rest)]
        }

        private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
            guard bytes.count >= part.count else { return false }
            return (0...bytes.count - part.count).contains { start in
                bytes[start] == part[0] && bytes[start..<start + part.count].elementsEqual(part)
            }
        }

        private static func files(below folder: String) -> [String] {
            TestFiles.names(in: folder).flatMap { name -> [String] in
                let path = folder + "/" + name
                let inside = files(below: path)
                return inside.isEmpty ? [path] : inside
            }
        }
    }

    @Test(.enabled(if: CountingMeter.hasPeers, CountingMeter.missing))
    func `nothing but its windows leaves, and only to the uplink that names it`() async throws {
        let scene = try await Scene()
        // The owner's broker is away: what is for it waits on the disk.
        await scene.owner.stop()
        try scene.gateway.start()
        try await scene.all.message("an operator that is served", on: "state") { $0.body["state"]?.text == "online" }
        try await eventually("a window on the disk", within: .seconds(40)) {
            let status = try await scene.candela("queue", "--json")
            return status.text.contains("\"unsent_readings\":") && !status.text.contains("\"unsent_readings\":0")
        }
        let refused = try await scene.candela("read", "flat")
        #expect(refused.status == 2 && refused.text.contains("--household"), "\(refused.text)")
        for arguments in [
            ["status", "--json"], ["devices", "--json"], ["devices", "flat", "--json"], ["queue", "--json"],
        ] {
            let text = try await run(Project.program("candela"), arguments + ["--socket", scene.gateway.socket]).lines
                .joined(separator: "\n")
            #expect(!Self.tells(text), "\(arguments): \(text)")
        }
        #expect(try await scene.gateway.terminate() == 0)
        // Otherwise the search below could find nothing whatever the file holds.
        #expect(!scene.filesHolding(Self.planted).isEmpty, "the undelivered register is on the disk")

        try await scene.owner.start()
        let named = try await Subscriber(scene.owner, id: "owner")
        try scene.gateway.start()
        let window = try await named.reading("the planted register", within: .seconds(40)) {
            "\($0.value)" == Self.shown
        }
        #expect(window.period != nil && window.epoch == 1 && window.raw?.lowercased() == Self.raw, "\(window)")
        try await scene.meter.set(energy: Self.later, power: 211)
        try await named.reading("a later register", within: .seconds(40)) {
            "\($0.value)" == Self.laterShown && $0.period != nil
        }
        let asked = try await scene.candela("read", "flat", "--household")
        #expect(asked.status == 0 && asked.text.contains(Self.laterShown), "\(asked.text)")
        let audit = try await named.event("somebody read it") { $0.kind == "household_read" }
        #expect(audit.device == "flat" && audit.detail["by"]?.text?.hasPrefix("cli uid ") == true)
        #expect(named.readings.allSatisfy { $0.period != nil && $0.point == "active_energy_import" })

        // An exchange taken down by hand carries two displays: to the owner, and into no log.
        try await scene.meter.set(energy: 17, serial: 40_000_001)
        let exchange = try await named.event("the exchange", within: .seconds(40)) { $0.kind == "meter_exchanged" }
        #expect(exchange.detail["epoch"]?.integer == 2, "\(exchange)")
        try await named.reading("the new meter", within: .seconds(40)) { $0.epoch == 2 && "\($0.value)" == "0.17" }
        #expect(!named.events.contains { $0.kind == "counter_reset" }, "an exchange is no reset")
        #expect(try await scene.gateway.terminate() == 0)

        let log = scene.gateway.log.joined(separator: "\n")
        #expect(!Self.tells(log), "the log tells it")
        #expect(!scene.all.messages.contains { Self.tells("\($0.body)") }, "another uplink tells it")
        #expect(
            !scene.all.readings.contains { $0.device == "flat" } && !scene.all.events.contains { $0.device == "flat" })
        #expect(scene.filesHolding(Self.planted) == [], "what was delivered is still in the files")
        await scene.meter.stop()
    }

    private static func tells(_ text: String) -> Bool {
        [shown, "\(planted)", raw, laterShown, "\(later)"].contains { text.lowercased().contains($0) }
    }
}
