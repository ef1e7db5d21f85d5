import CLinux
import DriverProtocol
import Glibc
import Logging
import Synchronization
import Testing

@testable import Supervision

/// Root of the package, from this file's place in it.
let packageRoot: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/")
}()

let exampleDriver = packageRoot + "/docs/examples/python-driver/demo-driver"

/// A folder that goes with its owner. Holds files only.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/candela-supervision-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
    }

    deinit {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink(path + "/" + name)
            }
            closedir(folder)
        }
        rmdir(path)
    }

    /// An executable file.
    func write(_ name: String, _ text: String) -> String {
        let file = path + "/" + name
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        return file
    }

    /// A driver in Python whose behaviour is `body`. It has `send(name=...)`, `messages()` and `greet()`, which
    /// answers all up to Start.
    func driver(_ body: String) -> String {
        write(
            "driver",
            """
            #!/usr/bin/python3 -B
            import os, sys, time, signal
            sys.path.insert(0, "\(packageRoot)/docs/examples/python-driver")
            import candela_wire as wire
            def raw(data):
                while data: data = data[os.write(1, data):]
            def send(**message): raw(wire.frame(message))
            frames = wire.Frames()
            def messages():
                while True:
                    data = os.read(0, 65536)
                    if not data: return
                    yield from frames.feed(data)
            def greet(name="demo", version=1, stall=0):
                for message in messages():
                    if "hello" in message:
                        send(hello={"name": name, "driver_version": "1", "protocol_version": version, "stall_after_ms": stall})
                    elif "configure" in message:
                        c = message["configure"]
                        send(configured={"request": c["request"], "devices": [
                            {"index": d.get("index", 0), "usable": 1, "points": [{"name": "voltage", "unit": "V"}]}
                            for d in c.get("devices", [])]})
                    elif "start" in message:
                        send(started={"port": "a port"})
                        return
            \(body)

            """)
    }

    func read(_ name: String) -> String? {
        let descriptor = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }
}

/// Collects reports and lets tests wait for one.
final class CollectingSink: DriverSink {
    private struct State: Sendable {
        var reports: [DriverReport] = []
        var waiters: [(matches: @Sendable (DriverReport) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }
    private let state = Mutex(State())

    var reports: [DriverReport] { state.withLock { $0.reports } }

    var gone: [String] {
        reports.compactMap { if case .gone(let reason) = $0 { reason } else { nil } }
    }

    /// Waits for a report that matches, unless one came already.
    func wait(for matches: @escaping @Sendable (DriverReport) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.reports.contains(where: matches) { return true }
                state.waiters.append((matches, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func wait(for condition: BusCondition) async {
        await wait { if case .state(let state) = $0 { state.condition == condition } else { false } }
    }

    func waitUntilGone() async {
        await wait { if case .gone = $0 { true } else { false } }
    }

    func forget() { state.withLock { $0.reports = [] } }

    func driver(_ bus: String, didReport report: DriverReport) async {
        let done = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.reports.append(report)
            let matching = state.waiters.filter { $0.matches(report) }
            state.waiters.removeAll { $0.matches(report) }
            return matching.map(\.continuation)
        }
        for continuation in done { continuation.resume() }
    }
}

/// Collects what is logged.
struct CollectingLog: LogHandler {
    final class Lines: Sendable {
        let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.texts.withLock { $0.append("\(event.message)") } }
}

/// A supervisor with all around it.
struct DriverBench {
    let sink = CollectingSink()
    let lines = CollectingLog.Lines()
    let supervisor: DriverSupervisor

    init(
        executable: String, name: String = "demo", devices: Int = 1, limits: SupervisionLimits = SupervisionLimits(),
        hasLamps: Bool = false, responseTimeout: Duration = .milliseconds(200), sink other: (any DriverSink)? = nil
    ) {
        let log = Logger(label: "test") { [lines] _ in CollectingLog(lines: lines) }
        supervisor = DriverSupervisor(
            bus: "meters", executable: executable, manifestName: name, configure: Self.configure(devices: devices),
            hasLamps: hasLamps, responseTimeout: responseTimeout, limits: limits, log: log, sink: other ?? sink)
    }

    static func configure(devices: Int) -> DriverConfigure {
        var configure = DriverConfigure()
        configure.bus = "meters"
        configure.devices = (0..<devices).map { index in
            var device = DriverDevice()
            device.index = UInt32(index)
            device.name = "heater-\(index)"
            device.intervalMs = 200
            var entry = DriverNode.Entry()
            entry.key = "address"
            entry.value.number = "\(index)"
            device.options.map.entries = [entry]
            return device
        }
        return configure
    }

    /// The driver's process; 0: none.
    var process: Int32 { get async { await supervisor.state.process } }
}

/// Whether a process of this number exists.
func exists(_ process: Int32) -> Bool { kill(process, 0) == 0 || errno != ESRCH }
