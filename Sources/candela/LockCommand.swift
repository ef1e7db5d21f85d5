import ArgumentParser
import ControlProtocol
import Telemetry

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Keeps commands and schedules from devices while somebody works on them.",
        discussion: """
            Head-end commands to what is locked are rejected as `locked`; lamps stay as they are, or go to --level; alarms from \
            there are marked as maintenance. Commands typed here still work. It ends by itself or with `unlock`, and survives a \
            restart. Without a target it lists the locks. Needs the daemon.

            IT IS NO ELECTRICAL ISOLATION: isolate, secure and test before you touch anything.

              candela lock north-side --for 2h --reason "driver change at pole 17"
              candela lock all --for 30min --reason "contactor" --level 100%
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "A device, a group, a bus, or `all`.") var target: String?
    @Option(name: .customLong("for"), help: "How long, such as 2h; without it 8 hours.") var span: SpanArgument?
    @Option(help: "Who works there and why; needed.") var reason: String?
    @Option(help: "Percent to which the lamps go meanwhile, such as 0 or 100%.") var level: String?

    func run() async throws {
        var request = ControlRequest()
        request.lock.target = target ?? ""
        if target != nil {
            guard let reason, !reason.isEmpty else {
                throw CommandFailure(
                    ExitStatus.wrongUsage, "a lock needs a reason",
                    hint: "--reason \"driver change at pole 17\": who finds the street dark must know")
            }
            request.lock.reason = reason
        }
        request.lock.forS = span.map { UInt64(max(1, $0.duration.wholeMilliseconds / 1000)) } ?? 0
        request.lock.level = level ?? ""
        LockView.show(try Daemon.ask(request, options).locks, options)
    }
}

struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Ends a lock; lamps go back to what their calendar says.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "What was locked, by the same name.") var target: String

    func run() async throws {
        var request = ControlRequest()
        request.lock.target = target
        request.lock.unlock = true
        LockView.show(try Daemon.ask(request, options).locks, options)
    }
}

/// The locks in force.
enum LockView {
    static func show(_ locks: ControlLocks, _ options: SharedOptions) {
        if options.json { return Output.print(.array(locks.locks.map(json))) }
        guard !locks.locks.isEmpty else { return Output.print("nothing is locked") }
        Output.print(table(locks.locks).text)
        Output.print("A LOCK IS NO ELECTRICAL ISOLATION")
    }

    static func table(_ locks: [ControlLock]) -> Table {
        var table = Table([
            ("LOCKED", .left), ("DEVICES", .right), ("LEFT", .right), ("LEVEL", .right), ("BY", .left),
            ("REASON", .left),
        ])
        for lock in locks {
            table.add(
                lock.scope == "all" ? "all" : "\(lock.scope) \(lock.target)", "\(lock.devices)",
                Formats.span(seconds: lock.remainingS), lock.level.isEmpty ? "as it is" : "\(lock.level) %", lock.by,
                lock.reason)
        }
        return table
    }

    static func json(_ lock: ControlLock) -> JSONValue {
        [
            "target": .string(lock.target), "scope": .string(lock.scope),
            "until": lock.until.isEmpty ? .null : .string(lock.until), "remaining_s": .integer(lock.remainingS),
            "reason": .string(lock.reason), "by": .string(lock.by),
            "level": ExactDecimal(lock.level).map(JSONValue.number) ?? .null, "devices": .integer(lock.devices),
            "since": lock.since.isEmpty ? .null : .string(lock.since),
        ]
    }
}
