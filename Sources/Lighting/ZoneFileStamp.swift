import Glibc

/// Tells one state of a zone's file from another, without reading it: looked at once a minute, it shows that the package
/// tzdata was updated. Then load the rules again and give ``LightingPlan/with(zone:)`` to the engine.
public struct ZoneFileStamp: Sendable, Hashable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// nil when there is no such file: the rules loaded before stay in force.
    ///
    /// - Parameters:
    ///   - name: `Europe/Berlin`.
    ///   - folder: the root of a compiled tz database.
    public init?(name: String, folder: String = TimeZoneRules.systemFolder) {
        var status = stat()
        guard stat(folder + "/" + name, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = Int64(status.st_mtim.tv_sec)
        nanoseconds = Int64(status.st_mtim.tv_nsec)
    }
}
