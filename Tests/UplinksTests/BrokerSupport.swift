import Glibc
import Logging
import Synchronization
import Telemetry
import TestSupport

@testable import Uplinks

/// A real mosquitto on loopback with its configuration in a temporary folder.
final class Broker: Sendable {
    let folder = TemporaryFolder("candela-broker")
    let port: Int
    private let process: Mutex<ChildProcess?> = Mutex(nil)
    private let subscribers = Mutex<[ChildProcess]>([])

    /// - Parameter extra: further lines for mosquitto.conf; `%` stands for the folder.
    init(_ extra: String = "allow_anonymous true\n", files: [String: String] = [:]) async throws {
        port = freePort()
        for (name, text) in files { folder.write(name, text) }
        let lines = extra.split(separator: "\n").map { line in
            line.split(separator: "%", omittingEmptySubsequences: false).joined(separator: folder.path)
        }
        let user = getuid() == 0 ? "user root\n" : ""
        folder.write(
            "mosquitto.conf",
            "listener \(port) 127.0.0.1\n" + lines.joined(separator: "\n") + "\n" + user
                + "log_dest stderr\nlog_type all\n")
        try await start()
    }

    func start() async throws {
        let started = try ChildProcess("mosquitto", ["-c", folder("mosquitto.conf")])
        try await started.line(containing: "running")
        process.withLock { $0 = started }
    }

    func stop() async {
        let running = process.withLock { process in
            defer { process = nil }
            return process
        }
        await running?.stop()
    }

    /// Nothing is left running, however a test ends.
    deinit {
        process.withLock { $0 }?.signal(SIGKILL)
        for subscriber in subscribers.withLock({ $0 }) { subscriber.signal(SIGKILL) }
    }

    /// A subscriber whose lines can be awaited: `topic payload`.
    func subscriber(_ topic: String, _ more: [String] = []) async throws -> ChildProcess {
        let started = try ChildProcess(
            // Into a pipe it would keep its first lines to itself.
            "stdbuf",
            [
                "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", "\(port)", "-t", topic, "-q", "1", "-d", "-F",
                "%t|%r|%p",
            ] + more)
        subscribers.withLock { $0.append(started) }
        try await started.line(containing: "Subscribed")
        return started
    }

    func publish(_ topic: String, _ payload: String, _ more: [String] = []) async throws {
        let outcome = try await run(
            "/usr/bin/mosquitto_pub",
            ["-h", "127.0.0.1", "-p", "\(port)", "-t", topic, "-q", "1", "-m", payload] + more)
        if outcome.status != 0 {
            throw BrokerFailure(description: "mosquitto_pub: \(outcome.lines.joined(separator: "\n"))")
        }
    }
}

/// An uplink with all it reports.
final class Recorder: Sendable {
    let uplink: MQTTUplink
    private let seen = Mutex<[UplinkEvent]>([])
    private let delivered = Mutex<[CommandDelivery]>([])

    init(_ settings: UplinkSettings, timing: MQTTTiming = .quick) throws {
        var options = try MQTTOptions(settings)
        options.timing = timing
        var log = Logger(label: "uplink", factory: { _ in SwiftLogNoOpLogHandler() })
        log.logLevel = .critical
        uplink = MQTTUplink(options: options, log: log, now: { UTCInstant("2026-11-21T16:00:00Z") })
        let (events, commands) = (uplink.events, uplink.commands)
        Task { [weak self] in for await event in events { self?.seen.withLock { $0.append(event) } } }
        Task { [weak self] in for await command in commands { self?.delivered.withLock { $0.append(command) } } }
    }

    var events: [UplinkEvent] { seen.withLock { $0 } }
    var commands: [CommandDelivery] { delivered.withLock { $0 } }

    func event(_ what: String, _ test: (UplinkEvent) -> Bool) async throws {
        do {
            try await eventually(what) { events.contains(where: test) }
        } catch {
            throw BrokerFailure(description: "\(what); seen: \(events)")
        }
    }

    func connected() async throws {
        uplink.start()
        try await event("connected") { if case .connected = $0 { true } else { false } }
    }

    func send(_ token: UInt64, _ text: String = "{}", suffix: String = "readings") throws {
        try uplink.publish(
            EncodedMessage(topicSuffix: suffix, payload: Array(text.utf8), stream: "s-1", sequence: token), token: token
        )
    }
}

extension MQTTTiming {
    /// The field's, a hundred times as fast where a test would have to wait.
    static var quick: MQTTTiming {
        var timing = MQTTTiming()
        timing.firstRetry = .milliseconds(50)
        timing.longestRetry = .milliseconds(400)
        timing.topicRest = .milliseconds(200)
        return timing
    }
}

extension UplinkSettings {
    static func test(_ port: Int, version: String = "5", commands: Bool = false) -> UplinkSettings {
        let will = GatewayState(gateway: "g-1", state: .offline, version: "test", boot: "b").document()
        return UplinkSettings(
            name: "head-end", gateway: "g-1", url: "mqtt://127.0.0.1:\(port)", version: version,
            acceptsCommands: commands, will: will)
    }
}

/// A broker that misbehaves on purpose: for each connection one answer per packet type.
final class FakeBroker: Sendable {
    let port: Int
    private let listener: Int32

    /// - Parameter answer: gets the first byte of a packet and its whole body; gives the bytes to send back.
    init(_ answer: @escaping @Sendable (UInt8, [UInt8]) -> [UInt8]) {
        port = freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        listen(listener, 8)
        let listening = listener
        try? NamedThread.start(name: "fake-broker") {
            while true {
                let peer = accept(listening, nil, nil)
                guard peer >= 0 else { return }
                while let (kind, body) = Self.packet(peer) {
                    let bytes = answer(kind, body)
                    guard bytes.isEmpty || write(peer, bytes, bytes.count) == bytes.count else { break }
                }
                close(peer)
            }
        }
    }

    private static func packet(_ peer: Int32) -> (UInt8, [UInt8])? {
        func byte() -> UInt8? {
            var value: UInt8 = 0
            return read(peer, &value, 1) == 1 ? value : nil
        }
        guard let kind = byte() else { return nil }
        var (length, shift) = (0, 0)
        while true {
            guard let next = byte() else { return nil }
            length |= Int(next & 0x7F) << shift
            shift += 7
            if next & 0x80 == 0 { break }
        }
        var body: [UInt8] = []
        while body.count < length {
            guard let next = byte() else { return nil }
            body.append(next)
        }
        return (kind, body)
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

struct BrokerFailure: Error, CustomStringConvertible {
    let description: String
}
