import Glibc
import Synchronization
import TestSupport

/// A real mosquitto on loopback, with its configuration and its stored sessions in a folder of its own.
///
/// It can be stopped and started again under the same port; sessions and queued messages outlast that.
final class Broker: Sendable {
    let port: Int
    private let folder = TemporaryFolder("candela-broker")
    private let process = Mutex<ChildProcess?>(nil)

    init(_ extra: String = "") async throws {
        port = freePort()
        let user = getuid() == 0 ? "user root\n" : ""
        folder.write(
            "mosquitto.conf",
            """
            listener \(port) 127.0.0.1
            allow_anonymous true
            persistence true
            persistence_location \(folder.path)/
            max_queued_messages 100000
            log_dest stderr
            log_type error
            log_type notice
            log_type information
            \(user)\(extra)
            """ + "\n")
        try await start()
    }

    var url: String { "mqtt://127.0.0.1:\(port)" }

    func start() async throws {
        let started = try ChildProcess("mosquitto", ["-c", folder("mosquitto.conf")])
        process.withLock { $0 = started }
        try await started.line(containing: "running")
    }

    /// Ends it in good order: sessions are stored, clients see a closed connection and then a refused one.
    func stop() async {
        let running = process.withLock { process in
            defer { process = nil }
            return process
        }
        await running?.stop()
    }

    /// What the broker said about its clients.
    var lines: [String] { process.withLock { $0 }?.lines ?? [] }

    func publish(_ topic: String, _ payload: String, _ more: [String] = []) async throws {
        let outcome = try await run(
            "/usr/bin/mosquitto_pub",
            ["-h", "127.0.0.1", "-p", "\(port)", "-t", topic, "-q", "1", "-m", payload] + more)
        if outcome.status != 0 {
            throw Failure("mosquitto_pub: \(outcome.lines.joined(separator: "\n"))")
        }
    }

    deinit { process.withLock { $0 }?.signal(SIGKILL) }
}

/// Why an end-to-end test cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
