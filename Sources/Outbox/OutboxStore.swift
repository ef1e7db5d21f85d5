internal import CLinux
internal import Telemetry

/// The tables of one outbox and what must be known of them in memory. Synchronous; lives on the storage thread of its ``Outbox``.
final class OutboxStore {
    let database: SQLiteDatabase
    let path: String
    let space: OutboxSpace
    let boot: String
    /// Of the file that was opened: a file that was removed or replaced under us is noticed by it.
    let identity: [UInt64]?
    var ledger = OutboxLedger()
    private(set) var dictionaries: [Int64: SeriesDictionary] = [:]
    /// What was committed last, while uplinks keep up.
    var fresh = FreshBatches()
    /// Reused for every batch that is written or read.
    var prediction = ReadingPrediction()
    private var bootTexts: [Int64: String] = [:]

    /// Pages of the database in memory, in kilobytes. A batch is written once, deleted once, and mostly sent from memory: what a few commits
    /// touch is enough, and SQLite's default of 2 MB would fill up with pages that nobody asks for again.
    static let cacheKilobytes = 512
    /// Old dictionaries stay decoded while a backlog that refers to them is sent; few are ever in use at once.
    static let mostCachedDictionaries = 4
    /// Checked at opening, newest first: what a torn write would hit. The rest is checked when it is read.
    static let batchesCheckedAtOpening = 100

    /// What a file says of itself when it is opened.
    struct Found {
        var stream: String?
        var machine = ""
        var lastBoot: String?
        var wasClosed = false
    }

    private init(path: String, options: OutboxOptions, found: inout Found) throws(StorageError) {
        self.path = path
        boot = options.boot
        space = OutboxSpace(limit: options.limitBytes)
        database = try DatabaseFile.open(
            path: path, applicationID: OutboxSchema.applicationID, migrations: OutboxSchema.migrations)
        identity = DatabaseFile.identity(path)
        try database.execute("PRAGMA cache_size = -\(OutboxStore.cacheKilobytes)")
        try database.execute("PRAGMA wal_autocheckpoint = \(space.checkpointPages)")
        try database.execute("PRAGMA journal_size_limit = \(space.log)")
        try setPageLimit(space.pages)
        let meta = try readMeta()
        found.stream = meta["stream"]
        found.machine = meta["machine"] ?? ""
        found.lastBoot = meta["boot"]
        found.wasClosed = meta["closed"] == "1"
        ledger.stream = meta["stream"] ?? ""
        ledger.lastSequence = meta["sequence"].flatMap { UInt64($0) } ?? 0
        ledger.droppedReadings = meta["dropped"].flatMap { UInt64($0) } ?? 0
        ledger.damagedBatches = meta["damaged"].flatMap { Int($0) } ?? 0
    }

    /// Opens the file, sets aside what cannot be used, and begins a stream where none goes on.
    static func open(path: String, options: OutboxOptions) throws(StorageError) -> (
        store: OutboxStore, opening: OutboxOpening
    ) {
        var found = Found()
        var cause = OutboxOpening.Cause.continued
        do {
            let store = try OutboxStore(path: path, options: options, found: &found)
            if found.stream == nil {
                return (store, try store.begin(.new, previous: nil, setAside: nil, options: options))
            }
            if found.machine == options.machineID {
                try store.load()
                try store.checkNewest(now: options.bootClock())
                try store.writeMeta([("closed", "0")])
                let opening = OutboxOpening(
                    stream: store.ledger.stream, cause: .continued, previousStream: nil,
                    lastCommittedSequence: store.ledger.lastSequence, lastBoot: found.lastBoot, boot: options.boot,
                    wasClosed: found.wasClosed, setAside: nil)
                return (store, opening)
            }
            cause = .clone
        } catch {
            switch error.code {
            case .corrupt: cause = .corrupt
            case .newerVersion where options.newerFile == .setAside: cause = .newerVersion
            default: throw error
            }
        }
        // The store is closed here: it was local to the block above.
        guard let aside = DatabaseFile.setAside(path, cause: cause.rawValue) else {
            throw StorageError(.cannotOpen, path: path, detail: "the old file (\(cause.rawValue)) cannot be renamed")
        }
        let previous = found.stream
        let store = try OutboxStore(path: path, options: options, found: &found)
        return (store, try store.begin(cause, previous: previous, setAside: aside, options: options))
    }

    /// Writes what a new stream needs to be one.
    private func begin(
        _ cause: OutboxOpening.Cause, previous: String?, setAside: String?, options: OutboxOptions
    ) throws(StorageError) -> OutboxOpening {
        ledger = OutboxLedger()
        ledger.stream = OutboxStore.newStream()
        let created = String(candela_realtime_nanoseconds() / 1_000_000_000)
        try database.transaction { () throws(StorageError) in
            try writeMeta([
                ("stream", ledger.stream), ("machine", options.machineID), ("created", created), ("sequence", "0"),
                ("closed", "0"),
            ])
        }
        return OutboxOpening(
            stream: ledger.stream, cause: cause, previousStream: previous, lastCommittedSequence: 0, lastBoot: nil,
            boot: options.boot, wasClosed: true, setAside: setAside)
    }

    /// A UUID of version 4 (RFC 9562): random, because a new stream may begin before the clock is right.
    static func newStream() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = (0..<16).map { _ in .random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
        }
        return text
    }

    /// Reads everything that is kept in memory.
    private func load() throws(StorageError) {
        ledger.lastSequence = max(
            ledger.lastSequence, UInt64(try database.integer("SELECT coalesce(max(sequence), 0) FROM batches")))
        var rows = try database.prepare("SELECT device, n FROM counters")
        while try rows.step() { ledger.counters[rows.text(0)] = rows.unsigned(1) }
        rows = try database.prepare("SELECT id, boot FROM boots")
        while try rows.step() { ledger.boots[rows.text(1)] = rows.integer(0) }
        rows = try database.prepare("SELECT name FROM uplinks")
        while try rows.step() { ledger.uplinks[rows.text(0)] = Cursor() }
        rows = try database.prepare("SELECT uplink, first, last FROM cursors")
        while try rows.step() {
            let (first, last) = (rows.unsigned(1), rows.unsigned(2))
            guard first <= last, last <= UInt64(Int64.max) else { throw damaged("a cursor's range is reversed") }
            ledger.uplinks[rows.text(0)]?.load(first...last)
        }
        rows = try database.prepare("SELECT device, from_n, to_n, missing, reason, uplinks FROM gaps ORDER BY id")
        while try rows.step() {
            ledger.gaps.add(
                Gap(
                    device: rows.text(0), first: rows.unsigned(1), last: rows.unsigned(2), missing: rows.unsigned(3),
                    reason: rows.text(4), uplinks: rows.text(5)))
        }
        rows = try database.prepare("SELECT hash FROM dictionaries ORDER BY first DESC LIMIT 1")
        if try rows.step() {
            let hash = rows.integer(0)
            // A damaged one is simply not continued; what refers to it is declared when it is read.
            if let dictionary = try dictionary(hash) {
                ledger.dictionary = dictionary
                ledger.dictionaryHash = hash
                ledger.storedSeries = dictionary.series.count
            }
        }
    }

    func damaged(_ problem: String) -> StorageError { StorageError(.corrupt, path: path, detail: problem) }

    func setPageLimit(_ pages: Int64) throws(StorageError) { try database.execute("PRAGMA max_page_count = \(pages)") }

    private func readMeta() throws(StorageError) -> [String: String] {
        var meta: [String: String] = [:]
        var rows = try database.prepare("SELECT key, value FROM meta")
        while try rows.step() { meta[rows.text(0)] = rows.text(1) }
        return meta
    }

    func writeMeta(_ entries: [(key: String, value: String)]) throws(StorageError) {
        var statement = try database.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)")
        for entry in entries {
            statement.bind(1, entry.key)
            statement.bind(2, entry.value)
            try statement.run()
        }
    }

    /// The dictionary stored under a hash; nil when it is missing or damaged.
    func dictionary(_ hash: Int64) throws(StorageError) -> SeriesDictionary? {
        if let known = dictionaries[hash] { return known }
        var rows = try database.prepare("SELECT content, first FROM dictionaries WHERE hash = ?")
        rows.bind(1, hash)
        guard try rows.step() else { return nil }
        let content = rows.blob(0)
        // Stores of the first version name a dictionary by its content alone.
        let names = [OutboxStore.dictionaryName(content, first: rows.unsigned(1)), Checksum.contentHash(content)]
        guard names.contains(hash), var decoded = try? SeriesDictionary(decoding: content) else {
            return nil
        }
        rows = try database.prepare(
            "SELECT start, checksum, content FROM dictionary_parts WHERE dictionary = ? ORDER BY start")
        rows.bind(1, hash)
        while try rows.step() {
            let part = rows.blob(2)
            // What follows a damaged part is of no use: batches that refer beyond it are declared when they are read.
            guard rows.integer(0) == Int64(decoded.series.count), rows.integer(1) == Int64(Checksum.of(part)),
                (try? decoded.append(decoding: part)) != nil
            else { break }
        }
        remember(decoded, hash: hash)
        return decoded
    }

    func remember(_ dictionary: SeriesDictionary, hash: Int64) {
        if dictionaries[hash] == nil, dictionaries.count >= OutboxStore.mostCachedDictionaries {
            dictionaries.removeAll()
        }
        dictionaries[hash] = dictionary
    }

    func bootText(_ id: Int64) -> String? {
        if let known = bootTexts[id] { return known }
        guard let text = ledger.boots.first(where: { $0.value == id })?.key else { return nil }
        bootTexts[id] = text
        return text
    }

    /// Moves the log into the database and shortens it; what a technician copies is then one file.
    func close() throws(StorageError) {
        try writeMeta([("closed", "1")])
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
