import Glibc
import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Scenarios` {
    @Test func `the shipped example is the built-in scenario`() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let file = try #require(fopen("/\(root)/docs/examples/simulated-field.json", "r"))
        defer { fclose(file) }
        var text: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { text.append(UInt8(byte)) }
        #expect(String(decoding: text, as: UTF8.self) == Scenario.standardText)
        let scenario = try Scenario(json: text)
        #expect(scenario.modbusPorts.map(\.name) == ["rs485-1", "rs485-2"])
        #expect(scenario.lampPorts[0].gear.map(\.name).last == "lamp-08")
        #expect(scenario.lampPorts[0].gear.map(\.shortAddress) == Array(0..<8))
    }

    @Test(arguments: [
        ("{", "no JSON"),
        ("[]", "expected an object"),
        (#"{"port":[]}"#, "port: unknown key; known keys are ports, seed, servers"),
        (#"{"ports":[{"name":"a","kind":"canbus"}]}"#, "ports[0].kind: expected modbus or dali"),
        (#"{"ports":[{"name":"a","kind":"dali"}]}"#, "ports[0].interface: expected one of luba, foxtron, sevenlab"),
        (
            #"{"ports":[{"name":"a","kind":"dali","interface":"luba","listen":"127.0.0.1:0"}]}"#,
            "ports[0].listen: there is no luba interface with TCP"
        ),
        (#"{"ports":[{"name":"a","kind":"modbus","interface":"luba"}]}"#, "ports[0].interface: belongs to kind dali"),
        (#"{"ports":[{"name":"A b","kind":"modbus"}]}"#, "ports[0].name: \"A b\" is no name"),
        (#"{"ports":[{"name":"a","kind":"modbus","baud":9}]}"#, "ports[0].baud: expected a whole number from 300"),
        (#"{"ports":[{"name":"a","kind":"modbus","parity":"mark"}]}"#, "ports[0].parity: expected none, even or odd"),
        (#"{"ports":[{"name":"a","kind":"modbus"},{"name":"a","kind":"luba"}]}"#, "the name a is taken twice"),
        (
            #"{"ports":[{"name":"a","kind":"modbus","devices":[{"name":"m","product":"x"}]}]}"#,
            "ports[0].devices[0].product: unknown"
        ),
        (
            #"{"ports":[{"name":"a","kind":"modbus","devices":[{"name":"m","product":"abb-b23"},{"name":"n","product":"abb-b23"}]}]}"#,
            "a: two devices have address 1"
        ),
        (
            #"{"ports":[{"name":"a","kind":"modbus","devices":[{"name":"m","product":"abb-b23","address":240,"count":20}]}]}"#,
            "the addresses would pass 247"
        ),
        (
            #"{"ports":[{"name":"a","kind":"modbus","devices":[{"name":"m","product":"abb-b23","follows":"lamps"}]}]}"#,
            "m follows lamps, which is no lamp bus"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","address":60,"count":8}]}]}"#,
            "the short addresses would pass 63"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","count":40},{"name":"k","count":40}]}]}"#,
            "more than 64 control gear"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","groups":[16]}]}]}"#,
            "expected a group from 0 to 15"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","personality":["grumpy"]}]}]}"#,
            "ports[0].gear[0].personality[0]: unknown; known are dali1, "
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","colour_temperature":[6500,2700]}]}]}"#,
            "expected [WARMEST, COOLEST] in K"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","random_address":"A1B2"}]}]}"#,
            "expected six hexadecimal digits"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l","feeder":"f"}]}]}"#,
            "l hangs on f, which is no electricity meter"
        ),
        (
            #"{"ports":[{"name":"a","kind":"luba","sensors":[{"name":"s","instances":["smell"]}]}]}"#,
            "ports[0].sensors[0].instances[0]: expected light or occupancy"
        ),
        (#"{"ports":[{"name":"a","kind":"luba","sensors":[{"name":"s"}]}]}"#, "expected 1 to 32"),
        (
            #"{"ports":[{"name":"a","kind":"luba","gear":[{"name":"l"}],"sensors":[{"name":"l","instances":["light"]}]}]}"#,
            "two things are called l"
        ),
        (#"{"servers":[{"name":"t","listen":"localhost"}]}"#, "servers[0].listen: expected ADDRESS:PORT"),
    ])
    func `a wrong scenario is refused with its place`(_ text: String, _ message: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(json: Array(text.utf8)) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
    }

    @Test func `gear and sensors are as the scenario describes them`() throws {
        let text = #"""
            {"ports": [
              {"name": "m", "kind": "modbus", "devices": [{"name": "f1", "product": "eastron-sdm630"}]},
              {"name": "l", "kind": "luba",
               "gear": [{"name": "a", "address": 4, "count": 2, "personality": ["dali1", "lamp-open"], "feeder": "f1",
                         "colour_temperature": [2700, 6500], "random_address": "A1B2C3", "identification": 70}],
               "sensors": [{"name": "s", "address": 9, "instances": ["occupancy", "light"], "event_scheme": 1}]}]}
            """#
        let port = try Scenario(json: Array(text.utf8)).lampPorts[0]
        #expect(port.gear.map(\.shortAddress) == [4, 5])
        #expect(port.gear.map(\.identification) == [70, 71])
        #expect(port.gear[1].personality == [.dali1, .lampOpen])
        #expect(port.gear[1].colourTemperatures == 2700...6500)
        #expect(port.gear[1].randomAddress == 0xA1B2C3)
        #expect(port.gear[1].feeder == "f1")
        #expect(port.sensors[0].instances == [.occupancy, .light])
        #expect(port.sensors[0].eventScheme == 1)
    }

    @Test func `count makes many devices with addresses in a row`() throws {
        let text =
            #"{"servers":[{"name":"t","devices":[{"name":"m","product":"eastron-sdm630","address":3,"count":20}]}]}"#
        let devices = try Scenario(json: Array(text.utf8)).servers[0].devices
        #expect(devices.map(\.unit) == Array(3...22))
        #expect([devices.first?.name, devices.last?.name] == ["m-01", "m-20"])
        #expect(Scenario.Server(meters: 100).devices.last?.name == "meter-100")
    }
}

@Suite struct `The control console` {
    func console() throws -> FieldConsole {
        FieldConsole(FieldSimulation(try Scenario(json: Array(Scenario.standardText.utf8)), at: second(0)))
    }

    @Test(arguments: [
        "", "dance", "silent", "silent nobody on", "silent pump perhaps", "crc pump -1", "exception pump 256",
        "late pump soon", "set pump voltage.L9 1", "set pump voltage.L1 high", "set pump voltage.L1 auto",
        "get pump", "get pump nothing", "gone rs485-9 on", "garbage rs485-1 0", "lamp lamp-99 failed",
        "lamp lamp-01 burnt", "gear 63 silent", "bus nowhere down", "bus lamps send XY", "mains nothing on",
        "feeder heat off", "mains heat off", "gear lamp-01 dali1", "gear lamp-01 grumpy on",
        "gear lamp-01 cycling maybe",
        "sensor nobody get", "sensor", "bus lamps noise 101", "bus lamps log 0", "bus lamps send FF00 every 1",
        "bus lamps dance", "lamp lamp-01",
    ])
    func `a command that cannot be done says why and changes nothing`(_ line: String) throws {
        let answer = try console().perform(line, at: second(1))
        #expect(answer.hasPrefix("error: "))
        #expect(!answer.contains("\n"))
    }

    @Test func `a value that was set is read and given back to the model by auto`() throws {
        let console = try console()
        #expect(console.perform("set school voltage.L1 241.7", at: second(1)) == "ok")
        #expect(console.perform("get school voltage.L1", at: second(2)) == "ok 241.7")
        #expect(
            console.field.devices["school"]?.ask(readRequest(3, 23296, 2), at: second(3)) == .data([4, 0, 0, 9, 0x71]))
        #expect(console.perform("set school voltage.L1 auto", at: second(4)) == "ok")
        #expect(console.perform("get school voltage.L1", at: second(5)) != "ok 241.7")
    }

    @Test func `frames that tell a lamp a level are remembered, queries and settings are not`() throws {
        let console = try console()
        #expect(console.perform("bus lamps frames", at: second(1)) == "ok")
        for frame in ["06EB", "07A0", "FF05", "07FF", "A310", "0300", "FFA0"] {
            console.field.bus("lamps")?.transmit(frame: frame, at: second(2))
        }
        #expect(console.perform("bus lamps frames", at: second(3)) == "ok 06EB FF05 0300")
    }

    @Test func `faults reach their device, lamp, gear, bus and port`() throws {
        let console = try console()
        for line in [
            "silent pump on", "crc pump 3", "late pump 250", "exception station 4", "lamp lamp-02 failed",
            "gear 3 silent", "bus lamps down", "gone rs485-2 on", "mains lamp-05 off", "feeder school off",
        ] {
            #expect(console.perform(line, at: second(1)) == "ok")
        }
        let field = console.field
        #expect(field.devices["pump"]?.faults.silent == true)
        #expect(field.devices["pump"]?.faults.brokenChecks == 3)
        #expect(field.devices["pump"]?.faults.late == 250_000_000)
        #expect(field.devices["station"]?.faults.exception == 4)
        #expect(field.gear("lamp-02")?.lampHasFailed == true)
        #expect(field.gear("lamp-04")?.isSilent == true)
        #expect(field.gear("lamp-05")?.hasMains == false)
        #expect(field.bus("lamps")?.isPowered == false)
        #expect(field.port("rs485-2")?.isGone == true)
        #expect(console.perform("get school voltage.L1", at: second(3)) == "ok 0.0")
        #expect(console.perform("lamp levels", at: second(1)).hasPrefix("ok lamp-01=254 lamp-02=255 "))
    }
}

@Suite struct `Lamps in the field` {
    func console() throws -> FieldConsole {
        let text = #"""
            {"ports": [
              {"name": "m", "kind": "modbus", "devices": [
                {"name": "f1", "product": "eastron-sdm630", "address": 1, "size": 0, "follows": "lamps"},
                {"name": "f2", "product": "eastron-sdm120", "address": 2, "size": 0}]},
              {"name": "l", "kind": "luba", "bus": "lamps",
               "gear": [{"name": "a", "address": 0, "count": 10, "rated_power": 100},
                        {"name": "b", "address": 10, "count": 5, "rated_power": 60, "feeder": "f2"}],
               "sensors": [{"name": "eye", "address": 9, "instances": ["occupancy", "light"]}]}]}
            """#
        return FieldConsole(FieldSimulation(try Scenario(json: Array(text.utf8)), at: second(0)))
    }

    func power(_ console: FieldConsole, _ meter: String, at time: Double) -> Double {
        let answer = console.perform("get \(meter) active_power", at: second(time))
        return Double(answer.dropFirst(3)) ?? -1
    }

    @Test func `each feeder carries its own lamps and takes their mains when it is off`() throws {
        let console = try console()
        #expect(abs(power(console, "f1", at: 1) - 1000) < 0.1)
        #expect(abs(power(console, "f2", at: 1) - 300) < 0.1)
        #expect(console.perform("feeder f2 off", at: second(2)) == "ok")
        #expect(console.field.gear("b-05")?.hasMains == false)
        #expect(console.field.gear("a-01")?.hasMains == true)
        #expect(power(console, "f2", at: 4) == 0)
        #expect(abs(power(console, "f1", at: 4) - 1000) < 0.1)
        #expect(console.perform("mains f2 on", at: second(5)) == "ok")
        #expect(abs(power(console, "f2", at: 9) - 300) < 0.1)
        // A lamp that fails takes its share from the meter.
        #expect(console.perform("gear a-01 lamp-open on", at: second(10)) == "ok")
        #expect(abs(power(console, "f1", at: 12) - 900.3) < 0.1)
        #expect(console.perform("gear a-01 traits", at: second(12)) == "ok lamp-open")
        #expect(console.perform("gear a-01 ok", at: second(12)) == "ok")
        #expect(abs(power(console, "f1", at: 14) - 1000) < 0.1)
    }

    @Test func `a lamp is swapped, sensors are moved and the bus is watched`() throws {
        let console = try console()
        #expect(console.perform("lamp a-01 get", at: second(1)).contains(" address=0 "))
        #expect(console.perform("lamp a-01 swap", at: second(2)) == "ok")
        #expect(console.perform("lamp a-01 get", at: second(3)).contains(" address=none "))
        #expect(abs(power(console, "f1", at: 4) - 1000) < 0.1)
        #expect(console.perform("sensor eye light 50", at: second(5)) == "ok")
        #expect(console.perform("sensor eye movement on", at: second(5)) == "ok")
        #expect(
            console.perform("sensor eye get", at: second(6)) == "ok address=9 quiescent=false occupancy=1 light=512")
        #expect(console.perform("bus lamps send FF00 every 1000", at: second(7)) == "ok")
        let session = try #require(console.field.port("l")?.session)
        _ = drain(session, from: second(7), for: 2.5)
        let log = console.perform("bus lamps log 9", at: second(10))
        #expect(log.components(of: ":foreign:FF00:-") == 3)
        #expect(log.components(of: ":device:12800B:-") == 1)
        #expect(console.perform("bus lamps quiet", at: second(11)) == "ok")
        #expect(console.perform("bus lamps noise 25", at: second(11)) == "ok")
        #expect(console.field.buses[0].noise == 0.25)
    }
}

extension String {
    /// How often a text occurs in it.
    fileprivate func components(of text: String) -> Int {
        split(separator: " ").filter { $0.hasSuffix(text) }.count
    }
}

extension LampBus {
    /// Two bytes in hexadecimal.
    fileprivate func transmit(frame: String, at now: BootInstant) {
        let bytes = [frame.prefix(2), frame.suffix(2)].compactMap { UInt8($0, radix: 16) }
        _ = transmit(bytes, at: now)
    }
}
