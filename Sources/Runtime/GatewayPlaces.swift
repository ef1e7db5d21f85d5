public import Configuration

/// Where a gateway finds and keeps its things.
public struct GatewayPlaces: Sendable {
    public var configuration: String
    public var stateDirectory: String
    public var socket: String
    public var driverFolders: [String]
    public var boardFolders: [String]
    /// Members of this group may use the control socket.
    public var group: String

    public init(
        configuration: String, stateDirectory: String, socket: String, driverFolders: [String], boardFolders: [String],
        group: String = "candela"
    ) {
        self.configuration = configuration
        self.stateDirectory = stateDirectory
        self.socket = socket
        self.driverFolders = driverFolders
        self.boardFolders = boardFolders
        self.group = group
    }
}

/// Why a gateway did not start.
public enum GatewayStartFailure: Error, Sendable {
    /// Neither the file nor a last good one can be used.
    case configuration([Diagnostic])
    /// Another daemon runs, or a folder cannot be written.
    case place(String)
}
