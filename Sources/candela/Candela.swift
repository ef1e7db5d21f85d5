import ArgumentParser
import Glibc
import Runtime

/// The technician's program.
struct Candela: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "candela",
        abstract: "Shows and moves a gateway: its buses, meters, lamps, and what waits to be sent.",
        discussion: """
            With the daemon running it asks the daemon. Without, `read`, `write`, `lamp`, `raw`, `sniff`, `scan`, `trace` \
            and `profile try` start the driver of the bus themselves (give --config, or --port), with the same checks; \
            `config`, `plan`, `lighting show` and the rest of `profile` need neither; all else needs the daemon.

            Exit status: 0 done; 1 it failed or is unhealthy; 2 wrong usage or configuration; 3 the daemon is not \
            reachable; 4 the device did not answer.
            """,
        version: CandelaVersion.current,
        subcommands: [
            StatusCommand.self, DevicesCommand.self, TopCommand.self, ReadCommand.self, WriteCommand.self,
            LampCommand.self, LightingCommand.self, LockCommand.self, UnlockCommand.self, WhyCommand.self,
            EventsCommand.self, ReportCommand.self, TraceCommand.self,
            RawCommand.self, SniffCommand.self, ScanCommand.self, PlanCommand.self, ProfileCommand.self,
            DeviceCommand.self, ConfigCommand.self, QueueCommand.self,
        ])
}

@main
enum Program {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Candela.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Output.complain("candela: \(failure.message)")
            if !failure.hint.isEmpty { Output.complain("  \(failure.hint)") }
            exit(failure.status.rawValue)
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            let code = Candela.exitCode(for: error)
            let text = Candela.fullMessage(for: error)
            // --help and --version come this way too, and are no failure.
            code == .success ? Output.print(text) : Output.complain(text)
            exit(code == .success ? 0 : ExitStatus.wrongUsage.rawValue)
        }
        exit(0)
    }
}
