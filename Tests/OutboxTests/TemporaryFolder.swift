import CSQLite
import Glibc
import Telemetry

@testable import Outbox

/// A folder that is gone when the test is over.
func withTemporaryFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/candela-outbox-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw TestFailure("no temporary folder: error \(errno)") }
    let folder = String(cString: made)
    defer {
        for name in files(in: folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
    return try await body(folder)
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func files(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
            field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

func contents(of path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return bytes }
        bytes.append(contentsOf: buffer[..<count])
    }
}

func write(_ bytes: [UInt8], to path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    _ = Glibc.write(file, bytes, bytes.count)
}

/// What a crash leaves: the files as they are on the disk at this moment.
func copyDatabase(from: String, to: String) {
    for suffix in ["", "-wal"] where access(from + suffix, F_OK) == 0 {
        write(contents(of: from + suffix), to: to + suffix)
    }
}

/// A second program at the same file.
func execute(_ sql: String, at path: String) throws {
    var handle: OpaquePointer?
    defer { sqlite3_close_v2(handle) }
    guard sqlite3_open(path, &handle) == SQLITE_OK, sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
        throw TestFailure(String(cString: sqlite3_errmsg(handle)))
    }
}

/// Each byte of a blob as two digits.
func hexadecimal(_ sql: String, at path: String) throws -> [String] {
    let database = try SQLiteDatabase(path: path)
    var row = try database.prepare(sql)
    guard try row.step() else { return [] }
    let digits = Array(row.text(0))
    return stride(from: 0, to: digits.count, by: 2).map { String(digits[$0..<$0 + 2]) }
}

/// Never commits by itself within a test.
func options(
    limit: Int64 = OutboxOptions.defaultLimitBytes, machine: String = "m1", boot: String = "boot-1",
    buffered: Int = 20_000,
    newer: OutboxOptions.NewerFile = .refuse
) -> OutboxOptions {
    OutboxOptions(
        flush: .seconds(3_600), limitBytes: limit, machineID: machine, boot: boot, bufferedReadings: buffered,
        newerFile: newer,
        bootClock: { BootInstant(nanoseconds: 5_000_000_000) })
}

func reading(
    _ device: String = "feeder-a", _ point: String = "active_power", _ value: Int64 = 1, second: Int64 = 1,
    keep: KeepClass = .telemetry
) -> Reading {
    Reading(
        device: device, point: point, acquired: BootInstant(nanoseconds: second * 1_000_000_000),
        value: .number(ExactDecimal(mantissa: value, exponent: -1)), unit: "W", quality: .good, keep: keep)
}

func event(_ kind: String) -> Event {
    Event(kind: kind, severity: .info, occurred: BootInstant(nanoseconds: 1))
}

extension Batch {
    var readings: [Reading] { if case .readings(let readings) = content { readings } else { [] } }
    var events: [Event] { if case .events(let events) = content { events } else { [] } }
    var results: [CommandResult] { if case .results(let results) = content { results } else { [] } }
}
