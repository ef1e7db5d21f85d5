import Glibc
import TestSupport
import Testing

@testable import Uplinks

@Suite(.timeLimit(.minutes(2)))
struct FileUplinkTests {
    private let folder = TemporaryFolder("candela-file")

    private func recorder(
        _ name: String = "out.ndjson", rotate: Int64? = nil, keep: Int? = nil, timing: FileTiming = .quick
    ) throws -> UplinkRecorder {
        var settings = UplinkSettings(name: "bench", gateway: "g-1", type: "file", url: "")
        settings.path = name.hasPrefix("/") ? name : folder(name)
        settings.rotation = rotate
        settings.keptFiles = keep
        var options = try FileOptions(settings)
        options.timing = timing
        return UplinkRecorder(FileUplink(options: options, log: UplinkRecorder.silentLog))
    }

    private func lines(_ name: String) -> [String] {
        (TestFiles.text(folder(name)) ?? "").split(separator: "\n").map(String.init)
    }

    @Test func `messages are lines, documents are files beside, and a stop leaves the last state`() async throws {
        let recorder = try recorder()
        recorder.uplink.setDocument(.devices, payload: Array(#"{"devices":[]}"#.utf8))
        try await recorder.connected()
        for token in 1...50 { try recorder.send(UInt64(token), "{\"number\":\(token)}") }
        for token in 1...50 { try await recorder.acknowledged(UInt64(token)) }
        #expect(lines("out.ndjson") == (1...50).map { "{\"number\":\($0)}" })
        await recorder.uplink.stop(finalState: Array(#"{"state":"stopping"}"#.utf8))
        #expect(lines("out.ndjson.devices.json") == [#"{"devices":[]}"#])
        #expect(lines("out.ndjson.state.json") == [#"{"state":"stopping"}"#])
        #expect(throws: PublishRefusal.notConnected) { try recorder.send(51) }
    }

    @Test func `a file that has its size is set aside, and the oldest goes`() async throws {
        let recorder = try recorder(rotate: 100, keep: 2)
        try await recorder.connected()
        for token in 1...9 {
            try recorder.send(UInt64(token), "\(token)" + String(repeating: "x", count: 39))
            try await recorder.acknowledged(UInt64(token))
        }
        await recorder.uplink.stop(finalState: [])
        #expect(lines("out.ndjson").map(\.first) == ["9"])
        #expect(lines("out.ndjson.1").map(\.first) == ["7", "8"])
        #expect(lines("out.ndjson.2").map(\.first) == ["5", "6"])
        #expect(!TestFiles.exists(folder("out.ndjson.3")))
    }

    @Test func `what a crash cut off is taken back before the next line`() async throws {
        folder.write("out.ndjson", "{\"a\":1}\n{\"b\":" + String(repeating: "9", count: 200_000))
        folder.write("other.ndjson", "no line's end at all")
        for (name, first) in [("out.ndjson", ["{\"a\":1}"]), ("other.ndjson", [])] {
            let recorder = try recorder(name)
            try await recorder.connected()
            try recorder.send(1, "{\"c\":1}")
            try await recorder.acknowledged(1)
            await recorder.uplink.stop(finalState: [])
            #expect(lines(name) == first + ["{\"c\":1}"])
        }
    }

    @Test func `a file that is moved away by hand is made anew, and a second writer is kept out`() async throws {
        let first = try recorder()
        try await first.connected()
        try first.send(1, "1")
        try await first.acknowledged(1)
        let second = try recorder()
        second.uplink.start()
        try await second.event("refused") {
            if case .disconnected(let reason, _) = $0 { reason.contains("another process writes it") } else { false }
        }
        await second.uplink.stop(finalState: [])
        #expect(rename(folder("out.ndjson"), folder("taken.ndjson")) == 0)
        try first.send(2, "2")
        try await first.acknowledged(2)
        await first.uplink.stop(finalState: [])
        #expect(lines("taken.ndjson") == ["1"])
        #expect(lines("out.ndjson") == ["2"])
    }

    @Test func `a path that cannot be written says why, and is tried again`() async throws {
        let recorder = try recorder("missing/out.ndjson")
        recorder.uplink.start()
        try await recorder.event("the reason") {
            if case .disconnected(let reason, _) = $0 {
                reason.contains("missing/out.ndjson: cannot be opened: No such file or directory")
            } else {
                false
            }
        }
        TestFiles.makeFolder(folder("missing"))
        try await recorder.connected(times: 1)
        try recorder.send(1, "1")
        try await recorder.acknowledged(1)
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `a pipe is written while somebody reads it, and a reader that goes away is a lost connection`()
        async throws
    {
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        let recorder = try recorder("pipe")
        recorder.uplink.setDocument(.state, payload: Array(#"{"state":"online"}"#.utf8))
        recorder.uplink.start()
        try await recorder.event("no reader") {
            if case .disconnected(let reason, _) = $0 { reason.contains("nobody reads the pipe") } else { false }
        }
        let reader = try ChildProcess("cat", [folder("pipe")])
        try await recorder.connected(times: 1)
        try recorder.send(1, "one")
        try await reader.line(containing: "one")
        #expect(reader.lines == [#"{"state":"online"}"#, "one"])
        try await recorder.acknowledged(1)
        await reader.stop()
        // The kernel tells of a reader that has gone when the next line is written.
        try recorder.send(2, "two")
        try await recorder.event("given back") { if case .unacknowledged(2, _) = $0 { true } else { false } }
        let next = try ChildProcess("cat", [folder("pipe")])
        try await recorder.connected(times: 2)
        try recorder.send(3, "two")
        try await next.line(containing: "two")
        await recorder.uplink.stop(finalState: Array(#"{"state":"stopping"}"#.utf8))
        try await next.line(containing: "stopping")
        #expect(try await next.exitStatus() == 0)
    }

    @Test func `a reader that takes nothing is left, and nothing is acknowledged that it has not got`() async throws {
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        let reader = open(folder("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        var timing = FileTiming.quick
        timing.stall = .milliseconds(100)
        let recorder = try recorder("pipe", timing: timing)
        try await recorder.connected()
        // More than the 64 KB that a pipe holds.
        try recorder.send(1, String(repeating: "x", count: 200_000))
        try await recorder.event("given back") {
            if case .unacknowledged(1, let reason) = $0 { !reason.isEmpty } else { false }
        }
        try await recorder.event("the reason") {
            if case .disconnected(let reason, _) = $0 { reason.contains("takes nothing") } else { false }
        }
        #expect(!recorder.events.contains(.acknowledged(token: 1)))
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `a full disk is a refusal, and what waits is taken again after the rest`() async throws {
        // A device that takes nothing is the one full disk that every machine has.
        let recorder = try recorder("/dev/full")
        try await recorder.connected()
        try recorder.send(1, "1")
        try await recorder.event("refusal") {
            if case .refused(1, let reason, _) = $0 { reason.contains("No space left on device") } else { false }
        }
        try await recorder.event("condition") {
            if case .condition(.messagesRefused, true, let detail) = $0 { detail.contains("/dev/full") } else { false }
        }
        try await recorder.event("ready") { $0 == .ready }
        try recorder.send(2, "2")
        try await recorder.event("second refusal") { if case .refused(2, _, _) = $0 { true } else { false } }
        #expect(recorder.count { if case .condition = $0 { true } else { false } } == 1)
        await recorder.uplink.stop(finalState: [])
    }

    @Test func `settings that make no sense are refused`() {
        var settings = UplinkSettings(name: "bench", gateway: "g-1", type: "file", url: "")
        #expect(throws: UplinkSettingsError.self) { try FileOptions(settings) }
        settings.path = "/tmp/x"
        settings.acceptsCommands = true
        #expect(throws: UplinkSettingsError.self) { try FileOptions(settings) }
    }
}

extension FileTiming {
    /// The field's, many times as fast where a test would have to wait.
    static var quick: FileTiming {
        var timing = FileTiming()
        timing.firstRetry = .milliseconds(20)
        timing.longestRetry = .milliseconds(100)
        timing.rest = .milliseconds(50)
        return timing
    }
}
