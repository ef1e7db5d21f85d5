import DriverProtocol
import DriverTestSupport
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import DALIDriver

/// The driver executable against the simulator executable, in real time, over each kind of interface and line.
@Suite(.serialized, .timeLimit(.minutes(3))) struct InterfaceProcessTests {
    struct Line: Sendable, CustomTestStringConvertible {
        let interface: String
        let isNetwork: Bool
        var testDescription: String { interface + (isNetwork ? " over TCP" : " on a serial line") }

        static let all = [
            Line(interface: "luba", isNetwork: false), Line(interface: "foxtron", isNetwork: false),
            Line(interface: "foxtron", isNetwork: true), Line(interface: "sevenlab", isNetwork: false),
        ]
    }

    static let simulator = Project.program("candela-sim")

    @Test(
        .enabled(if: DriverProcess.dali != nil, "candela-driver-dali is not built beside the test bundle"),
        .enabled(if: TestFiles.exists(simulator), "candela-sim is not built beside the test bundle"),
        arguments: Line.all)
    func `a lamp is polled, set and read back`(_ line: Line) async throws {
        let folder = TestSupport.TemporaryFolder()
        let listen = line.isNetwork ? #""listen": "127.0.0.1:0", "# : ""
        let scenario = folder.write(
            "field.json",
            """
            {"ports": [{"name": "lamps-1", "kind": "dali", "interface": "\(line.interface)", \(listen)
              "gear": [{"name": "lamp", "address": 3}]}]}
            """)
        let field = try ChildProcess(
            Self.simulator, ["--directory", folder("field"), "--scenario", scenario, "--until-stdin-closes"])
        let ready = try await field.line(containing: "ready directory=")
        let place = ready.split(separator: " ").first { $0.hasPrefix("lamps-1=") }?.dropFirst(8) ?? ""
        try Self.operate(line, port: line.isNetwork ? "tcp://\(place)" : String(place))
        await field.stop()
    }

    private static func operate(_ line: Line, port: String) throws {
        let executable = try #require(DriverProcess.dali)
        let driver = try DriverProcess(executable)
        let devices = try driver.begin(
            Configuration.message(
                [Configuration.device(0, address: 3, interval: 500)], options: ["interface": line.interface],
                port: port))
        #expect(driver.port.contains(port))
        #expect(try driver.level(points: devices[0].points.count) == .number(ExactDecimal(100)))
        let done = try driver.setLevel(20)
        #expect(done.request == 41 && done.outcome == .verified, "\(done.reason)")
        #expect(driver.finish() == 0)
    }
}
