import ArgumentParser
import Configuration
import ControlProtocol
import DriverProtocol
import Glibc
import Runtime
import Supervision
import Synchronization
import Telemetry

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Follows our own bus: each frame in hex and decoded, with its time.",
        discussion: """
            Until Ctrl-C. --pcap writes a capture that Wireshark and tshark read as Modbus/TCP. What a household's device \
            answers is never shown. Without the daemon the driver is started and polls as configured.

              candela trace meters
              candela trace meters --device feeder-a --pcap feeder-a.pcap --seconds 60
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "A bus of the configuration.") var bus: String
    @Option(help: "Only what concerns this device.") var device: String?
    @Option(help: "Write a capture into this new file.") var pcap: String?
    @Option(help: "End after so many seconds.") var seconds: UInt32?

    func run() async throws {
        Interruption.watch()
        let writer = try TraceWriter(options, device: device, pcap: pcap)
        defer { writer.close() }
        let end = seconds.map { ContinuousClock.now.advanced(by: .seconds(Int64($0))) }
        if var client = try Daemon.connectIfThere(options) {
            try follow(&client, writer, until: end)
        } else {
            try await followDirectly(writer, until: end)
        }
        if let count = writer.captured, let pcap {
            Output.complain("\(Formats.count(count, "frame")) written to \(pcap)")
        }
    }

    private func follow(_ client: inout ControlClient, _ writer: TraceWriter, until end: ContinuousClock.Instant?)
        throws
    {
        var request = ControlRequest()
        request.trace.bus = bus
        do {
            try client.send(request)
            while !Interruption.came, end.map({ ContinuousClock.now < $0 }) ?? true {
                guard let reply = try client.receive(within: Interruption.glance) else { continue }
                switch reply.message {
                case .failure(let failed)?:
                    throw CommandFailure(.init(Int32(failed.exitStatus)), failed.message, hint: failed.hint)
                case .traceRecord(let record)?: try writer.take(record)
                default: continue
                }
            }
        } catch let error as ControlClientError {
            throw Daemon.failure(error)
        }
    }

    private func followDirectly(_ writer: TraceWriter, until end: ContinuousClock.Instant?) async throws {
        let bus = try DirectBus(.bus(bus), devices: .all, options)
        Output.complain("(no daemon: polling the bus ourselves)")
        let names = Dictionary(uniqueKeysWithValues: bus.configure.devices.map { ($0.index, $0.name) })
        let mask = HouseholdMask(devices: bus.configuration?.devices(onBus: bus.name) ?? [])
        let sink = TraceSink { record in
            let record = mask.masked(record)
            var made = ControlTraceRecord()
            let boot = BootInstant(nanoseconds: Int64(clamping: record.bootNs))
            made.bootNs = record.bootNs
            made.time = DriverSession.wall(boot).description
            made.sent = record.sent
            made.data = record.data
            made.text = record.text
            made.failed = record.failed
            made.device = record.hasDevice_p ? names[record.device] ?? "" : ""
            // A full disk is told at the end.
            try? writer.take(made)
        }
        try await DriverSession.with(bus, configureOnly: false, sink: sink) { session in
            await session.supervisor.trace(true)
            while !Interruption.came, !writer.hasFailed, end.map({ ContinuousClock.now < $0 }) ?? true {
                try await Task.sleep(for: Interruption.glance)
            }
        }
        try writer.check()
    }
}

/// Hears the records of a driver that was started here.
private struct TraceSink: DriverSink {
    let take: @Sendable (DriverTraceRecord) -> Void

    func driver(_ bus: String, didReport report: DriverReport) async {
        if case .trace(let record) = report { take(record) }
    }
}

/// Shows records, and writes them into a capture. Thread-safe.
final class TraceWriter: Sendable {
    private struct State: Sendable {
        var capture: ModbusCapture?
        var captured = 0
        var lastBoot: UInt64?
        var failure: Int32?
    }

    private let state: Mutex<State>
    private let json: Bool
    private let device: String?
    private let path: String?

    init(_ options: SharedOptions, device: String?, pcap: String?) throws {
        json = options.json
        self.device = device
        path = pcap
        var capture: ModbusCapture?
        if let pcap {
            capture = ModbusCapture(path: pcap)
            guard capture != nil else {
                let code = errno
                throw CommandFailure(
                    ExitStatus.wrongUsage, "\(pcap) cannot be made: \(String(cString: strerror(code)))",
                    hint: code == EEXIST ? "trace changes no existing file; name another one" : "")
            }
        }
        state = Mutex(State(capture: capture))
    }

    /// Frames in the capture; nil without one.
    var captured: Int? { state.withLock { $0.capture == nil ? nil : $0.captured } }
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    func close() { state.withLock { $0.capture?.close() } }

    func take(_ record: ControlTraceRecord) throws {
        guard device == nil || record.device == device else { return }
        let last = state.withLock { state -> UInt64? in
            defer { state.lastBoot = record.bootNs }
            return state.lastBoot
        }
        if json {
            Output.print(Self.json(record))
        } else if path == nil || Output.isTerminal {
            Output.print(Self.line(record, after: last))
        }
        try capture(record)
    }

    private func capture(_ record: ControlTraceRecord) throws {
        // Zeros in place of a household's values would be read as values.
        guard !HouseholdMask.isMasked(record.text), !record.data.isEmpty, let time = UTCInstant(record.time) else {
            return
        }
        state.withLock { state in
            guard state.capture != nil, state.failure == nil else { return }
            // The text has milliseconds; the boot time keeps the order and the distances.
            let nanoseconds = time.nanoseconds / 1_000_000 * 1_000_000 + Int64(record.bootNs % 1_000_000)
            if state.capture?.add([UInt8](record.data), isSent: record.sent, at: nanoseconds) == true {
                state.captured += 1
            } else {
                state.failure = errno
            }
        }
        try check()
    }

    func check() throws {
        guard let code = state.withLock({ $0.failure }) else { return }
        throw CommandFailure(
            ExitStatus.failed, "the capture \(path ?? "") cannot be written: \(String(cString: strerror(code)))")
    }

    static func line(_ record: ControlTraceRecord, after last: UInt64?) -> String {
        let time = record.time.split(separator: "T").last.map { $0.hasSuffix("Z") ? String($0.dropLast()) : String($0) }
        var parts = [Formats.fit(time ?? "", 12)]
        parts.append(last.map { Self.delta(from: $0, to: record.bootNs) } ?? Formats.fit("", 10))
        parts.append(record.failed ? "!" : record.sent ? ">" : "<")
        if !record.device.isEmpty { parts.append(record.device) }
        parts.append(HexText.of(record.data))
        if !record.text.isEmpty { parts.append("  " + record.text) }
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// `+12.3 ms`, in ten characters.
    private static func delta(from last: UInt64, to now: UInt64) -> String {
        let milliseconds = Double(now &- min(last, now)) / 1e6
        let text = milliseconds < 10_000 ? "+\(Formats.oneDecimal(milliseconds)) ms" : "+\(Int(milliseconds / 1000)) s"
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    static func json(_ record: ControlTraceRecord) -> JSONValue {
        [
            "time": .string(record.time), "boot_ns": .integer(record.bootNs), "sent": .bool(record.sent),
            "device": .string(record.device), "data": .string(HexText.of(record.data)), "text": .string(record.text),
            "failed": .bool(record.failed),
        ]
    }
}

/// Bytes for people: `01 04 00 00`.
enum HexText {
    static func of(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: " ")
    }
}
