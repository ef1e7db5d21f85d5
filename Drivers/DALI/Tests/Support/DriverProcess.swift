import DriverProtocol
import Glibc
import SwiftProtobuf
import Telemetry

@testable import DALIDriver

/// The real driver executable and the runtime's end of its pipes.
final class DriverProcess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Much longer than anything takes; a hanging driver fails the test instead of stopping it.
    static let limit: Duration = .seconds(20)

    let process: pid_t
    private var input: Int32
    private let output: Int32
    private var decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver)
    private(set) var received: [DriverFromDriver] = []

    /// Beside the test bundle; nil when it was not built.
    static var executable: String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        }
        guard count > 0 else { return nil }
        let bundle = String(decoding: buffer[..<count], as: UTF8.self)
        let folder = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path = folder + "/candela-driver-dali"
        return access(path, X_OK) == 0 ? path : nil
    }

    init(_ executable: String, environment: [String]) throws {
        var toDriver: [Int32] = [-1, -1]
        var fromDriver: [Int32] = [-1, -1]
        guard pipe(&toDriver) == 0, pipe(&fromDriver) == 0 else { throw Failure(description: "no pipes") }
        for end in [toDriver[1], fromDriver[0]] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, toDriver[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromDriver[1], 1)
        posix_spawn_file_actions_addclose(&actions, toDriver[0])
        posix_spawn_file_actions_addclose(&actions, fromDriver[1])
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(executable), nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        var child: pid_t = 0
        let status = posix_spawn(&child, executable, &actions, nil, &arguments, &variables)
        for text in arguments + variables { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        close(toDriver[0])
        close(fromDriver[1])
        input = toDriver[1]
        output = fromDriver[0]
        process = child
        guard status == 0 else { throw Failure(description: "cannot start \(executable)") }
    }

    deinit {
        if input >= 0 { close(input) }
        close(output)
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    func send(_ fill: (inout DriverToDriver) -> Void) throws {
        var message = DriverToDriver()
        message.version = DriverProtocolLimits.version
        fill(&message)
        let bytes: [UInt8] = try message.serializedBytes()
        let frame = LengthDelimited.frame(bytes)
        guard write(input, frame, frame.count) == frame.count else {
            throw Failure(description: "the driver reads no more")
        }
    }

    /// Reads until a message is the one wanted.
    func receive<Result>(_ what: String, _ pick: (DriverFromDriver) -> Result?) throws -> Result {
        let deadline = DALIWorld.real.now().advanced(by: Self.limit)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let bytes = try decoder.next() {
                let message = try DriverFromDriver(serializedBytes: bytes)
                received.append(message)
                if let result = pick(message) { return result }
            }
            var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            poll(&entry, 1, 100)
            guard DALIWorld.real.now() < deadline else { throw Failure(description: "no \(what) in time") }
            guard entry.revents != 0 else { continue }
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { throw Failure(description: "the driver ended before \(what)") }
            decoder.append(buffer[..<count])
        }
    }

    private var isReaped = false

    /// Closes its input and waits for its end.
    ///
    /// - Returns: the exit status, or -1 when a signal ended it.
    func finish() -> Int32 {
        close(input)
        input = -1
        var status: Int32 = 0
        waitpid(process, &status, 0)
        isReaped = true
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
}
