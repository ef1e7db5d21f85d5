import Glibc
import Telemetry
import TestSupport

/// A street of sixty-four lamps on one DALI line, with its feeder's meter, a cabinet and a sensor of movement.
enum District {
    static let lamps = (1...64).map { $0 < 10 ? "lamp-0\($0)" : "lamp-\($0)" }

    /// The simulated field.
    ///
    /// - Parameters:
    ///   - count: lamps on the line.
    ///   - personality: of every lamp.
    ///   - odd: of every second lamp, besides.
    static func scenario(lamps count: Int = 64, personality: [String] = [], odd: [String] = []) -> String {
        let gear = (0..<count).map { index in
            let traits = (personality + (index % 2 == 1 ? odd : [])).map { "\"\($0)\"" }.joined(separator: ", ")
            return """
                {"name": "\(lamps[index])", "address": \(index), "rated_power": 42, "feeder": "feeder",
                 "personality": [\(traits)]}
                """
        }
        return """
            {"seed": 1, "ports": [
             {"name": "rs485-2", "kind": "modbus", "baud": 9600, "parity": "even", "devices": [
              {"name": "feeder", "product": "eastron-sdm630", "address": 1, "size": 0, "follows": "lamps"},
              {"name": "cabinet", "product": "cabinet-io", "address": 2}]},
             {"name": "rs232-1", "kind": "dali", "interface": "luba", "baud": 38400, "bus": "lamps",
              "gear": [\(gear.joined(separator: ",\n"))],
              "sensors": [{"name": "eye", "address": 3, "instances": ["occupancy"], "event_scheme": 2}]}]}
            """
    }

    /// gateway.yaml: half of the lamps in `north`, half in `south`; at 30 % and 60 %, by programs without a change, unless told.
    ///
    /// - Parameters:
    ///   - broker: of the uplink.
    ///   - count: lamps on the line, a multiple of two.
    ///   - clock: the clock's sources.
    ///   - north: members of the program of `north`.
    ///   - south: members of the program of `south`.
    ///   - lighting: further lines of the section.
    ///   - devices: further lines of the section.
    static func configuration(
        _ broker: Broker, lamps count: Int = 64, clock: String = "system", interval: String = "10s",
        north: String = "steps: [{at: \"00:00\", level: 30%}]",
        south: String = "steps: [{at: \"00:00\", level: 60%}]", lighting: String = "", devices: String = ""
    ) -> String {
        let half = count / 2
        func name(_ number: Int) -> String {
            District.lamps[number - 1].split(separator: "-").last.map(String.init) ?? ""
        }
        return """
            gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}}
            clock: {sources: [\(clock)]}
            board: simulated
            profiles: [profiles]
            outbox: {flush: 200ms}
            buses:
              cabinet: {driver: modbus, port: rs485-2, baud: 9600, parity: even, stop_bits: 1, response_timeout: 500ms}
              lamps:
                driver: dali
                port: rs232-1
                interface: luba
                defaults: {profile: dali-luminaire, interval: \(interval)}
            devices:
              door: {bus: cabinet, address: 2, profile: cabinet, interval: 1s}
              meter: {bus: cabinet, address: 1, profile: eastron-sdm630, interval: 1s, rating: 63 A}
              lamp-{\(name(1))..\(name(half))}: {bus: lamps, address: "{0..\(half - 1)}", groups: [north]}
              lamp-{\(name(half + 1))..\(name(count))}: {bus: lamps, address: "{\(half)..\(count - 1)}", groups: [south]}
            \(devices)
            lighting:
              programs:
                north: {\(north)}
                south: {\(south)}
              calendars: {north: {default: north}, south: {default: south}}
              groups:
                north: {calendar: north, fallback: 100%, rated_power: 42 W}
                south: {calendar: south, fallback: 100%, rated_power: 42 W}
              feeders: {f1: {meter: meter, groups: [north, south]}}
            \(lighting)
            uplinks:
              head-end: {type: mqtt, url: "\(broker.url)", commands: all}
            """ + "\n"
    }

    /// The frame that sends lamp number `index` (from 0) to an arc level.
    static func frame(_ index: Int, _ level: Int) -> String { hexadecimal(index * 2) + hexadecimal(level) }

    private static func hexadecimal(_ byte: Int) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count < 2 ? "0" + digits : digits
    }

    /// Arc levels of 30 %, 60 % and 80 % on the logarithmic curve (IEC 62386-102, table of arc power levels).
    static let (thirty, sixty, eighty) = (210, 235, 246)

    /// Each lamp's right frame where the first half stands at one level and the second at another.
    static func frames(lamps count: Int = 64, north: Int = thirty, south: Int = sixty) -> [String] {
        (0..<count).map { frame($0, $0 < count / 2 ? north : south) }
    }
}
