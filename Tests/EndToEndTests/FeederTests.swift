import Telemetry
import TestSupport
import Testing

/// A feeder with its meter on one bus and its lamps on another: what is found by putting both together, and what people see of it.
@Suite(.serialized) struct `Feeder faults, end to end` {
    /// Four lamps, and two on the same feeder that no gateway commands.
    private static let field = """
        {"seed": 1, "servers": [], "ports": [
         {"name": "rs485-1", "kind": "modbus", "baud": 9600, "parity": "even", "devices": [
          {"name": "meter", "product": "eastron-sdm630", "address": 1, "size": 0, "follows": "lamps"}]},
         {"name": "rs485-2", "kind": "modbus", "baud": 9600, "parity": "even", "devices": []},
         {"name": "rs232-1", "kind": "luba", "baud": 38400, "bus": "lamps", "gear": [
          {"name": "lamp", "address": 0, "count": 4, "rated_power": 42},
          {"name": "passage", "address": 20, "count": 2, "rated_power": 42}]}]}
        """

    /// Limits are seconds where a street has minutes; what they are compared with is real.
    private static func configuration(_ broker: Broker, level: Int) -> String {
        """
        gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}}
        clock: {sources: [system]}
        board: simulated
        outbox: {flush: 200ms}
        buses:
          meters: {driver: modbus, port: rs485-1, baud: 9600, parity: even, stop_bits: 1, response_timeout: 500ms}
          lamps: {driver: dali, port: rs232-1, interface: luba, defaults: {profile: dali-luminaire, interval: 2s}}
        devices:
          meter: {bus: meters, address: 1, profile: eastron-sdm630, interval: 1s}
          lamp-{01..04}: {bus: lamps, address: "{0..3}", groups: [north-side]}
        lighting:
          programs: {always: {steps: [{at: "00:00", level: \(level)%}]}}
          calendars: {standard: {default: always}}
          groups: {north-side: {calendar: standard, rated_power: 42 W, feeder: street}}
          feeders: {street: {meter: meter, other_load: 84 W}}
          faults: {feeder: {deviation: 5%, for: 3s, dead: 3s}, settle: 2s}
        uplinks:
          head-end: {type: mqtt, url: "\(broker.url)", commands: all}
        """ + "\n"
    }

    private static let lamps = (1...4).map { "lamp-0\($0)" }

    private static func street(level: Int) async throws -> Street {
        let street = try await Street(scenario: field) { configuration($0, level: level) }
        try await street.ready()
        for lamp in lamps { try await street.waitForLevel(lamp, level == 0 ? 0 : 254) }
        return street
    }

    private static func faults(_ street: Street) async throws -> String {
        let done = try await run(Project.program("candela"), ["lamp", "faults", "--socket", street.gateway.socket])
        return done.lines.joined(separator: "\n")
    }

    /// Alarms of feeders and lamps that stand in the latest `/alarms`.
    private static func alarms(_ street: Street) -> [String] {
        (street.headEnd.messages("alarms").last?.body["alarms"]?.items ?? []).compactMap { $0["kind"]?.text }
    }

    @Test func `one failed lamp that nobody can ask and one foreign load are found by the feeder's power`() async throws
    {
        let street = try await Self.street(level: 100)
        try await street.field.control("lamp passage-01 failed")
        let low = try await street.headEnd.event("missing load") { $0.kind == "feeder_load_low" && $0.active == true }
        #expect(low.detail["feeder"]?.text == "street" && low.detail["meter"]?.text == "meter", "\(low)")
        #expect(low.detail["lamps"]?.integer == 1 && low.severity == "alarm", "\(low)")
        #expect(low.detail["affected"]?.items?.compactMap(\.text) == Self.lamps)
        let text = try await Self.faults(street)
        #expect(text.contains("feeder_load_low  street"), "\(text)")
        #expect(text.contains("expected_w 252, deviation_w -4") && text.contains("limit_w 21"), "\(text)")
        try await street.field.control("lamp passage-01 ok")
        try await street.headEnd.event("it is mended") { $0.kind == "feeder_load_low" && $0.active == false }

        // Somebody hangs a heater on the street's feeder.
        try await street.field.control("set meter active_power 1252")
        let high = try await street.headEnd.event("load too much") {
            $0.kind == "feeder_load_high" && $0.active == true
        }
        #expect(high.severity == "warning" && high.detail["deviation_w"]?.integer == 1000, "\(high)")
        try await street.field.control("set meter active_power auto")
        try await street.headEnd.event("it is gone") { $0.kind == "feeder_load_high" && $0.active == false }
        #expect(try await Self.faults(street) == "no faults at 4 lamps")
    }

    @Test func `a dead feeder is one alarm that names its lamps, and one lamp is probed`() async throws {
        let street = try await Self.street(level: 100)
        try await street.field.control("feeder meter off")
        let dead = try await street.headEnd.event("the feeder is dead") {
            $0.kind == "feeder_dead" && $0.active == true
        }
        #expect(dead.detail["feeder"]?.text == "street" && dead.device == nil && dead.severity == "alarm", "\(dead)")
        #expect(dead.detail["affected"]?.items?.compactMap(\.text) == Self.lamps)
        for lamp in Self.lamps {
            try await street.headEnd.reading("\(lamp) has no mains") {
                $0.device == lamp && $0.point == "level" && $0.reason == "notPowered"
            }
        }
        // Two probes of the driver: what one of them hears must not be taken for a lamp that answers.
        try await eventually("two probes", within: .seconds(40)) { try await Self.probes(street).count >= 2 }
        // What was under way when the feeder died stands in the log, too.
        #expect(Set(try await Self.probes(street)).count >= 2, "each probe asks another lamp")
        #expect(street.headEnd.events("feeder_dead").count == 1)
        #expect(Self.alarms(street) == ["feeder_dead"])
        let text = try await Self.faults(street)
        #expect(text.contains("feeder_dead  street") && text.contains("meter has no voltage"), "\(text)")
        #expect(text.contains("4 lamps have no mains"), "\(text)")
        let why = try await run(Project.program("candela"), ["why", "lamp-02", "--socket", street.gateway.socket])
        #expect(why.lines.contains { $0.contains("no mains: its feeder is off") }, "\(why.lines)")

        try await street.field.control("feeder meter on")
        try await street.headEnd.event("it is back") { $0.kind == "feeder_dead" && $0.active == false }
        let loss = try await street.headEnd.event("one loss of supply") { $0.kind == "supply_loss" }
        #expect(loss.detail["lamps"]?.integer == 4, "\(loss)")
        try await eventually("every lamp is good again") {
            Self.lamps.allSatisfy { lamp in
                street.headEnd.readings(of: lamp, "level").last.map(\.isGood) ?? false
            }
        }
        let kinds = Set(street.headEnd.events.map(\.kind))
        #expect(kinds.isDisjoint(with: ["lamp_failure", "communication_failure", "device_offline"]), "\(kinds)")
        #expect(street.headEnd.events("supply_loss").count == 1)
        #expect(Self.alarms(street) == [])
    }

    @Test func `a feeder that is switched off by day raises nothing, before or after`() async throws {
        let street = try await Self.street(level: 0)
        try await street.field.control("feeder meter off")
        for lamp in Self.lamps {
            try await street.headEnd.reading("\(lamp) has no mains") {
                $0.device == lamp && $0.point == "level" && $0.reason == "notPowered"
            }
        }
        try await eventually("a probe", within: .seconds(30)) { try await !Self.probes(street).isEmpty }
        for lamp in Self.lamps {
            let bad = street.headEnd.readings(of: lamp, "level").filter { $0.reason == "notPowered" }
            #expect(bad.count == 1, "told once: \(bad)")
        }
        try await street.field.control("feeder meter on")
        // Gear starts at its power-on level; the gateway puts it back to where it belongs.
        for lamp in Self.lamps { try await street.waitForLevel(lamp, 0, within: .seconds(20)) }
        let kinds = Set(street.headEnd.events.filter { $0.severity != "info" }.map(\.kind))
        #expect(kinds.isSubset(of: ["driver"]), "\(kinds)")
        #expect(Self.alarms(street) == [])
    }

    /// Short addresses of lamps that were asked for their status and did not answer, of the latest frames after the last answer.
    private static func probes(_ street: Street) async throws -> [String] {
        let log = try await street.field.control("bus lamps log 200").split(separator: " ").map(String.init)
        let silent = log.reversed().prefix { $0.hasSuffix(":-") }.compactMap { line -> String? in
            let parts = line.split(separator: ":")
            return parts.count == 4 && parts[2].hasSuffix("90") ? String(parts[2].prefix(2)) : nil
        }
        // A probe is repeated once.
        return silent.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }
}
