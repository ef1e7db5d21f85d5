import Telemetry
import TestSupport

@testable import Uplinks

/// The Python server of `Python/http_head_end.py` as a child.
final class HTTPHeadEnd: Sendable {
    let process: ChildProcess
    let port: Int
    private let scheme: String

    /// - Parameter tls: certificate, key and the authority of client certificates.
    init(tls: [String] = []) async throws {
        let python = Project.python ?? "python3"
        process = try ChildProcess(python, [Project.root + "/Tests/UplinksTests/Python/http_head_end.py"] + tls)
        let line = try await process.line(containing: "listening ")
        port = Int(line.dropFirst("listening ".count)) ?? 0
        scheme = tls.isEmpty ? "http" : "https"
    }

    var url: String { "\(scheme)://127.0.0.1:\(port)/ingest" }

    /// How one of the next POSTs is answered.
    func answer(_ answer: String) async throws {
        let before = process.lines.filter { $0 == "noted" }.count
        process.write(answer + "\n")
        _ = try await process.wait("the note of an answer") { lines in
            lines.filter { $0 == "noted" }.count > before ? true : nil
        }
    }

    /// What came, as the server tells it.
    var requests: [JSONValue] {
        process.lines.filter { $0.hasPrefix("{") }.compactMap { try? JSONValue(parsing: $0) }
    }

    func posts(_ suffix: String = "/ingest/readings") -> [JSONValue] {
        requests.filter { $0["method"]?.text == "POST" && $0["path"]?.text == suffix }
    }

    func recorder(
        timing: HTTPTiming = .quick, _ change: (inout UplinkSettings) -> Void = { _ in }
    ) throws -> UplinkRecorder {
        var settings = UplinkSettings(name: "head-end", gateway: "g-1", type: "http", url: url)
        change(&settings)
        var options = try HTTPOptions(settings)
        options.timing = timing
        let uplink = try HTTPUplink(options: options, log: UplinkRecorder.silentLog, now: { nil })
        uplink.setDocument(.state, payload: Array(#"{"state":"online"}"#.utf8))
        return UplinkRecorder(uplink)
    }
}

extension HTTPTiming {
    /// The field's, many times as fast where a test would have to wait.
    static var quick: HTTPTiming {
        var timing = HTTPTiming()
        timing.firstRetry = .milliseconds(20)
        timing.longestRetry = .milliseconds(200)
        timing.refusedRest = .milliseconds(100)
        return timing
    }
}
