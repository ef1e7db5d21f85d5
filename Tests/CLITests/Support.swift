import CLinux
import Glibc
import TestSupport
import Testing

/// The program under test, run to its end.
struct Candela {
    let status: Int32
    let lines: [String]

    var text: String { lines.joined(separator: "\n") }

    /// - Parameters:
    ///   - merged: standard error is among the lines.
    ///   - environment: added to a minimal one, without a daemon's socket.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil, merged: Bool = true
    ) async throws -> Candela {
        let process = try ChildProcess(
            Project.program("candela"), arguments, environment: environment, directory: directory, merged: merged)
        let status = try await process.exitStatus(within: .seconds(120))
        return Candela(status: status, lines: process.lines)
    }
}

/// Texts that were looked at once and must not change unseen.
enum Snapshot {
    /// CANDELA_NEW_SNAPSHOTS=1 writes what is missing or differs; then look at it.
    static func expect(_ text: String, is name: String, _ location: SourceLocation = #_sourceLocation) {
        let path = Project.root + "/Tests/CLITests/Snapshots/" + name + ".txt"
        let text =
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                var line = line
                while line.last == " " { line.removeLast() }
                return String(line)
            }.joined(separator: "\n") + "\n"
        if let renew = getenv("CANDELA_NEW_SNAPSHOTS"), strcmp(renew, "1") == 0 {
            TestFiles.write(path, text)
            return
        }
        guard let expected = TestFiles.text(path) else {
            Issue.record("Snapshots/\(name).txt is missing", sourceLocation: location)
            return
        }
        #expect(text == expected, "differs from Snapshots/\(name).txt:\n\(text)", sourceLocation: location)
    }
}

/// A program on a pseudo-terminal: what it writes, keys pressed, and the terminal's settings.
final class TerminalProcess {
    /// Programs share the machine with all other tests; only a hang takes this long.
    static let patience: Duration = .seconds(90)

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let master: Int32
    private let slave: Int32
    private let process: Int32
    private var output: [UInt8] = []

    init(_ program: String, _ arguments: [String], columns: UInt16 = 80, rows: UInt16 = 24) throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, nil, nil, &size) == 0 else {
            throw Failure(description: "no pseudo-terminal")
        }
        self.master = master
        self.slave = slave
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        for descriptor in [master, slave] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        let environment: [String] = ["PATH=/usr/bin:/bin", "TERM=xterm"]
        let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        process = candela_spawn(program, argv, envp, nil, slave, slave, slave, false)
        guard process > 0 else { throw Failure(description: "\(program) cannot be started") }
    }

    var text: String {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(master, &chunk, chunk.count)
            guard count > 0 else { break }
            output += chunk[..<count]
        }
        return String(decoding: output, as: UTF8.self)
    }

    func type(_ keys: String) { _ = Array(keys.utf8).withUnsafeBytes { write(master, $0.baseAddress, $0.count) } }
    func signal(_ number: Int32) { kill(process, number) }

    /// Whether typed keys are shown and lines are edited, as a shell expects it.
    var isCooked: Bool {
        var settings = termios()
        return tcgetattr(slave, &settings) == 0 && settings.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    private var ended: Int32?

    func exitStatus() async throws -> Int32 {
        try await eventually("the end of the program", within: TerminalProcess.patience) {
            _ = text
            if ended != nil { return true }
            var status: Int32 = 0
            guard waitpid(process, &status, WNOHANG) == process else { return false }
            ended = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
            return true
        }
        return ended ?? -1
    }

    deinit {
        if ended == nil {
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        close(master)
        close(slave)
    }
}
