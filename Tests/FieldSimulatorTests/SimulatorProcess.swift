import Glibc
import Testing

/// A program that a test has started; it is ended and its folder removed when the test lets go of it.
final class SimulatorProcess {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let directory: String
    /// The line by which the simulator says that it is ready.
    let ready: String
    private let process: Int32
    private let input: Int32
    private var status: Int32?

    /// Starts `candela-sim`, which is built beside the tests, in a folder of its own.
    init(_ arguments: [String] = []) throws {
        var template = Array("/tmp/candela-sim-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no temporary folder: \(errno)") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let command = [Self.executable, "--directory", directory, "--until-stdin-closes"] + arguments
        let started = try Self.start(command, input: true)
        process = started.process
        input = started.input
        ready = Self.line(from: started.output)
        close(started.output)
    }

    deinit {
        close(input)
        if status == nil { kill(process, SIGKILL) }
        _ = wait()
        for name in ["rs485-1", "rs485-2", "rs232-1", "control", "tcp-port", "tcp-1.port"] {
            unlink("\(directory)/\(name)")
        }
        rmdir(directory)
    }

    static var executable: String {
        var path = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &path, path.count)
        let text = String(decoding: path.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "/" + text.split(separator: "/").dropLast().joined(separator: "/") + "/candela-sim"
    }

    /// The link of a port.
    func port(_ name: String) -> String { "\(directory)/\(name)" }

    /// The number of the first TCP port, as the ready line says it.
    var tcpPort: String { ready.split(separator: " ").last?.split(separator: ":").last.map(String.init) ?? "" }

    func closeInput() { close(input) }

    func signal(_ number: Int32) { kill(process, number) }

    /// Waits for the end; the exit status, or minus the signal.
    func wait() -> Int32 {
        if let status { return status }
        var raw: Int32 = 0
        while waitpid(process, &raw, 0) < 0, errno == EINTR {}
        let ended = raw & 0x7F == 0 ? raw >> 8 & 0xFF : -(raw & 0x7F)
        status = ended
        return ended
    }

    /// Sends a command to the simulator through its own program and gives what it printed.
    func control(_ command: String) throws -> String {
        try Self.run([Self.executable, "control", directory, command]).output
    }

    static func run(_ command: [String]) throws -> (output: String, status: Int32) {
        let started = try start(command, input: false)
        defer { close(started.output) }
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while case let got = read(started.output, &part, part.count), got > 0 { output += part[0..<got] }
        var raw: Int32 = 0
        while waitpid(started.process, &raw, 0) < 0, errno == EINTR {}
        return (String(decoding: output, as: UTF8.self), raw >> 8 & 0xFF)
    }

    private static func start(
        _ command: [String], input: Bool
    ) throws -> (process: Int32, input: Int32, output: Int32) {
        var (toChild, fromChild): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        // Socket pairs, since they alone are closed on exec from their first moment on: another test may start a program
        // at any time, and would otherwise inherit an end that must close.
        let kind = Int32(SOCK_STREAM.rawValue) | O_CLOEXEC
        guard socketpair(AF_UNIX, kind, 0, &toChild) == 0, socketpair(AF_UNIX, kind, 0, &fromChild) == 0 else {
            throw Failure(description: "no socket pair: \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        var words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, command[0], &actions, nil, &words, environ)
        close(toChild[0])
        close(fromChild[1])
        if !input { close(toChild[1]) }
        guard code == 0 else {
            throw Failure(description: "\(command[0]): \(String(cString: strerror(code)))")
        }
        return (process, toChild[1], fromChild[0])
    }

    private static func line(from descriptor: Int32) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The independent programs that judge the simulator.
enum Peers {
    /// A python with pymodbus, pyserial and python-dali, named by CANDELA_PYTHON; nil when it is not set.
    static var python: String? { getenv("CANDELA_PYTHON").map { String(cString: $0) } }
    static let pythonReason: Comment = "CANDELA_PYTHON names no python with pymodbus, pyserial and python-dali"
    static var hasMbpoll: Bool { access("/usr/bin/mbpoll", X_OK) == 0 }

    static func script(_ name: String) -> String {
        "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Python/" + name
    }
}

/// What a new thread runs, handed over as a pointer.
private final class ThreadBody {
    let work: () -> Void
    init(_ work: @escaping () -> Void) { self.work = work }
}

/// Runs something that blocks on a thread of its own, so that it holds up no other test.
func onOwnThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        let box = ThreadBody { continuation.resume(with: Swift.Result { try work() }) }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().work() }
                return nil
            }, Unmanaged.passRetained(box).toOpaque())
        pthread_detach(thread)
    }
}
