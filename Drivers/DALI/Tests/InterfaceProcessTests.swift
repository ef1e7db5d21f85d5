import DriverProtocol
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
        .enabled(if: DriverProcess.executable != nil, "candela-driver-dali is not built beside the test bundle"),
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
        let executable = try #require(DriverProcess.executable)
        let driver = try DriverProcess(executable, environment: ["PATH=/usr/bin:/bin"])
        try driver.send { $0.hello.runtimeVersion = "test" }
        _ = try driver.receive("hello") { if case .hello(let hello)? = $0.message { hello } else { nil } }
        try driver.send {
            $0.configure = Configuration.message(
                [Configuration.device(0, address: 3, interval: 500)], options: ["interface": line.interface],
                port: port)
        }
        let configured = try driver.receive("configured") {
            if case .configured(let configured)? = $0.message { configured } else { nil }
        }
        #expect(configured.diagnostics.isEmpty, "\(configured.diagnostics.map(\.message))")
        try driver.send { $0.start = DriverStart() }
        let started = try driver.receive("started") { message -> String? in
            switch message.message {
            case .started(let started)?: started.port
            case .startFailed(let failed)?: "failed: \(failed.message)"
            default: nil
            }
        }
        #expect(started.contains(port))
        let points = configured.devices[0].points.count
        let samples = try driver.receive("samples") { message -> [Sample]? in
            guard case .samples(let samples)? = message.message else { return nil }
            let rows = try? samples.rows(points: points)
            return rows?.contains { $0.point == 0 && $0.quality == .good } == true ? rows : nil
        }
        #expect(samples.first { $0.point == 0 }?.value == .number(ExactDecimal(100)))
        try driver.send {
            $0.command.request = 41
            $0.command.device = 0
            $0.command.action = "set"
            $0.command.value.number = DriverDecimal(ExactDecimal(20))
            $0.command.priority = .person
        }
        let done = try driver.receive("the command's result") {
            if case .commandDone(let done)? = $0.message { done } else { nil }
        }
        #expect(done.request == 41 && done.outcome == .verified, "\(done.reason)")
        #expect(driver.finish() == 0)
    }
}
