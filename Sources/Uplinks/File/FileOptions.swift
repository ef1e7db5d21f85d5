/// Where lines go and how much of them is kept.
public struct FileOptions: Sendable {
    /// A file of this size still opens in an editor and goes through a mail.
    public static let defaultRotation: Int64 = 10_000_000
    /// Beside the current file. With the default size 60 MB in all: a week of a busy gateway.
    public static let defaultKept = 5
    /// Messages that may wait for their fsync at once; together they cost one.
    static let inFlight = 64
    /// Bytes that may wait: what a slow card writes in a second or two.
    static let inFlightBytes = 2 << 20

    public var name: String
    /// A file, or a named pipe that exists already.
    public var path: String
    /// A file that would grow beyond it is set aside as `path.1` first.
    public var rotation: Int64
    /// How many files set aside are kept; the oldest goes.
    public var kept: Int
    public var timing = FileTiming()

    /// Checks settings; no input or output.
    public init(_ settings: UplinkSettings) throws(UplinkSettingsError) {
        guard let path = settings.path, !path.isEmpty, !path.hasSuffix("/"), !path.utf8.contains(0) else {
            throw UplinkSettingsError(key: "path", problem: "is missing; expected the path of a file or a named pipe")
        }
        guard !settings.acceptsCommands else {
            throw UplinkSettingsError(key: "commands", problem: "no command comes out of a file; expected none")
        }
        name = settings.name
        self.path = path
        rotation = settings.rotation ?? Self.defaultRotation
        kept = settings.keptFiles ?? Self.defaultKept
        guard rotation > 0, kept > 0 else {
            throw UplinkSettingsError(key: rotation > 0 ? "keep" : "rotate", problem: "must be more than 0")
        }
    }

    /// The file beside it that holds a document.
    func documentPath(_ document: RetainedDocument) -> String { "\(path).\(document.rawValue).json" }
}

/// The delays of a file uplink. Tests shorten them; the field does not.
public struct FileTiming: Sendable, Hashable {
    /// The first wait after the file was lost or a pipe's reader went away: a reader that is restarted is back by then.
    public var firstRetry: Duration = .seconds(1)
    /// The longest: somebody who starts a reader by hand does not want to wait.
    public var longestRetry: Duration = .seconds(10)
    /// How long it rests when the disk is full: as long as with brokers that refuse.
    public var rest: Duration = .seconds(15)
    /// A pipe whose reader takes nothing for so long is left, and the line in it begins anew.
    public var stall: Duration = .seconds(30)

    public init() {}
}
