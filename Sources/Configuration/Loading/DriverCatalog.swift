/// The drivers that are installed and where each keeps its profiles.
public struct DriverCatalog: Sendable, Hashable {
    /// By name, sorted.
    public private(set) var manifests: [DriverManifest]
    /// The folders that were searched, for messages.
    public let searched: [String]

    public init(manifests: [DriverManifest], searched: [String] = []) {
        self.manifests = manifests.sorted { $0.driver < $1.driver }
        self.searched = searched
    }

    public subscript(driver: String) -> DriverManifest? { manifests.first { $0.driver == driver } }
}

/// What a driver's `driver.yaml` says.
public struct DriverManifest: Sendable, Hashable {
    public let driver: String
    /// As written: a name, or a path relative to ``folder``.
    public let executable: String
    /// The folder of its profiles as a path; nil when the driver has none.
    public let profileFolder: String?
    /// Version of the driver protocol.
    public let protocolVersion: Int
    public let description: String
    /// The folder in which the manifest lies.
    public let folder: String

    public init(
        driver: String, executable: String, profileFolder: String?, protocolVersion: Int = 1, description: String = "",
        folder: String
    ) {
        self.driver = driver
        self.executable = executable
        self.profileFolder = profileFolder
        self.protocolVersion = protocolVersion
        self.description = description
        self.folder = folder
    }
}
