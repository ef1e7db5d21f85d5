public import DriverProtocol
public import Glibc
import SwiftProtobuf
import Telemetry
import TestSupport

/// A real driver executable and the runtime's end of its pipes.
public final class DriverProcess {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Much longer than anything takes; a hanging driver fails the test instead of stopping it.
    public static let limit: Duration = .seconds(120)

    public let process: pid_t
    private var input: Int32
    private let output: Int32
    private var decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver)
    private var isReaped = false
    /// What it said of itself and of its port when it was begun.
    public private(set) var hello = DriverDriverHello()
    public private(set) var port = ""
    /// Everything it said so far, oldest first.
    public private(set) var received: [DriverFromDriver] = []

    /// The path of a driver's program beside the test bundle; nil when it was not built.
    public static func executable(_ name: String) -> String? {
        let path = Project.program(name)
        return TestFiles.exists(path) ? path : nil
    }

    public init(_ executable: String, environment: [String] = ["PATH=/usr/bin:/bin"]) throws {
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

    public func send(_ fill: (inout DriverToDriver) -> Void) throws {
        var message = DriverToDriver()
        message.version = DriverProtocolLimits.version
        fill(&message)
        let bytes: [UInt8] = try message.serializedBytes()
        let frame = LengthDelimited.frame(bytes)
        var rest = frame[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            guard written > 0 else { throw Failure(description: "the driver reads no more") }
            rest = rest.dropFirst(written)
        }
    }

    /// Reads until a message is the one wanted.
    public func receive<Result>(
        _ what: String, within limit: Duration = limit, _ pick: (DriverFromDriver) throws -> Result?
    ) throws -> Result {
        let deadline = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let bytes = try decoder.next() {
                let message = try DriverFromDriver(serializedBytes: bytes)
                received.append(message)
                if let result = try pick(message) { return result }
            }
            var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            poll(&entry, 1, 100)
            guard ContinuousClock.now < deadline else { throw Failure(description: "no \(what) in time") }
            guard entry.revents != 0 else { continue }
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { throw Failure(description: "the driver ended before \(what)") }
            decoder.append(buffer[..<count])
        }
    }

    /// Says hello, configures and starts.
    ///
    /// - Returns: what the driver says of the devices.
    public func begin(_ configure: DriverConfigure) throws -> [DriverDeviceDescription] {
        try send { $0.hello.runtimeVersion = "test" }
        hello = try receive("hello") { if case .hello(let hello)? = $0.message { hello } else { nil } }
        try send { $0.configure = configure }
        let configured = try receive("configured") {
            if case .configured(let configured)? = $0.message { configured } else { nil }
        }
        let errors = configured.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else {
            let lines = errors.prefix(20).map { "\($0.name): \($0.path.joined(separator: ".")): \($0.message)" }
            throw Failure(description: lines.joined(separator: "\n"))
        }
        try send { $0.start = DriverStart() }
        port = try receive("started") { message -> String? in
            switch message.message {
            case .started(let started)?: return started.port
            case .startFailed(let failed)?: throw Failure(description: failed.message)
            default: return nil
            }
        }
        return configured.devices
    }

    /// Closes its input and waits for its end.
    ///
    /// - Returns: the exit status, or -1 when a signal ended it.
    public func finish() -> Int32 {
        close(input)
        input = -1
        var status: Int32 = 0
        waitpid(process, &status, 0)
        isReaped = true
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
}
