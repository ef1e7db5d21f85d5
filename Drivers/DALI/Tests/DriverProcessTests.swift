import DriverProtocol
import DriverTestSupport
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
        .enabled(if: DriverProcess.dali != nil, "candela-driver-dali is not built beside the test bundle"),
        .enabled(if: compiler, "no C compiler (cc): the libserialport path was not run"), arguments: Backend.allCases)
    func `the driver reads and commands a lamp and says when its port goes`(_ backend: Backend) throws {
        let folder = try TemporaryFolder()
        var environment = ["PATH=/usr/bin:/bin"]
        if backend == .libserialport {
            let library = folder.path + "/pty-as-tty.so"
            try #require(system("cc -shared -fPIC -o '\(library)' '\(Self.source)' -ldl") == 0)
            environment += ["LD_PRELOAD=\(library)", "CANDELA_SERIAL_BACKEND=libserialport"]
        }
        let executable = try #require(DriverProcess.dali)
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
        let devices = try driver.begin(
            Configuration.message([Configuration.device(0, address: 3, interval: 500)], port: terminal.path))
        #expect(driver.hello.name == "dali")
        #expect(Set(driver.hello.actions).isSuperset(of: ["off", "recall_max", "identify", "go_to_scene"]))
        #expect(devices[0].usable)
        #expect(try driver.level(points: devices[0].points.count) == .number(ExactDecimal("50.53")!))
        let done = try driver.setLevel(100)
        #expect(done.request == 41 && done.outcome == .verified, "\(done.reason)")
        #expect(done.readBack.number.exact == ExactDecimal(100))
        return driver.port
    }

    private static var source: String {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        return root + "/Tests/Support/pty-as-tty.c"
    }
}
