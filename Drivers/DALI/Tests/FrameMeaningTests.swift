import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Every frame that this driver can send, and those it did send in whole runs, as python-dali reads them.
@Suite(.enabled(if: Python.isAvailable, "\(Python.whyNot)")) struct FrameMeaningTests {
    private static let addresses: [GearAddress] =
        [0, 1, 3, 31, 32, 63].compactMap { ShortAddress($0).map { .short($0) } } + [
            .group(0), .group(7), .group(15), .broadcast, .broadcastUnaddressed,
        ]

    @Test func `every command of the standard to every kind of address`() throws {
        var requests: [DALIRequest] = []
        for address in Self.addresses {
            for level in [UInt8(0), 1, 85, 127, 254, 255] {
                requests.append(DALIRequest(.directArcPower(address, level: level), priority: .user))
            }
            requests += GearOpcode.all.map { .gear(address, $0, priority: .polling) }
        }
        #expect(requests.count > 1500)
        try FrameMeaning.expectIndependentlyRead(FrameMeaning.all(requests))
    }

    @Test func `every special command with its data`() throws {
        let requests = SpecialCommand.allCases.flatMap { command in
            (command.takesData ? [UInt8(0), 1, 7, 0x7F, 0xFF] : [0]).map {
                DALIRequest.special(command, $0, priority: .configuration)
            }
        }
        // INITIALISE, PROGRAM and VERIFY SHORT ADDRESS take 0AAAAAA1 or FF, and nothing else is ever sent.
        let sent = requests.filter { request in
            let (first, second) = (request.frame.data >> 8, request.frame.data & 0xFF)
            return ![0xA5, 0xB7, 0xB9].contains(first) || second & 1 == 1 || (first == 0xA5 && second == 0)
        }
        try FrameMeaning.expectIndependentlyRead(FrameMeaning.all(sent))
    }

    @Test func `every command of device types 6 and 8, behind the frame that enables it`() throws {
        let opcodes = DeviceTypeOpcode.LED.all + DeviceTypeOpcode.Colour.all
        let requests = Self.addresses.flatMap { address in
            opcodes.flatMap { DALIRequest.deviceType(address, $0, priority: .polling) }
        }
        try FrameMeaning.expectIndependentlyRead(FrameMeaning.all(requests))
    }

    @Test func `every command to control devices and their instances`() throws {
        let targets: [ControlDeviceAddress] =
            [0, 5, 63].compactMap { ShortAddress($0).map { .short($0) } } + [.broadcast]
        var requests: [DALIRequest] = []
        for target in targets {
            for opcode in ControlDeviceOpcode.queries + ControlDeviceOpcode.commands {
                let isOfInstance = opcode.rawValue >= 0x80
                for instance in isOfInstance ? [UInt8(0), 1, 31] : [] {
                    requests.append(.device(target, opcode, instance: instance, priority: .polling))
                }
                if !isOfInstance { requests.append(.device(target, opcode, priority: .polling)) }
            }
        }
        try FrameMeaning.expectIndependentlyRead(FrameMeaning.all(requests))
    }

    @Test func `what a commissioning, a scan and the questions of a technician send`() throws {
        let gear = SimulatedBus.lamps(6) { index, gear in
            if index > 3 { gear.shortAddress = nil }
            if index == 3 { gear.shortAddress = 1 }
        }
        let bus = LampBus(name: "lamps", gear: gear, seed: 3, at: BootInstant(nanoseconds: 0))
        let bench = TaskBench(bus: bus, lamps: ["lamp-a": 0, "lamp-b": 1])
        for (name, arguments) in [
            ("commission", [:]), ("scan", ["addresses": ""]), ("query", ["address": "0"]),
            ("memory", ["address": "0", "bank": "202"]), ("identify", ["address": "1"]),
            ("replace", ["device": "lamp-a"]),
        ] as [(String, [String: String])] {
            let task = try #require(
                DALITaskCatalog.make(name: name, arguments: Configuration.map(arguments.filter { !$0.value.isEmpty })))
            guard case .done = bench.run(task) else {
                #expect(Bool(false), "\(name) failed")
                continue
            }
        }
        #expect(bench.requests.count > 1000)
        try FrameMeaning.expectIndependentlyRead(Array(Set(FrameMeaning.all(bench.requests))))
    }

    @Test func `what polling and commands send`() throws {
        let simulated = SimulatedBus(gear: SimulatedBus.lamps(4))
        try simulated.start()
        simulated.run(for: .seconds(3))
        for device in 0..<4 { _ = simulated.submit(UInt32(device), value: .number(ExactDecimal(60)), fade: 700) }
        simulated.run(for: .seconds(8))
        let requests = simulated.engine.frameLog.all.compactMap { entry -> DALIRequest? in
            if case .outcome(let request, _) = entry.record { request } else { nil }
        }
        #expect(requests.count > 40)
        try FrameMeaning.expectIndependentlyRead(Array(Set(FrameMeaning.all(requests))))
    }
}
