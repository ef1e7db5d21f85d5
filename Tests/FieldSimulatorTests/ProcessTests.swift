import Glibc
import Telemetry
import TestSupport
import Testing

@testable import FieldSimulator

/// The program itself, judged by clients that share no code with it.
@Suite(.timeLimit(.minutes(3))) struct `The simulator as a process` {
    @Test func `it says what it offers, answers its control socket, and ends when standard input closes`() async throws
    {
        try await onOwnThread {
            let simulator = try SimulatorProcess()
            #expect(simulator.ready.hasPrefix("ready directory=\(simulator.directory) "))
            for name in ["rs485-1", "rs485-2", "rs232-1"] {
                #expect(access(simulator.port(name), R_OK | W_OK) == 0)
                #expect(simulator.ready.contains("\(name)=/dev/pts/"))
            }
            #expect(try simulator.control("lamp levels").hasPrefix("ok lamp-01=254"))
            #expect(try simulator.control("nonsense").hasPrefix("error: unknown command"))
            simulator.closeInput()
            #expect(simulator.wait() == 0)
            #expect(access(simulator.port("rs485-1"), F_OK) != 0)
            #expect(access(simulator.port("control"), F_OK) != 0)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `it ends cleanly on a signal`(_ signal: Int32) async throws {
        try await onOwnThread {
            let simulator = try SimulatorProcess()
            simulator.signal(signal)
            #expect(simulator.wait() == 0)
        }
    }

    @Test func `a scenario that is wrong ends it with status 2`() async throws {
        try await onOwnThread {
            let result = try SimulatorProcess.run([SimulatorProcess.executable, "--scenario", "/nonexistent.json"])
            #expect(result.status == 2)
        }
    }

    @Test func `a port that is pulled disappears and comes back under another name`() async throws {
        try await onOwnThread {
            let simulator = try SimulatorProcess()
            let client = open(simulator.port("rs485-1"), O_RDWR | O_NOCTTY)
            #expect(client >= 0)
            defer { close(client) }
            #expect(try simulator.control("gone rs485-1 on") == "ok\n")
            #expect(access(simulator.port("rs485-1"), F_OK) != 0)
            var byte: UInt8 = 0
            #expect(read(client, &byte, 1) <= 0)
            #expect(try simulator.control("gone rs485-1 off") == "ok\n")
            #expect(access(simulator.port("rs485-1"), R_OK | W_OK) == 0)
        }
    }

    @Test(.enabled(if: Peers.python != nil, Peers.pythonReason), arguments: ["rtu", "tcp"])
    func `pymodbus reads an SDM630 whose values agree with each other`(_ transport: String) async throws {
        let report = try await onOwnThread {
            let simulator = try SimulatorProcess()
            let place =
                transport == "rtu" ? [simulator.port("rs485-1"), "9600", "N"] : ["127.0.0.1", simulator.tcpPort]
            let result = try SimulatorProcess.run(
                [Peers.python ?? "", Peers.script("modbus_meter.py"), transport] + place)
            #expect(result.status == 0)
            return try JSONValue(parsing: result.output.split(separator: "\n").last.map(String.init) ?? "")
        }
        guard case .array(let readings)? = report["readings"] else {
            Issue.record("no readings: \(report)")
            return
        }
        var lastEnergy = 0.0
        for reading in readings {
            let energy = reading["energy"]?.number?.approximation ?? -1
            #expect(energy >= lastEnergy)
            lastEnergy = energy
            let powers = numbers(reading["active_power"])
            for phase in 0..<3 {
                let product =
                    numbers(reading["voltage"])[phase] * numbers(reading["current"])[phase]
                    * numbers(reading["power_factor"])[phase]
                #expect(abs(product - powers[phase]) < 0.5)
            }
            #expect(abs(powers.reduce(0, +) - (reading["total_power"]?.number?.approximation ?? 0)) < 0.01)
            if transport == "rtu" {
                // 8 and 165 characters of 11 bits, 3.5 of silence, 12 ms of the meter's own: 214 ms on the wire.
                #expect((reading["seconds"]?.number?.approximation ?? 0) > 0.21)
            }
        }
        #expect(readings.count >= 2)
        #expect(numbers(readings.first?["voltage"]) != numbers(readings.last?["voltage"]))
        #expect(report["refusals"] == ["odd": 3, "too_many": 3, "outside": 2, "function": 1])
        #expect(report["single"] == [112])
    }

    @Test(.enabled(if: Peers.hasMbpoll, "mbpoll is not installed"))
    func `mbpoll reads what was set, and nothing from a silent or broken meter`() async throws {
        try await onOwnThread {
            let simulator = try SimulatorProcess()
            func poll() throws -> (output: String, status: Int32) {
                // Two registers from 23296 of unit 4, once, as one 32-bit number with the high word first.
                try SimulatorProcess.run(
                    [
                        "mbpoll", "-m", "rtu", "-a", "4", "-b", "9600", "-P", "even", "-t", "4:int", "-B", "-0", "-r",
                        "23296",
                        "-c", "1", "-1", "-o", "1", simulator.port("rs485-1"),
                    ])
            }
            _ = try simulator.control("set school voltage.L1 234.5")
            #expect(try poll().output.contains("2345"))
            _ = try simulator.control("crc school 1")
            #expect(try !poll().output.contains("2345"))
            #expect(try poll().output.contains("2345"))
            _ = try simulator.control("silent school on")
            #expect(try !poll().output.contains("2345"))
        }
    }

    /// mbpoll asks for parity, which a pseudo-terminal has not: the C library then wants at least something to change.
    @Test(.enabled(if: Peers.hasMbpoll, "mbpoll is not installed"))
    func `a client that was killed leaves a port that the next one can open in the same way`() async throws {
        let simulator = try SimulatorProcess()
        let asking = [
            "-m", "rtu", "-a", "4", "-b", "9600", "-P", "even", "-t", "4:int", "-B", "-0", "-r", "23296", "-c", "1",
        ]
        let killed = try ChildProcess("stdbuf", ["-oL", "mbpoll"] + asking + ["-l", "100", simulator.port("rs485-1")])
        try await killed.line(containing: "[23296]")
        killed.signal(SIGKILL)
        #expect(try await killed.exitStatus() == 128 + SIGKILL)
        try await eventually("the port opens again", within: .seconds(5)) {
            try await run("mbpoll", asking + ["-1", "-o", "1", simulator.port("rs485-1")]).lines.contains {
                $0.contains("[23296]")
            }
        }
    }

    @Test(.enabled(if: Peers.python != nil, Peers.pythonReason))
    func `python-dali asks, dims, fades, reads memory and commissions three new gear`() async throws {
        let report = try await onOwnThread {
            let scenario = "/tmp/candela-sim-test-\(getpid())-lamps.json"
            let text = #"""
                {"ports": [{"name": "rs232-1", "kind": "luba", "gear": [
                  {"name": "old", "address": 0, "count": 2, "d4i": false}, {"name": "new", "count": 3}]}]}
                """#
            let file = try #require(fopen(scenario, "w"))
            fputs(text, file)
            fclose(file)
            defer { unlink(scenario) }
            let simulator = try SimulatorProcess(["--scenario", scenario])
            let result = try SimulatorProcess.run(
                [Peers.python ?? "", Peers.script("luba_lamps.py"), simulator.port("rs232-1")])
            #expect(result.status == 0)
            return try JSONValue(parsing: result.output.split(separator: "\n").last.map(String.init) ?? "")
        }
        #expect(report["present"] == 255)
        #expect(report["absent"] == .null)
        #expect(report["version"] == 8)
        #expect(report["device_type"] == 6)
        #expect(report["physical_minimum"] == 85)
        #expect(report["curve"] == 0)
        #expect(report["level"] == 170)
        let fading = report["fading"]?.number?.integer ?? 0
        #expect((170..<250).contains(fading))
        #expect(report["faded"] == 250)
        #expect(report["off"] == 0)
        #expect(report["identity"]?["GTIN"] == "9900000004242")
        #expect(report["commissioned"] == [40, 41, 42])
    }

    @Test(.enabled(if: Peers.python != nil, "CANDELA_PYTHON names no python with python-dali"))
    func `python-dali reads every memory bank by its own tables, and a sensor`() async throws {
        let report = try await onOwnThread {
            let scenario = "/tmp/candela-sim-test-\(getpid())-memory.json"
            let text = #"""
                {"ports": [{"name": "rs232-1", "kind": "luba",
                  "gear": [{"name": "lamp", "address": 0, "rated_power": 42, "identification": 4711}],
                  "sensors": [{"name": "eye", "address": 3, "instances": ["light", "occupancy"]}]}]}
                """#
            let file = try #require(fopen(scenario, "w"))
            fputs(text, file)
            fclose(file)
            defer { unlink(scenario) }
            let simulator = try SimulatorProcess(["--scenario", scenario])
            let result = try SimulatorProcess.run(
                [Peers.python ?? "", Peers.script("luba_memory.py"), simulator.port("rs232-1")])
            #expect(result.status == 0)
            return try JSONValue(parsing: result.output.split(separator: "\n").last.map(String.init) ?? "")
        }
        let expected: [(String, String, String)] = [
            ("0", "IdentificationNumber", "4711"), ("0", "GTIN", "9900000004242"), ("0", "LastMemoryBank", "207"),
            ("1", "InputPowerNominal", "42"), ("1", "CRI", "70"), ("1", "CCT", "4000"),
            ("1", "LuminaireIdentification", "lamp"), ("202", "ActivePower", "42.0"), ("203", "ApparentPower", "44.2"),
            ("204", "ActivePowerLoadside", "37.8"), ("205", "ControlGearExternalSupplyVoltage", "230.0"),
            ("205", "ControlGearExternalSupplyVoltageFrequency", "50"), ("205", "ControlGearPowerFactor", "0.95"),
            ("205", "ControlGearTemperature", "60"), ("205", "ControlGearOutputCurrentPercent", "100"),
            ("205", "ControlGearOutputPowerLimitation", "FlagValue.MASK"), ("206", "LightSourceVoltage", "54.0"),
            ("206", "LightSourceCurrent", "0.700"), ("206", "LightSourceOpenCircuit", "False"),
            ("206", "LightSourceTemperature", "FlagValue.MASK"), ("207", "RatedMedianUsefulLifeOfLuminaire", "100000"),
            ("207", "InternalControlGearReferenceTemperature", "65"),
            ("207", "RatedMedianUsefulLightSourceStarts", "20000"),
        ]
        for (bank, name, value) in expected {
            #expect(report[bank]?[name] == .string(value), "\(bank) \(name)")
        }
        #expect(report["instances"] == 2)
        #expect(report["types"] == [4, 3])
        #expect(report["report_timer"] == 30)
    }

    private func numbers(_ value: JSONValue?) -> [Double] {
        guard case .array(let elements)? = value else { return [0, 0, 0] }
        return elements.map { $0.number?.approximation ?? .nan }
    }
}
