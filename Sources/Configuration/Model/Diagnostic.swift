/// What is wrong with a configuration, where, and what was expected.
public struct Diagnostic: Sendable, Hashable, Comparable, CustomStringConvertible {
    public enum Severity: Sendable, Hashable {
        case error
        case warning

        public var name: String { self == .error ? "error" : "warning" }
    }

    public let severity: Severity
    public let position: SourcePosition
    /// What is wrong, and after a semicolon what was expected. Never holds a secret.
    public let message: String
    /// What to do, where that is not obvious: "did you mean \"profile\"?".
    public let hint: String?
    /// The part that an error disables; nil when the error makes the whole file unusable.
    public let subject: ConfigurationPart?

    public init(
        _ severity: Severity, at position: SourcePosition, _ message: String, hint: String? = nil,
        subject: ConfigurationPart? = nil
    ) {
        self.severity = severity
        self.position = position
        self.message = message
        self.hint = hint
        self.subject = subject
    }

    public var file: String { position.file }
    public var line: Int { position.line }
    public var column: Int { position.column }

    /// By place, errors first where the place is the same.
    public static func < (a: Diagnostic, b: Diagnostic) -> Bool {
        if a.position != b.position { return a.position < b.position }
        if a.severity != b.severity { return a.severity == .error }
        return a.message < b.message
    }

    /// `gateway.yaml:12:5: error: what is wrong; what was expected (what to do)`.
    public var description: String {
        "\(position): \(severity.name): \(message)" + (hint.map { " (\($0))" } ?? "")
    }
}

/// A part of the configuration that can be left out while the rest runs.
public enum ConfigurationPart: Sendable, Hashable, CustomStringConvertible {
    case bus(String)
    case device(String)
    case uplink(String)
    /// A profile file; the devices that use it are left out.
    case profile(driver: String, name: String)
    /// A part of `lighting`: "programs.night". Lamps that depend on it are held at their group's fallback level, never dark.
    case lighting(String)

    public var description: String {
        switch self {
        case .bus(let name): "bus \(name)"
        case .device(let name): "device \(name)"
        case .uplink(let name): "uplink \(name)"
        case .profile(_, let name): "profile \(name)"
        case .lighting(let path): "lighting \(path)"
        }
    }
}

/// A part that is left out because of an error.
public struct DisabledPart: Sendable, Hashable {
    public let part: ConfigurationPart
    public let position: SourcePosition
    /// The first error in it, as one sentence.
    public let reason: String
}
