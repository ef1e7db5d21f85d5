internal import CSQLite

/// An open SQLite database, closed when its owner ends. One thread at a time.
struct SQLiteDatabase: ~Copyable {
    let path: String
    private let handle: OpaquePointer
    /// Statements compiled before and not in use now.
    private let idle: IdleStatements

    /// Another program (a technician with `sqlite3`) may hold the file for a moment; longer than this is reported as locked.
    static let busyTimeoutMilliseconds: Int32 = 2_000

    /// Opens or creates the file.
    init(path: String) throws(StorageError) {
        var opened: OpaquePointer?
        // No mutex: the owner lives on one thread.
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let detail = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw SQLiteDatabase.failure(code, path: path, detail: detail)
        }
        // Set here and not where it is declared: the 6.2 compiler fails on a throw after a stored property has its value.
        idle = IdleStatements()
        self.path = path
        handle = opened
        sqlite3_busy_timeout(handle, SQLiteDatabase.busyTimeoutMilliseconds)
    }

    deinit {
        idle.finalizeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs statements that return nothing of interest.
    func execute(_ sql: String) throws(StorageError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    /// Compiles a statement, or takes up one of the same text that was used before.
    func prepare(_ sql: String) throws(StorageError) -> SQLiteStatement {
        if let again = idle.take(sql) {
            return SQLiteStatement(handle: again, sql: sql, idle: idle, database: handle, path: path)
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code) }
        return SQLiteStatement(handle: statement, sql: sql, idle: idle, database: handle, path: path)
    }

    /// The first column of the first row as an integer; 0 without a row.
    func integer(_ sql: String) throws(StorageError) -> Int64 {
        var statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// All or nothing: committed (and, with `synchronous=FULL`, on the medium) when it returns.
    func transaction<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
        try execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // SQLite may have rolled back by itself (disk full); a second rollback is then an error of no interest.
            if sqlite3_get_autocommit(handle) == 0 { _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
            throw error
        }
    }

    var changes: Int { Int(sqlite3_changes(handle)) }

    private func error(_ code: Int32) -> StorageError {
        SQLiteDatabase.failure(
            sqlite3_extended_errcode(handle) != 0 ? sqlite3_extended_errcode(handle) : code, path: path,
            detail: String(cString: sqlite3_errmsg(handle)))
    }

    static func failure(_ code: Int32, path: String, detail: String) -> StorageError {
        let kind: StorageError.Code =
            switch code & 0xFF {
            case SQLITE_FULL: .full
            case SQLITE_READONLY, SQLITE_PERM: .readOnly
            case SQLITE_BUSY, SQLITE_LOCKED: .locked
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
            case SQLITE_CANTOPEN: .cannotOpen
            case SQLITE_IOERR: .inputOutput
            default: .other
            }
        return StorageError(kind, path: path, detail: "\(detail), SQLite \(code)", sqliteCode: code)
    }
}

/// A prepared statement, finalised when its owner ends. Parameters count from 1, columns from 0, as in SQLite.
struct SQLiteStatement: ~Copyable {
    private let handle: OpaquePointer
    private let sql: String
    private let idle: IdleStatements
    private let database: OpaquePointer
    private let path: String

    // SQLITE_TRANSIENT is a macro with a cast that the importer leaves out: SQLite copies the bytes before the call returns.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    fileprivate init(
        handle: OpaquePointer, sql: String, idle: IdleStatements, database: OpaquePointer, path: String
    ) {
        self.handle = handle
        self.sql = sql
        self.idle = idle
        self.database = database
        self.path = path
    }

    deinit { idle.give(handle, sql: sql) }

    mutating func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
    mutating func bind(_ index: Int32, _ value: Int) { sqlite3_bind_int64(handle, index, Int64(value)) }
    /// Sequences and counters: 63 bits are enough for a million a second over 290,000 years.
    mutating func bind(_ index: Int32, _ value: UInt64) { sqlite3_bind_int64(handle, index, Int64(bitPattern: value)) }
    mutating func bind(_ index: Int32, _ value: String) {
        var text = value
        text.withUTF8 { bytes in
            _ = bytes.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text(
                    handle, index, characters.baseAddress, Int32(characters.count), SQLiteStatement.copied)
            }
        }
    }
    mutating func bind(_ index: Int32, _ value: [UInt8]) {
        // An empty array has no address, which SQLite would take for NULL.
        if value.isEmpty {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            sqlite3_bind_blob(handle, index, value, Int32(value.count), SQLiteStatement.copied)
        }
    }
    mutating func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

    /// True while there is a row.
    mutating func step() throws(StorageError) -> Bool {
        let code = sqlite3_step(handle)
        switch code & 0xFF {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let extended = sqlite3_extended_errcode(database)
            throw SQLiteDatabase.failure(
                extended != 0 ? extended : code, path: path, detail: String(cString: sqlite3_errmsg(database)))
        }
    }

    /// Runs a statement that returns no rows, and makes it ready to be bound again.
    mutating func run() throws(StorageError) {
        defer { sqlite3_reset(handle) }
        while try step() {}
    }

    mutating func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: sqlite3_column_int64(handle, column)) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    /// Text, repaired where it is no UTF-8.
    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }
    func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }
}

/// Compiled statements that nobody uses now, by their text: compiling one takes longer than running it.
// One thread at a time, as the database it belongs to.
private final class IdleStatements {
    private var statements: [String: OpaquePointer] = [:]
    private var isClosed = false

    /// Far more than the program's different statements; those with numbers in their text must not gather for ever.
    private static let most = 64

    func take(_ sql: String) -> OpaquePointer? { statements.removeValue(forKey: sql) }

    func give(_ statement: OpaquePointer, sql: String) {
        guard !isClosed, statements[sql] == nil, statements.count < IdleStatements.most else {
            sqlite3_finalize(statement)
            return
        }
        // What was bound may be large; it is not kept.
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
        statements[sql] = statement
    }

    func finalizeAll() {
        isClosed = true
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
    }
}
