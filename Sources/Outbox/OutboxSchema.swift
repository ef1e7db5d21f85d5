/// The tables of `outbox.sqlite`.
enum OutboxSchema {
    /// "COXO": marks the file as a gateway's outbox.
    static let applicationID: Int32 = 0x434F_584F

    /// Forward only; a released step is never changed.
    static let migrations = [version1, version2]

    private static let version1 = """
        -- stream, machine, created, sequence (last given), boot (of the last commit), closed, dropped, damaged
        CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
        CREATE TABLE boots(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE);
        -- first: the sequence from which on batches refer to it, until the next dictionary
        CREATE TABLE dictionaries(hash INTEGER PRIMARY KEY, first INTEGER NOT NULL, content BLOB NOT NULL);
        CREATE TABLE batches(
            sequence INTEGER PRIMARY KEY,
            lane INTEGER NOT NULL,
            keep INTEGER NOT NULL,
            boot INTEGER NOT NULL,
            first_ns INTEGER NOT NULL,
            last_ns INTEGER NOT NULL,
            count INTEGER NOT NULL,
            dictionary INTEGER NOT NULL,
            format INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            acknowledged INTEGER,   -- kept for resending after everyone had it; NULL until then
            spans BLOB NOT NULL,    -- device, first n, count; with a checksum of its own, for when the content is damaged
            content BLOB NOT NULL);
        CREATE INDEX batches_by_class ON batches(lane, keep, sequence, count);
        CREATE TABLE counters(device TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE counter_states(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE uplinks(name TEXT PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE cursors(
            uplink TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(uplink, first)) WITHOUT ROWID;
        CREATE TABLE cuts(
            uplink TEXT NOT NULL, sequence INTEGER NOT NULL, parts BLOB NOT NULL, PRIMARY KEY(uplink, sequence)) WITHOUT ROWID;
        -- device '' stands for events and results, which have no n: from_n and to_n are sequences then
        CREATE TABLE gaps(
            id INTEGER PRIMARY KEY, device TEXT NOT NULL, from_n INTEGER NOT NULL, to_n INTEGER NOT NULL,
            missing INTEGER NOT NULL, reason TEXT NOT NULL, uplinks TEXT NOT NULL);
        CREATE TABLE quarantine(
            sequence INTEGER PRIMARY KEY, lane INTEGER, keep INTEGER, boot INTEGER, first_ns INTEGER, last_ns INTEGER,
            count INTEGER, dictionary INTEGER, format INTEGER, checksum INTEGER, spans BLOB, content BLOB, problem TEXT);
        """

    /// A dictionary that grows is no longer written anew as a whole. `start` is the index of the part's first series.
    private static let version2 = """
        CREATE TABLE dictionary_parts(
            dictionary INTEGER NOT NULL, start INTEGER NOT NULL, checksum INTEGER NOT NULL, content BLOB NOT NULL,
            PRIMARY KEY(dictionary, start)) WITHOUT ROWID;
        """
}
