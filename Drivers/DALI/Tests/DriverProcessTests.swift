import DriverProtocol
import Glibc
import Telemetry
import Testing

@testable import DALIDriver

/// The real executable on a pseudo-terminal, with an interface that answers in real time.
@Suite(.serialized) struct DriverProcessTests {
    enum Backend: String, Sendable, CaseIterable {
        case termios
        case libserialport
    }

    static var compiler: Bool { system("command -v cc > /dev/null 2>&1") == 0 }

    @Test(
        .enabled(if: DriverProcess.executable != nil, "candela-driver-dali is not built beside the test bundle"),
        .enabled(if: compiler, "no C compiler (cc): the libserialport path was not run"), arguments: Backend.allCases)
    func `the driver reads and commands a lamp and says when its port goes`(_ backend: Backend) throws {
        let folder = try TemporaryFolder()
        var environment = ["PATH=/usr/bin:/bin"]
        if backend == .libserialport {
            let library = folder.path + "/pty-as-tty.so"
            try #require(system("cc -shared -fPIC -o '\(library)' '\(Self.source)' -ldl") == 0)
            environment += ["LD_PRELOAD=\(library)", "CANDELA_SERIAL_BACKEND=libserialport"]
        }
        let executable = try #require(DriverProcess.executable)
        let driver = try DriverProcess(executable, environment: environment)
        let port = try Self.lampOn(driver)
        #expect(port.contains("38400 8N1"))
        let gone = try driver.receive("a heartbeat without port") { message -> DriverHeartbeat? in
            if case .heartbeat(let beat)? = message.message, !beat.portOpen { beat } else { nil }
        }
        #expect(!gone.portDetail.isEmpty)
        #expect(driver.finish() == 0)
    }

    /// A lamp is read and set; then the pseudo-terminal goes.
    private static func lampOn(_ driver: DriverProcess) throws -> String {
        let terminal = try PseudoTerminal()
        let peer = LivePeer(master: terminal.master, levels: [3: 229])
        defer { withExtendedLifetime(peer) {} }
        try driver.send { $0.hello.runtimeVersion = "test" }
        let hello = try driver.receive("hello") { if case .hello(let hello)? = $0.message { hello } else { nil } }
        #expect(
            hello.name == "dali" && Set(hello.actions).isSuperset(of: ["off", "recall_max", "identify", "go_to_scene"]))
        let path = terminal.path
        try driver.send {
            $0.configure = Configuration.message(
                [Configuration.device(0, address: 3, interval: 500)], port: path)
        }
        let configured = try driver.receive("configured") {
            if case .configured(let configured)? = $0.message { configured } else { nil }
        }
        #expect(configured.diagnostics.isEmpty && configured.devices[0].usable)
        try driver.send { $0.start = DriverStart() }
        let started = try driver.receive("started") { message -> String? in
            switch message.message {
            case .started(let started)?: started.port
            case .startFailed(let failed)?: "failed: \(failed.message)"
            default: nil
            }
        }
        let samples = try driver.receive("samples") { message -> [Sample]? in
            guard case .samples(let samples)? = message.message else { return nil }
            let rows = try? samples.rows(points: configured.devices[0].points.count)
            return rows?.contains { $0.point == 0 } == true ? rows : nil
        }
        #expect(samples.first { $0.point == 0 }?.value == .number(ExactDecimal("50.53")!))
        try driver.send {
            $0.command.request = 41
            $0.command.device = 0
            $0.command.action = "set"
            $0.command.value.number = DriverDecimal(ExactDecimal(100))
            $0.command.priority = .person
        }
        let done = try driver.receive("the command's result") {
            if case .commandDone(let done)? = $0.message { done } else { nil }
        }
        #expect(done.request == 41 && done.outcome == .verified, "\(done.reason)")
        #expect(done.readBack.number.exact == ExactDecimal(100))
        return started
    }

    private static var source: String {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        return root + "/Tests/Support/pty-as-tty.c"
    }
}
