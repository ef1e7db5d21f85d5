/// What came out of reading a configuration.
public struct ConfigurationLoad: Sendable {
    /// Nil when the file cannot be used at all.
    public internal(set) var configuration: GatewayConfiguration?
    /// All of them, sorted by place.
    public let diagnostics: [Diagnostic]
    /// Parts that carry errors, or depend on one that does, and are not in ``configuration``.
    public let disabled: [DisabledPart]

    /// See ``GatewayConfiguration/dropTrees()``.
    public mutating func dropTrees() { configuration?.dropTrees() }

    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    public var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }
    /// `config check` exits with 2.
    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}
