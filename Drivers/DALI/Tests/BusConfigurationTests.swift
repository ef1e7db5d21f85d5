import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct BusConfigurationTests {
    @Test func `a lamp is described with its points, its address and that it is a lamp`() {
        let (configuration, answer) = BusConfiguration.read(
            Configuration.message([Configuration.device(5, address: 3, interval: 30_000)]))
        #expect(answer.diagnostics.isEmpty)
        #expect(answer.request == 7)
        let device = answer.devices[0]
        #expect(device.index == 5 && device.usable && device.isLamp)
        #expect(device.address == "short address 3")
        #expect(device.profileVersion == "1")
        #expect(device.points.map(\.name) == Configuration.points.map(\.rawValue))
        #expect(device.points[0].unit == "%" && device.points[0].writable && device.points[0].intervalMs == 30_000)
        #expect(device.points[0].maximum.exact == ExactDecimal(100))
        #expect(device.points.dropFirst(2).allSatisfy { !$0.writable && $0.kind == .state })
        #expect(configuration.settings.baud == 38_400)
    }

    @Test func `points are chosen and retimed`() {
        var device = Configuration.device(0, address: 3)
        var level = DriverPointRequest()
        level.point = "level"
        level.intervalMs = 1_000
        device.points = [level]
        device.onlyListed = true
        let (_, answer) = BusConfiguration.read(Configuration.message([device]))
        #expect(answer.devices[0].points.map(\.name) == ["level"])
        #expect(answer.devices[0].points.map(\.intervalMs) == [1_000])
    }

    @Test func `two lamps at one address are an error that names both`() {
        let (configuration, answer) = BusConfiguration.read(
            Configuration.message([
                Configuration.device(0, address: 3, name: "north"), Configuration.device(1, address: 3, name: "south"),
                Configuration.device(2, address: 4, name: "east"),
            ]))
        #expect(answer.diagnostics.count == 1)
        #expect(answer.diagnostics[0].name == "south" && answer.diagnostics[0].path == ["address"])
        #expect(answer.diagnostics[0].message.contains("north") && answer.diagnostics[0].message.contains("south"))
        #expect(answer.devices.map(\.usable) == [true, false, true])
        #expect(configuration.gear.map(\.name) == ["north", "east"])
    }

    @Test(
        arguments: [
            (["address": "64"], ["address"], "0 to 63"), (["address": "x"], ["address"], "0 to 63"),
            (["addres": "3"], ["addres"], "did you mean address?"), (["curve": "log"], ["curve"], "logarithmic"),
            (["fade": "3s"], ["fade"], "0.7 s, 1 s"), (["fade": "2"], ["fade"], "unit"),
        ] as [([String: String], [String], String)])
    func `a wrong device option is named with its place`(
        _ options: [String: String], _ path: [String], _ text: String
    ) {
        let (_, answer) = BusConfiguration.read(
            Configuration.message([Configuration.device(0, address: 3, options: options)]))
        #expect(answer.diagnostics.contains { $0.path == path && $0.message.contains(text) && $0.name == "lamp-3" })
        #expect(answer.devices.map(\.usable) == [false])
    }

    @Test(
        arguments: [
            (["interface": "lubba"], "did you mean luba?"), (["baud": "7"], "1200"),
            (["parity": "even"], "unknown key parity"),
        ] as [([String: String], String)])
    func `a wrong bus option is named`(_ options: [String: String], _ text: String) {
        let (_, answer) = BusConfiguration.read(
            Configuration.message([Configuration.device(0, address: 3)], options: options))
        #expect(answer.diagnostics.contains { $0.subject == .bus && $0.message.contains(text) })
    }

    @Test(
        arguments: [
            ("luba", "38400 8N1"), ("foxtron", "19200 8E1"), ("sevenlab", "500000 8N1"),
        ])
    func `each kind of interface brings its line`(_ interface: String, _ line: String) {
        let (configuration, answer) = BusConfiguration.read(
            Configuration.message([Configuration.device(0, address: 3)], options: ["interface": interface]))
        #expect(answer.diagnostics.isEmpty)
        #expect(configuration.settings.description == line && configuration.settings.assertsDTR)
    }

    @Test(arguments: [("luba", "tcp://192.0.2.1:23"), ("sevenlab", "tcp://192.0.2.1"), ("foxtron", "udp://192.0.2.1")])
    func `a port that its interface cannot have is named`(_ interface: String, _ port: String) {
        let (_, answer) = BusConfiguration.read(
            Configuration.message([], options: ["interface": interface], port: port))
        #expect(answer.diagnostics.map(\.subject) == [.bus])
        #expect(answer.diagnostics[0].message.contains("the port of a \(interface) interface is a serial device"))
    }

    @Test(arguments: [("tcp://192.0.2.1", "tcp://192.0.2.1:23"), ("tcp://dali.example:24", "tcp://dali.example:24")])
    func `a Foxtron may be on the network, where it has a port of its own`(_ port: String, _ read: String) {
        let (configuration, answer) = BusConfiguration.read(
            Configuration.message([], options: ["interface": "foxtron"], port: port))
        #expect(answer.diagnostics.isEmpty && configuration.port == read)
    }

    @Test func `a network port has no speed`() {
        let (_, answer) = BusConfiguration.read(
            Configuration.message(
                [], options: ["interface": "foxtron", "baud": "9600"], port: "tcp://192.0.2.1:23"))
        #expect(answer.diagnostics.map(\.path) == [["baud"]])
    }

    @Test func `an unknown point of a profile names the nearest`() {
        let (_, answer) = BusConfiguration.read(
            Configuration.message(
                [Configuration.device(0, address: 3)], profile: Configuration.profile(["level", "lamp_failur"])))
        #expect(answer.diagnostics.map(\.message) == ["a lamp has no point lamp_failur; did you mean lamp_failure?"])
        #expect(answer.diagnostics.map(\.path) == [["points", "lamp_failur"]])
        #expect(answer.devices.map(\.usable) == [false])
    }
}
