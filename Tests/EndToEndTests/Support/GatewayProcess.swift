import Glibc
import Synchronization
import TestSupport

/// The daemon with its own configuration, state directory and socket; it can be ended and started again over its state.
final class GatewayProcess: Sendable {
    let folder = TemporaryFolder("candela-gateway")
    private let environment: [String: String]
    private let current = Mutex<ChildProcess?>(nil)
    private let ended = Mutex<[ChildProcess]>([])

    /// - Parameters:
    ///   - configuration: the text of gateway.yaml.
    ///   - field: its directory becomes `CANDELA_SIM_DIR`, for `board: simulated`.
    ///   - started: false leaves the first start to the test.
    init(
        _ configuration: String, field: Field? = nil, environment: [String: String] = [:], started: Bool = true
    ) throws {
        var variables = environment
        if let field { variables["CANDELA_SIM_DIR"] = field.directory }
        self.environment = variables
        folder.write("gateway.yaml", configuration)
        if started { try start() }
    }

    var configurationPath: String { folder("gateway.yaml") }
    var socket: String { folder("control.sock") }
    var stateDirectory: String { folder("state") }

    var process: ChildProcess? { current.withLock { $0 } }
    /// What the daemon said, over all its lives.
    var log: [String] { ended.withLock { $0 }.flatMap(\.lines) + (process?.lines ?? []) }

    @discardableResult
    func start() throws -> ChildProcess {
        // Boards of a test's own stand in its folder.
        let boards = folder("boards")
        let started = try ChildProcess(
            Project.program("candelad"),
            [
                "--config", configurationPath, "--state-dir", stateDirectory, "--socket", socket,
                "--drivers", Project.root + "/Drivers",
            ] + (TestFiles.exists(boards) ? ["--boards", boards] : []), environment: environment,
            directory: Project.root)
        current.withLock { $0 = started }
        return started
    }

    /// As a power cut does it, but for what the kernel still writes.
    func kill() async throws { try await end(SIGKILL) }

    /// As `systemctl restart` does it: a stop in good order that another start follows.
    @discardableResult
    func stopForRestart(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await end(SIGUSR1, within: limit)
    }

    /// As `systemctl stop` does it; gives the exit status.
    @discardableResult
    func terminate(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await end(SIGTERM, within: limit)
    }

    @discardableResult
    private func end(_ signal: Int32, within limit: Duration = .seconds(20)) async throws -> Int32 {
        guard let running = process else { throw Failure("the daemon does not run") }
        running.signal(signal)
        let status = try await running.exitStatus(within: limit)
        current.withLock { $0 = nil }
        ended.withLock { $0.append(running) }
        return status
    }

    /// The process numbers of its drivers, with their command lines.
    var drivers: [(process: Int32, command: String)] {
        guard let parent = process?.processIdentifier else { return [] }
        return TestFiles.names(in: "/proc").compactMap { name -> (Int32, String)? in
            guard let identifier = Int32(name), let status = TestFiles.text("/proc/\(name)/status"),
                status.contains("\nPPid:\t\(parent)\n"), let line = TestFiles.text("/proc/\(name)/cmdline")
            else { return nil }
            return (identifier, line.split(separator: "\0").joined(separator: " "))
        }
    }

    /// Drivers see their standard input close and end by themselves.
    deinit { process?.signal(SIGKILL) }
}
