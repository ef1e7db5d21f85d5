import ArgumentParser
import CLinux
import FieldSimulator
import Glibc
import Telemetry

@main
struct CandelaSimulator: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "candela-sim",
        abstract: "A field that behaves: Modbus meters and DALI lamps on pseudo-terminals and TCP.",
        subcommands: [Run.self, Control.self, PrintScenario.self], defaultSubcommand: Run.self)
}

/// Runs the field until it is told to stop.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run a simulated field (the default).")

    /// A scenario file larger than this is a mistake.
    static let largestScenario = 1 << 20

    @Option(help: "A scenario in JSON; without it the built-in field is shown.")
    var scenario: String?

    @Option(help: "Where the links to the ports are made.")
    var directory = "/tmp/candela-sim"

    @Option(help: "Listen for the first TCP server on ADDRESS:PORT; port 0 lets the system choose.")
    var tcp: String?

    @Option(help: "Instead of the built-in servers: one TCP server with so many Eastron SDM630 (1 to 247).")
    var meters: Int?

    @Option(help: "Seed of everything that is random.")
    var seed: UInt64?

    @Flag(help: "Answer without the time that bytes take on a wire.")
    var noWireTiming = false

    @Flag(help: "Stop when standard input ends.")
    var untilStdinCloses = false

    func validate() throws {
        if let tcp, Scenario.endpoint(tcp) == nil { throw ValidationError("--tcp expects ADDRESS:PORT, not \(tcp)") }
        if let meters, !(1...247).contains(meters) { throw ValidationError("--meters expects 1 to 247") }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        var stopping = sigset_t()
        sigemptyset(&stopping)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&stopping, number) }
        // Blocked and collected in the loop: a handler could do nothing that is allowed in one.
        pthread_sigmask(SIG_BLOCK, &stopping, nil)

        // A peer waits 25 ms for a lamp's answer: on a busy machine the field should not be the one that is late. Where
        // the right to it is missing, it runs as it is.
        _ = nice(-10)
        let now = BootInstant(nanoseconds: candela_boottime_nanoseconds())
        let server: FieldServer
        do {
            server = try FieldServer(FieldSimulation(try readScenario(), at: now), directory: directory)
        } catch let error as ScenarioError {
            throw failure("\(scenario ?? "built-in scenario"): \(error)", status: 2)
        } catch let error as FieldServerError {
            throw failure("\(error)", status: 1)
        }
        let places =
            server.serialPorts.map { "\($0.name)=\($0.path)" } + server.tcpPorts.map { "\($0.name)=\($0.address)" }
        print("ready directory=\(directory) \(places.joined(separator: " "))")
        // Nil flushes every stream: whoever started this waits for the line, and a pipe would hold it back.
        fflush(nil)
        server.run(stopAtEndOf: untilStdinCloses ? STDIN_FILENO : -1) {
            var none = timespec()
            return sigtimedwait(&stopping, nil, &none) > 0
        }
    }

    private func readScenario() throws -> Scenario {
        var text = Array(Scenario.standardText.utf8)
        if let path = scenario {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else {
                throw failure("\(path): \(String(cString: strerror(errno))); give a scenario file", status: 2)
            }
            defer { close(file) }
            text = []
            var part = [UInt8](repeating: 0, count: 65536)
            while text.count <= Self.largestScenario {
                let got = read(file, &part, part.count)
                if got <= 0 { break }
                text += part[0..<got]
            }
            guard text.count <= Self.largestScenario else {
                throw failure("\(path): larger than 1 MiB; that is no scenario", status: 2)
            }
        }
        var scenario = try Scenario(json: text)
        if let seed { scenario.seed = seed }
        if noWireTiming { for index in scenario.modbusPorts.indices { scenario.modbusPorts[index].paced = false } }
        if let meters { scenario.servers = [Scenario.Server(meters: meters)] }
        if let tcp, let (host, port) = Scenario.endpoint(tcp) {
            if scenario.servers.isEmpty { scenario.servers = [Scenario.Server(meters: 1)] }
            scenario.servers[0].host = host
            scenario.servers[0].port = port
        }
        return scenario
    }
}

/// Sends one command to a simulator that runs.
struct Control: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send one command to a running simulator, for example: candela-sim control DIR \"silent pump on\".")

    @Argument(help: "The directory of the running simulator.")
    var directory: String

    @Argument(help: "The command; 'help' lists all.")
    var command: [String]

    func run() throws {
        do {
            let answer = try ControlClient.send(command.joined(separator: " "), to: directory)
            print(answer)
            if answer.hasPrefix("error:") { throw ExitCode(1) }
        } catch let error as FieldServerError {
            throw failure("\(error)", status: 3)
        }
    }
}

/// Shows the built-in scenario, to start one's own from.
struct PrintScenario: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario", abstract: "Print the built-in scenario.")

    func run() { print(Scenario.standardText, terminator: "") }
}

/// Says on standard error what went wrong and ends with that status.
func failure(_ message: String, status: Int32) -> ExitCode {
    let line = Array("candela-sim: \(message)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    return ExitCode(status)
}
