/// Reads `gateway.yaml`, what it includes, its board and its profiles.
public struct ConfigurationLoader: Sendable {
    /// Looks up an environment variable, for port paths of boards.
    public let environment: @Sendable (String) -> String?

    public init(environment: @escaping @Sendable (String) -> String? = ProcessEnvironment.variable) {
        self.environment = environment
    }

    /// Reads and checks everything. Never throws: what is wrong is in the diagnostics.
    ///
    /// - Parameters:
    ///   - path: of `gateway.yaml`.
    ///   - boards: folders searched for board files, in this order.
    ///   - drivers: what is installed.
    public func load(path: String, boards: [String], drivers: DriverCatalog) -> ConfigurationLoad {
        let session = LoadSession(environment: environment, boards: boards, drivers: drivers)
        return session.load(path: path)
    }
}
