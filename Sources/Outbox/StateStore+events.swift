public import Telemetry

/// What happened, kept on the gateway for people: bounded in time and number.
extension StateStore {
    public struct StoredEvent: Sendable, Hashable {
        public let boot: String
        public let occurred: BootInstant
        /// What the wall clock said then, for a boot whose offset is not known any more.
        public let wall: UTCInstant
        public let kind: String
        /// Empty: of the gateway.
        public let device: String
        public let severity: UInt8
        /// Whether the condition holds from then on; nil for a mere happening.
        public let active: Bool?
        /// A JSON object.
        public let detail: String

        public init(
            boot: String, occurred: BootInstant, wall: UTCInstant, kind: String, device: String, severity: UInt8,
            active: Bool?, detail: String
        ) {
            self.boot = boot
            self.occurred = occurred
            self.wall = wall
            self.kind = kind
            self.device = device
            self.severity = severity
            self.active = active
            self.detail = detail
        }
    }

    /// Adds events in their order and removes what is too old or too many.
    public func append(events: [StoredEvent]) throws(StorageError) { try open().append(events) }

    /// The newest `limit` ones, of one device or of all, newest last.
    public func events(device: String?, limit: Int) throws(StorageError) -> [StoredEvent] {
        try open().events(device: device, limit: limit)
    }
}

extension StateTables {
    /// A bus that flaps all night makes some thousands; more tell nobody anything.
    static let mostEvents = 50_000
    static let eventsKept = Duration.seconds(30 * 86_400)

    /// Not a new version of the file: an older program leaves the table alone and is not hindered by it.
    static let eventTable = """
        CREATE TABLE IF NOT EXISTS events(
            id INTEGER PRIMARY KEY, boot TEXT NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL, kind TEXT NOT NULL,
            device TEXT NOT NULL, severity INTEGER NOT NULL, active INTEGER, detail TEXT NOT NULL)
        """

    func append(_ events: [StateStore.StoredEvent]) throws(StorageError) {
        try database.execute(StateTables.eventTable)
        try database.transaction { () throws(StorageError) in
            for event in events {
                var row = try database.prepare(
                    "INSERT INTO events(boot, at, wall, kind, device, severity, active, detail) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
                )
                row.bind(1, event.boot)
                row.bind(2, event.occurred.nanoseconds)
                row.bind(3, event.wall.nanoseconds)
                row.bind(4, event.kind)
                row.bind(5, event.device)
                row.bind(6, Int64(event.severity))
                if let active = event.active { row.bind(7, Int64(active ? 1 : 0)) } else { row.bindNull(7) }
                row.bind(8, event.detail)
                try row.run()
            }
            guard let newest = events.last else { return }
            var old = try database.prepare("DELETE FROM events WHERE wall < ?")
            old.bind(1, newest.wall.nanoseconds &- StateTables.eventsKept.wholeNanoseconds)
            try old.run()
            var many = try database.prepare("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?")
            many.bind(1, Int64(StateTables.mostEvents))
            try many.run()
        }
    }

    func events(device: String?, limit: Int) throws(StorageError) -> [StateStore.StoredEvent] {
        try database.execute(StateTables.eventTable)
        var rows = try database.prepare(
            """
            SELECT boot, at, wall, kind, device, severity, active, detail FROM events WHERE ?1 = '' OR device = ?1
            ORDER BY id DESC LIMIT ?2
            """)
        rows.bind(1, device ?? "")
        rows.bind(2, Int64(limit))
        var found: [StateStore.StoredEvent] = []
        while try rows.step() {
            found.append(
                .init(
                    boot: rows.text(0), occurred: BootInstant(nanoseconds: rows.integer(1)),
                    wall: UTCInstant(nanoseconds: rows.integer(2)), kind: rows.text(3), device: rows.text(4),
                    severity: UInt8(clamping: rows.integer(5)),
                    active: rows.isNull(6) ? nil : rows.integer(6) != 0, detail: rows.text(7)))
        }
        return found.reversed()
    }
}
