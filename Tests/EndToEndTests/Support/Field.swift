import Glibc
import TestSupport

/// The simulated field as a process: meters and lamps with the timing of the wire, and faults on request.
final class Field: Sendable {
    /// Where the links of its ports are: `rs485-1`, `rs485-2`, `rs232-1`.
    let directory: String
    let process: ChildProcess
    private let folder = TemporaryFolder("candela-field")

    /// - Parameters:
    ///   - scenario: JSON of docs/simulator.md; the built-in field without it.
    ///   - options: further options of candela-sim.
    init(scenario: String? = nil, _ options: [String] = []) async throws {
        directory = folder("field")
        var arguments = ["--directory", directory, "--until-stdin-closes"] + options
        if let scenario { arguments += ["--scenario", folder.write("scenario.json", scenario)] }
        process = try ChildProcess(Project.program("candela-sim"), arguments)
        try await process.line(containing: "ready")
    }

    deinit { process.signal(SIGKILL) }

    func port(_ name: String) -> String { "\(directory)/\(name)" }

    /// HOST:PORT of a TCP server.
    func server(_ name: String = "tcp-1") throws -> String {
        guard let text = TestFiles.text("\(directory)/\(name).port"), let port = Int(text.filter(\.isNumber)) else {
            throw Failure("candela-sim wrote no \(name).port")
        }
        return "127.0.0.1:\(port)"
    }

    /// A command of docs/simulator.md; gives the answer without its `ok`.
    @discardableResult
    func control(_ command: String) async throws -> String {
        let outcome = try await run(Project.program("candela-sim"), ["control", directory, command])
        let answer = outcome.lines.joined(separator: "\n")
        guard outcome.status == 0, answer.hasPrefix("ok") else {
            throw Failure("candela-sim control \(command): \(answer)")
        }
        return String(answer.dropFirst(2).drop { $0 == " " })
    }

    func stop() async { await process.stop() }
}
