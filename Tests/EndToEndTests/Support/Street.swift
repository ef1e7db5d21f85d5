import Glibc
import Telemetry
import TestSupport

/// A street with its cabinet: simulated lamps and an input and output module, a broker, a head-end that listens, and the
/// daemon between them.
final class Street: Sendable {
    let field: Field
    let broker: Broker
    let headEnd: Subscriber
    let gateway: GatewayProcess

    /// - Parameters:
    ///   - configuration: text of gateway.yaml for the broker it is given.
    ///   - scenario: of the simulator; its built-in field without it.
    ///   - started: false leaves the first start to the test.
    init(scenario: String? = nil, started: Bool = true, _ configuration: (Broker) -> String) async throws {
        broker = try await Broker()
        field = try await Field(scenario: scenario)
        headEnd = try await Subscriber(broker)
        gateway = try GatewayProcess(configuration(broker), field: field, started: false)
        gateway.folder.write("profiles/cabinet.yaml", Self.cabinetProfile)
        if started { try gateway.start() }
    }

    /// An output, a value to set and one that is never written, of the simulator's `cabinet`.
    static let cabinetProfile = """
        driver: modbus
        profile: cabinet
        status: unverified
        numbers: {base: wire, table: holding}
        limits: {max_registers: 16}
        values:
          - {quantity: switch_position, table: coil, at: 0, writable: true}
          - {quantity: temperature, at: 0, as: u16, scale: 0.1, unit: Cel, writable: true, minimum: 5, maximum: 30}
          - {quantity: temperature, channel: 2, at: 1, as: u16, scale: 0.1, unit: Cel}
        """ + "\n"

    /// Four lamps, two of them under a calendar that says 50 % for ever, and the cabinet's module.
    ///
    /// - Parameters:
    ///   - gateway: further keys of `gateway:`, with a leading comma.
    ///   - lamps: further keys of the lamps' bus, with a leading comma.
    ///   - uplinks: the section's lines; one uplink that may command everything without it.
    ///   - yard: further keys of the two lamps without a calendar, with a leading comma.
    ///   - withoutClock: `lit`, `last` or `off`.
    static func configuration(
        _ broker: Broker, gateway: String = "", clock: String = "system", lamps: String = "", uplinks: String? = nil,
        yard: String = "", withoutClock: String = "lit", steps: String = "{at: \"00:00\", level: 50%}"
    ) -> String {
        """
        gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}\(gateway)}
        clock: {sources: [\(clock)]}
        board: simulated
        profiles: [profiles]
        outbox: {flush: 200ms}
        buses:
          cabinet: {driver: modbus, port: rs485-2, baud: 9600, parity: even, stop_bits: 1, response_timeout: 500ms}
          lamps: {driver: dali, port: rs232-1, interface: luba, defaults: {profile: dali-luminaire, interval: 5s}\(lamps)}
        devices:
          door: {bus: cabinet, address: 2, profile: cabinet, interval: 1s}
          lamp-{01..02}: {bus: lamps, address: "{0..1}", groups: [north-side]}
          lamp-{03..04}: {bus: lamps, address: "{2..3}", groups: [yard]\(yard)}
        lighting:
          programs: {always: {steps: [\(steps)]}}
          calendars: {standard: {default: always}}
          groups: {north-side: {calendar: standard}, yard: {}}
          without_clock: \(withoutClock)
        uplinks:
        \(uplinks ?? "  head-end: {type: mqtt, url: \"\(broker.url)\", commands: all}")
        """ + "\n"
    }

    /// Waits until the drivers have described so many devices and every bus of the latest `/state` runs.
    func ready(devices: Int = 5, within limit: Duration = .seconds(30)) async throws {
        try await headEnd.first("a running gateway with \(devices) devices", within: limit) { headEnd -> Bool? in
            guard let described = headEnd.messages("devices").last?.body["devices"]?.items?.count, described >= devices,
                let state = headEnd.messages("state").last?.body, state["state"]?.text == "online",
                let buses = state["buses"]?.members, buses.allSatisfy({ $0.value["state"]?.text == "running" })
            else { return nil }
            return true
        }
    }

    /// Ends the daemon in good order, starts it over the same state, and waits until it is online again.
    func restart() async throws {
        try await gateway.stopForRestart()
        let seen = headEnd.messages.count
        try gateway.start()
        try await online(after: seen)
    }

    /// Waits for a `/state` that is online among the messages after the first `seen` ones.
    func online(after seen: Int) async throws {
        try await headEnd.first("online again") { headEnd -> Bool? in
            let fresh = headEnd.messages.dropFirst(seen).filter { $0.suffix == "state" }
            guard let state = fresh.last?.body, state["state"]?.text == "online",
                let buses = state["buses"]?.members, buses.allSatisfy({ $0.value["state"]?.text == "running" })
            else { return nil }
            return true
        }
    }

    // MARK: Commands

    /// UTC so many seconds from now.
    static func utc(in seconds: Int64) -> String { UTCInstant(seconds: Int64(Glibc.time(nil)) + seconds).description }

    /// Sends a command that expires in `expires` seconds.
    func send(
        _ id: String, _ members: String, expires: Int64? = 600, topic: String = "candela", more: [String] = []
    ) async throws {
        let expiry = expires.map { ",\"expires\":\"\(Self.utc(in: $0))\"" } ?? ""
        try await broker.publish("\(topic)/e2e/commands", "{\"id\":\"\(id)\",\(members)\(expiry)}", more)
    }

    static func level(_ lamp: String, _ percent: String) -> String {
        "\"device\":\"\(lamp)\",\"action\":\"set\",\"point\":\"level\",\"value\":\(percent),\"unit\":\"%\""
    }

    /// Waits for so many results of a command.
    @discardableResult
    func results(_ id: String, count: Int = 1, topic: String = "candela") async throws -> [CommandOutcome] {
        try await headEnd.first("\(count) results of \(id)") { headEnd in
            let found = headEnd.outcomes(topic).filter { $0.id == id }
            return found.count >= count ? found : nil
        }
    }

    func result(_ id: String, topic: String = "candela") async throws -> CommandOutcome {
        try await results(id, topic: topic)[0]
    }

    // MARK: What the lamps say

    /// Arc levels by lamp.
    func levels() async throws -> [String: Int] {
        var levels: [String: Int] = [:]
        for pair in try await field.control("lamp levels").split(separator: " ") {
            let parts = pair.split(separator: "=")
            if parts.count == 2 { levels[String(parts[0])] = Int(parts[1]) }
        }
        return levels
    }

    /// Every frame that told a lamp a level so far, as four hexadecimal digits.
    func frames() async throws -> [String] {
        try await field.control("bus lamps frames").split(separator: " ").map(String.init)
    }

    /// Somebody's remote control sends a level; returns when it was on the line, for it waits until the line is free.
    func remoteControl(_ frame: String) async throws {
        let before = try await frames().count { $0 == frame }
        try await field.control("bus lamps send \(frame)")
        try await eventually("\(frame) of a remote control was on the line") {
            try await frames().count { $0 == frame } > before
        }
    }

    /// The levels sent to one short address so far; DAPC levels as they are, other level commands as 1000 and their number.
    func sent(to address: Int) async throws -> [Int] {
        try await frames().compactMap { frame in
            guard let bytes = Int(frame, radix: 16), bytes >> 9 == address else { return nil }
            return bytes >> 8 & 1 == 0 ? bytes & 0xFF : 1000 + (bytes & 0xFF)
        }
    }

    func waitForLevel(_ lamp: String, _ level: Int, within limit: Duration = .seconds(10)) async throws {
        try await eventually("\(lamp) at \(level)", within: limit) { try await levels()[lamp] == level }
    }
}

/// What became of a command at one device.
struct CommandOutcome: Sendable, Hashable, CustomStringConvertible {
    let id: String
    let device: String
    let status: String
    let reason: String
    let value: JSONValue?
    let unit: String?

    init(_ json: JSONValue) {
        id = json["id"]?.text ?? ""
        device = json["device"]?.text ?? ""
        status = json["status"]?.text ?? ""
        reason = json["reason"]?.text ?? ""
        value = json["value"]
        unit = json["unit"]?.text
    }

    /// Whether the lamp says it is at this level: read back it is the nearest its gear has, and steps are 2.8 % of the level.
    func isVerified(at percent: Double) -> Bool {
        guard status == "verified", unit == "%", let value, let read = Double("\(value)") else { return false }
        return abs(read - percent) <= max(0.01, percent * 0.015)
    }

    var description: String { "\(id) \(device) \(status) \(reason) \(value.map { "\($0)" } ?? "") \(unit ?? "")" }
}

extension Subscriber {
    /// Results that came under a topic's first part.
    func outcomes(_ topic: String = "candela") -> [CommandOutcome] {
        messages("results").filter { $0.topic.hasPrefix(topic + "/") }
            .flatMap { $0.body["results"]?.items ?? [] }.map(CommandOutcome.init)
    }

    /// The events `command` of one command.
    func commandEvents(_ id: String) -> [ReceivedEvent] { events("command").filter { $0.detail["id"]?.text == id } }
}
