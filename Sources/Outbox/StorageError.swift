/// Why a database of this gateway could not be opened, read or written: code, place, and a sentence that says what to do.
///
/// What is worth retrying without a person is told by ``isTransient``.
public struct StorageError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// No space is left on the file system, or the file has reached its own limit.
        case full
        /// The file or the file system may not be written.
        case readOnly
        /// Another program holds the file.
        case locked
        /// The file is no database, or its structure is destroyed.
        case corrupt
        /// The file was written by a newer version of the gateway.
        case newerVersion
        /// The file cannot be opened: no such folder, no permission.
        case cannotOpen
        /// Reading from or writing to the device failed.
        case inputOutput
        /// The database was closed, or never opened.
        case closed
        /// What was handed over cannot be stored (too long, unknown uplink, too many command ids).
        case refused
        /// Anything else that SQLite reports.
        case other
    }

    public let code: Code
    /// The file concerned.
    public let path: String
    /// What exactly failed, with SQLite's own words where it has some.
    public let detail: String
    /// SQLite's extended result code; 0 when the failure is not SQLite's.
    public let sqliteCode: Int32

    public init(_ code: Code, path: String, detail: String, sqliteCode: Int32 = 0) {
        self.code = code
        self.path = path
        self.detail = detail
        self.sqliteCode = sqliteCode
    }

    /// Whether the same call may succeed later without a change of the file or the configuration.
    public var isTransient: Bool {
        switch code {
        case .full, .readOnly, .locked, .inputOutput, .cannotOpen, .other: true
        case .corrupt, .newerVersion, .closed, .refused: false
        }
    }

    public var description: String { "\(path): \(sentence) (\(detail)). \(advice)" }

    private var sentence: String {
        switch code {
        case .full: "no space is left to store data"
        case .readOnly: "the database cannot be written"
        case .locked: "another program holds the database"
        case .corrupt: "the database is damaged"
        case .newerVersion: "the database was written by a newer version"
        case .cannotOpen: "the database cannot be opened"
        case .inputOutput: "the storage device reports an error"
        case .closed: "the database is closed"
        case .refused: "this cannot be stored"
        case .other: "the database reports an error"
        }
    }

    private var advice: String {
        switch code {
        case .full: "Free space on the file system (df), or lower outbox.limit; the gateway goes on by itself."
        case .readOnly: "Check the mount (dmesg, mount) and the owner of the folder; the gateway retries by itself."
        case .locked: "Close the other program (fuser FILE); the gateway retries by itself."
        case .corrupt: "The file is set aside beside the new one; send it with the support bundle."
        case .newerVersion: "Install the version that wrote it, or move the file away to begin a new stream."
        case .cannotOpen: "Check that the state directory exists and belongs to the gateway's user."
        case .inputOutput: "Check the medium (dmesg); a flash card that reports errors is worn out: replace it."
        case .closed: "Start the gateway again."
        case .refused: "Correct what is handed over."
        case .other: "Retried by the gateway; if it stays, send the support bundle."
        }
    }
}
