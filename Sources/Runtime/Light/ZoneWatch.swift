import Lighting

/// Follows a zone's file: rules that an update of the package tzdata changed rule at once, without a restart.
struct ZoneWatch: Sendable {
    /// The zone's name in the tz database.
    let name: String
    private let folder: String
    private var stamp: ZoneFileStamp?

    /// - Parameter folder: the root of a compiled tz database.
    init(name: String, folder: String = TimeZoneRules.systemFolder) {
        self.name = name
        self.folder = folder
    }

    /// Looks at the file.
    ///
    /// - Returns: its rules, where it is another file than before; nil at the first look.
    /// - Throws: when the new file cannot be used. It is not read again before it changes again.
    mutating func changed() throws -> TimeZoneRules? {
        guard let found = ZoneFileStamp(name: name, folder: folder), found != stamp else { return nil }
        let isFirst = stamp == nil
        stamp = found
        return isFirst ? nil : try TimeZoneRules.load(name: name, folder: folder)
    }
}
