internal import CLinux
internal import CSQLite
internal import Glibc

/// What `outbox.sqlite` and `state.sqlite` have in common: pragmas, versions, and how a file that cannot be used is set aside.
enum DatabaseFile {
    /// Files of one database that stay beside it after being set aside; older ones go, so that a dying card does not fill itself.
    static let mostSetAside = 2

    /// Opens or creates a database with the durability everything here relies on, and migrates it forward.
    ///
    /// - Parameter migrations: SQL that brings the schema from `user_version` n to n + 1, for each n from 0.
    /// - Throws: ``StorageError/Code/newerVersion`` when the file knows more migrations than this program.
    static func open(path: String, applicationID: Int32, migrations: [String]) throws(StorageError) -> SQLiteDatabase {
        let database = try SQLiteDatabase(path: path)
        // Pages freed by acknowledgement can be given back; must be said before the first table exists.
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = FULL")
        try database.execute("PRAGMA cell_size_check = ON")
        // What was delivered is overwritten, not merely unlinked: a household's readings must not be found on a card that was sold.
        try database.execute("PRAGMA secure_delete = ON")
        let version = Int(try database.integer("PRAGMA user_version"))
        let application = try database.integer("PRAGMA application_id")
        guard version == 0 || application == Int64(applicationID) else {
            throw StorageError(.corrupt, path: path, detail: "the file is the database of another program")
        }
        guard version <= migrations.count else {
            throw StorageError(
                .newerVersion, path: path, detail: "format \(version), this version knows up to \(migrations.count)")
        }
        if version == 0 { try database.execute("PRAGMA application_id = \(applicationID)") }
        for step in version..<migrations.count {
            try database.transaction { () throws(StorageError) in
                try database.execute(migrations[step])
                try database.execute("PRAGMA user_version = \(step + 1)")
            }
        }
        return database
    }

    /// Renames the file and its log to `<path>.<cause>-<time>`.
    ///
    /// - Returns: the new name; nil when there was nothing to rename.
    static func setAside(_ path: String, cause: String) -> String? {
        let name = "\(path).\(cause)-\(timestamp())"
        var target = name
        var attempt = 1
        while exists(target) {
            attempt += 1
            target = "\(name)-\(attempt)"
        }
        // The log first: a database without its log is old but whole, a log beside a new database would be taken for its own.
        _ = rename(path + "-wal", target + "-wal")
        unlink(path + "-shm")
        guard rename(path, target) == 0 else { return nil }
        synchronizeFolder(of: path)
        trimSetAside(path)
        return target
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Bytes that the file system counts for a file; 0 when it is absent.
    static func size(_ path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }

    /// Tells one file from another of the same name; nil when it is absent.
    static func identity(_ path: String) -> [UInt64]? {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        return [UInt64(information.st_dev), UInt64(information.st_ino)]
    }

    /// `20261121T160405Z`, by the clock as it is: a name, not a time to rely on.
    private static func timestamp() -> String {
        var seconds = time_t(candela_realtime_nanoseconds() / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int32, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2) + "T"
            + digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
    }

    /// A rename is only durable when its folder is.
    private static func synchronizeFolder(of path: String) {
        let folder = openFolder(split(path).folder)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Creates a file that really occupies its bytes.
    ///
    /// - Returns: whether there is space for it; if not, nothing is left behind.
    static func allocate(_ path: String, bytes: Int64) -> Bool {
        if size(path) >= bytes { return true }
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { return false }
        defer { Glibc.close(file) }
        if posix_fallocate(file, 0, off_t(bytes)) == 0 { return true }
        unlink(path)
        return false
    }

    private static func openFolder(_ folder: String) -> Int32 {
        Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    private static func trimSetAside(_ path: String) {
        let (folder, name) = split(path)
        var aside: [(time: Int, path: String)] = []
        for entry in files(in: folder) where entry.hasPrefix(name + ".") && !entry.hasSuffix("-wal") {
            var information = stat()
            let full = "\(folder)/\(entry)"
            if stat(full, &information) == 0 {
                aside.append((information.st_ctim.tv_sec * 1_000_000_000 + information.st_ctim.tv_nsec, full))
            }
        }
        for old in aside.sorted(by: { $0.time > $1.time }).dropFirst(mostSetAside) {
            unlink(old.path)
            unlink(old.path + "-wal")
        }
    }

    private static func files(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { field in
                    field.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: field.pointee)) {
                        String(cString: $0)
                    }
                })
        }
        return names
    }
}
