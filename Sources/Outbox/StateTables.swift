internal import Telemetry

/// The tables of `state.sqlite`. Synchronous; lives on the thread of its ``StateStore``.
final class StateTables {
    let database: SQLiteDatabase
    private let path: String

    /// "COXS": marks the file as a gateway's state.
    private static let applicationID: Int32 = 0x434F_5853
    /// A UUID takes 36; more than this is no id but an attack on the disk.
    static let longestID = 256
    /// Two commands a second for a day; beyond it new commands are refused rather than old ids forgotten.
    static let mostCommands: Int64 = 200_000
    /// A command lives at most this long.
    static let longestLife = Duration.seconds(24 * 3_600)
    /// A broker may deliver late, a clock may be wrong by a zone: ids outlive their command by this.
    static let keptAfterExpiry = Duration.seconds(48 * 3_600)

    enum Table: String {
        case overrides
        case items
    }

    private static let version1 = """
        -- expires: UTC in ns; NULL until a trusted clock names it. results: NULL until finished.
        CREATE TABLE commands(id TEXT PRIMARY KEY, expires INTEGER, context BLOB NOT NULL, results BLOB) WITHOUT ROWID;
        CREATE TABLE memories(
            bus TEXT NOT NULL, device TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(bus, device, key))
            WITHOUT ROWID;
        CREATE TABLE overrides(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE items(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        """

    init(path: String) throws(StorageError) {
        self.path = path
        database = try DatabaseFile.open(
            path: path, applicationID: StateTables.applicationID, migrations: [StateTables.version1])
        // Small, and lamps depend on it: looked through as a whole.
        var check = try database.prepare("PRAGMA quick_check(1)")
        let verdict = try check.step() ? check.text(0) : "no answer"
        guard verdict == "ok" else { throw StorageError(.corrupt, path: path, detail: verdict) }
    }

    func interrupted() throws(StorageError) -> [StateStore.Interrupted] {
        var found: [StateStore.Interrupted] = []
        var rows = try database.prepare("SELECT id, context FROM commands WHERE results IS NULL ORDER BY id")
        while try rows.step() { found.append(.init(id: rows.text(0), context: rows.blob(1))) }
        return found
    }

    func reserve(
        id: String, expires: UTCInstant?, now: UTCInstant?, context: [UInt8]
    ) throws(StorageError) -> StateStore.Reservation {
        guard !id.isEmpty, id.utf8.count <= StateTables.longestID else {
            throw StorageError(.refused, path: path, detail: "a command id of \(id.utf8.count) bytes")
        }
        if let state = try state(of: id) { return .seen(state) }
        guard try database.integer("SELECT count(*) FROM commands") < StateTables.mostCommands else {
            throw StorageError(
                .refused, path: path, detail: "more than \(StateTables.mostCommands) commands are remembered")
        }
        var row = try database.prepare("INSERT INTO commands(id, expires, context) VALUES(?, ?, ?)")
        row.bind(1, id)
        // The head-end's own expiry needs no clock of ours; only where it gave none is the moment of arrival needed.
        if let end = expires ?? now?.advanced(by: StateTables.longestLife) {
            row.bind(2, end.nanoseconds)
        } else {
            row.bindNull(2)
        }
        row.bind(3, context)
        try row.run()
        return .new
    }

    private func state(of id: String) throws(StorageError) -> StateStore.CommandState? {
        var row = try database.prepare("SELECT results FROM commands WHERE id = ?")
        row.bind(1, id)
        guard try row.step() else { return nil }
        if row.isNull(0) { return .reserved }
        // Results that cannot be read are none: the id counts as seen all the same.
        guard let content = try? ContentCodec.decode(row.blob(0)), case .results(let results) = content else {
            return .finished([])
        }
        return .finished(results)
    }

    func finish(id: String, results: [CommandResult]) throws(StorageError) {
        var row = try database.prepare("UPDATE commands SET results = ? WHERE id = ?")
        row.bind(1, ContentCodec.encode(results: results))
        row.bind(2, id)
        try row.run()
        guard database.changes == 1 else {
            throw StorageError(.refused, path: path, detail: "the command \(id) was never reserved")
        }
    }

    func prune(now: UTCInstant) throws(StorageError) {
        try database.transaction { () throws(StorageError) in
            var named = try database.prepare("UPDATE commands SET expires = ? WHERE expires IS NULL")
            named.bind(1, now.advanced(by: StateTables.longestLife).nanoseconds)
            try named.run()
            var old = try database.prepare("DELETE FROM commands WHERE expires < ? AND results IS NOT NULL")
            old.bind(1, now.nanoseconds &- StateTables.keptAfterExpiry.wholeNanoseconds)
            try old.run()
        }
    }

    func put(_ memory: StateStore.Memory) throws(StorageError) {
        var row = try database.prepare("INSERT OR REPLACE INTO memories(bus, device, key, value) VALUES(?, ?, ?, ?)")
        row.bind(1, memory.bus)
        row.bind(2, memory.device)
        row.bind(3, memory.key)
        row.bind(4, memory.value)
        try row.run()
    }

    func removeMemory(bus: String, device: String, key: String) throws(StorageError) {
        var row = try database.prepare("DELETE FROM memories WHERE bus = ? AND device = ? AND key = ?")
        row.bind(1, bus)
        row.bind(2, device)
        row.bind(3, key)
        try row.run()
    }

    func memories(bus: String) throws(StorageError) -> [StateStore.Memory] {
        var rows = try database.prepare("SELECT device, key, value FROM memories WHERE bus = ? ORDER BY device, key")
        rows.bind(1, bus)
        var found: [StateStore.Memory] = []
        while try rows.step() {
            found.append(.init(bus: bus, device: rows.text(0), key: rows.text(1), value: rows.blob(2)))
        }
        return found
    }

    func put(_ value: [UInt8]?, _ key: String, in table: Table) throws(StorageError) {
        guard let value else {
            var row = try database.prepare("DELETE FROM \(table.rawValue) WHERE key = ?")
            row.bind(1, key)
            return try row.run()
        }
        var row = try database.prepare("INSERT OR REPLACE INTO \(table.rawValue)(key, value) VALUES(?, ?)")
        row.bind(1, key)
        row.bind(2, value)
        try row.run()
    }

    func value(_ key: String, in table: Table) throws(StorageError) -> [UInt8]? {
        var row = try database.prepare("SELECT value FROM \(table.rawValue) WHERE key = ?")
        row.bind(1, key)
        return try row.step() ? row.blob(0) : nil
    }

    func all(in table: Table) throws(StorageError) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        var rows = try database.prepare("SELECT key, value FROM \(table.rawValue)")
        while try rows.step() { found[rows.text(0)] = rows.blob(1) }
        return found
    }

    func close() {
        // A log that stays behind is read at the next opening: nothing is lost when this fails.
        try? database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
