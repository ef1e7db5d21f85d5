import CLinux
import Glibc
import Synchronization

/// A real program under test: its lines of output can be awaited, and it is gone when the test lets go of it.
public final class ChildProcess: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    private struct State {
        var lines: [String] = []
        var ended = false
        var status: Int32?
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    public let name: String
    public let processIdentifier: Int32
    private let input: Int32
    private let state = Mutex(State())

    /// Starts `program`, an absolute path or a name to be found on PATH (and in /usr/sbin).
    ///
    /// - Parameters:
    ///   - environment: added to a minimal one.
    ///   - merged: standard error becomes lines too.
    public init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], directory: String? = nil,
        merged: Bool = true
    ) throws {
        name = program.split(separator: "/").last.map(String.init) ?? program
        let path = program.contains("/") ? program : Self.find(program)
        var inputs: [Int32] = [-1, -1]
        var outputs: [Int32] = [-1, -1]
        guard candela_pipe(&inputs, false) == 0, candela_pipe(&outputs, false) == 0 else {
            throw Failure(description: "no pipe for \(program)")
        }
        let errors = merged ? outputs[1] : open("/dev/null", O_WRONLY | O_CLOEXEC)
        var variables = ["PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": "/tmp"]
        variables.merge(environment) { _, new in new }
        let argv = ([path] + arguments).map { strdup($0) } + [nil]
        let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            argv.forEach { free($0) }
            envp.forEach { free($0) }
        }
        // Not bound to the parent's death: that wish follows the thread that forks, and test threads come and go.
        let child = candela_spawn(path, argv, envp, directory, inputs[0], outputs[1], errors, false)
        close(inputs[0])
        close(outputs[1])
        if !merged { close(errors) }
        guard child > 0 else {
            close(inputs[1])
            close(outputs[0])
            throw Failure(description: "\(path): \(String(cString: strerror(-child)))")
        }
        processIdentifier = child
        input = inputs[1]
        Self.follow(self, output: outputs[0])
    }

    private static func find(_ program: String) -> String {
        for folder in ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        where access("\(folder)/\(program)", X_OK) == 0 {
            return "\(folder)/\(program)"
        }
        return program
    }

    private static func follow(_ process: ChildProcess, output: Int32) {
        final class Box {
            let process: ChildProcess
            let output: Int32
            init(_ process: ChildProcess, _ output: Int32) {
                self.process = process
                self.output = output
            }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(process, output))
        pthread_create(
            &thread, nil,
            { raw in
                let box = Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue()
                box.process.readAll(box.output)
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }

    private func readAll(_ output: Int32) {
        var partial: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = chunk.withUnsafeMutableBytes { read(output, $0.baseAddress, $0.count) }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            partial.append(contentsOf: chunk[0..<got])
            var lines: [String] = []
            while let end = partial.firstIndex(of: 0x0A) {
                lines.append(String(decoding: partial[..<end], as: UTF8.self))
                partial.removeSubrange(...end)
            }
            if !lines.isEmpty { change { $0.lines += lines } }
        }
        close(output)
        if !partial.isEmpty {
            let last = String(decoding: partial, as: UTF8.self)
            change { $0.lines.append(last) }
        }
        var status: Int32 = 0
        while waitpid(processIdentifier, &status, 0) < 0, errno == EINTR {}
        change {
            $0.status = status
            $0.ended = true
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            let waiting = state.waiters.values.map { $0 }
            state.waiters = [:]
            return waiting
        }
        waiters.forEach { $0.resume() }
    }

    public var lines: [String] { state.withLock { $0.lines } }
    public var isRunning: Bool { state.withLock { !$0.ended } }

    /// Waits until `test` gives something for the lines so far; the whole output goes into the error when it never does.
    public func wait<Found: Sendable>(
        _ what: String, within limit: Duration = .seconds(20), _ test: @Sendable ([String]) -> Found?
    ) async throws -> Found {
        let deadline = ContinuousClock.now + limit
        while true {
            let (lines, ended) = state.withLock { ($0.lines, $0.ended) }
            if let found = test(lines) { return found }
            if ended { throw Failure(description: "\(name) ended before \(what):\n" + tail(lines)) }
            if ContinuousClock.now >= deadline {
                throw Failure(description: "\(name): no \(what) within \(limit):\n" + tail(lines))
            }
            await nextChange(seen: lines.count, deadline: deadline)
        }
    }

    /// Waits for a line that contains `text`.
    @discardableResult
    public func line(containing text: String, within limit: Duration = .seconds(20)) async throws -> String {
        try await wait("line with \"\(text)\"", within: limit) { $0.first { $0.contains(text) } }
    }

    private func tail(_ lines: [String]) -> String { lines.suffix(40).joined(separator: "\n") }

    private func nextChange(seen: Int, deadline: ContinuousClock.Instant) async {
        await withCheckedContinuation { continuation in
            let (now, ticket) = state.withLock { state -> (Bool, UInt64) in
                if state.lines.count != seen || state.ended { return (true, 0) }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = continuation
                return (false, state.nextWaiter)
            }
            guard !now else { return continuation.resume() }
            Task { [weak self] in
                try? await Task.sleep(until: deadline, clock: .continuous)
                let late = self?.state.withLock { $0.waiters.removeValue(forKey: ticket) }
                late?.resume()
            }
        }
    }

    /// Waits for the end; gives the exit status, or 128 + signal.
    @discardableResult
    public func exitStatus(within limit: Duration = .seconds(20)) async throws -> Int32 {
        let deadline = ContinuousClock.now + limit
        while true {
            let (count, status) = state.withLock { ($0.lines.count, $0.ended ? $0.status : nil) }
            if let status {
                return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
            }
            if ContinuousClock.now >= deadline {
                throw Failure(description: "\(name) did not end within \(limit):\n" + tail(lines))
            }
            await nextChange(seen: count, deadline: deadline)
        }
    }

    public func signal(_ number: Int32) { if isRunning { kill(processIdentifier, number) } }

    public func write(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { CLinux.write(input, $0.baseAddress, $0.count) }
    }

    /// Ends the process, first politely.
    public func stop(within limit: Duration = .seconds(10)) async {
        signal(SIGTERM)
        if (try? await exitStatus(within: limit)) == nil {
            signal(SIGKILL)
            _ = try? await exitStatus(within: .seconds(5))
        }
    }

    deinit {
        if isRunning { kill(processIdentifier, SIGKILL) }
        close(input)
    }
}

/// Waits until something holds, asking anew every few milliseconds: for conditions that nothing announces.
public func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ holds: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !holds() {
        guard ContinuousClock.now < deadline else {
            throw ChildProcess.Failure(description: "not within \(limit): \(what)")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Runs a program to its end.
public func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
) async throws -> (status: Int32, lines: [String]) {
    let process = try ChildProcess(program, arguments, environment: environment)
    let status = try await process.exitStatus(within: limit)
    return (status, process.lines)
}

/// A TCP port that was free a moment ago on loopback.
public func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            _ = bind(descriptor, generic, length)
            _ = getsockname(descriptor, generic, &length)
        }
    }
    return Int(UInt16(bigEndian: address.sin_port))
}
