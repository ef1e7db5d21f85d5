public import DriverProtocol

/// Where in a configuration something stands: whose it is, and the way of keys and list positions to it.
public struct NodePlace: Sendable, Hashable {
    public let subject: DriverDiagnostic.Subject
    /// Name of the device or profile; empty for the bus.
    public let name: String
    public let path: [String]

    public init(_ subject: DriverDiagnostic.Subject, name: String = "", path: [String] = []) {
        self.subject = subject
        self.name = name
        self.path = path
    }

    public func appending(_ key: String) -> NodePlace { NodePlace(subject, name: name, path: path + [key]) }
    public func appending(_ position: Int) -> NodePlace { appending(String(position)) }
}

/// Collects what is wrong with a configuration, so that a technician sees all of it in one run.
public final class Diagnostics {
    /// Kept at most: a profile that is garbage says so a few hundred times, not a million.
    public static let limit = 500

    public private(set) var all: [DriverDiagnostic] = []

    public init() {}

    /// - Parameters:
    ///   - message: what is wrong and what was expected, one sentence.
    ///   - atKey: the key itself is wrong, not its value.
    public func error(_ message: String, at place: NodePlace, atKey: Bool = false) {
        add(.error, message, place, atKey)
    }

    /// The subject can be used all the same.
    public func warning(_ message: String, at place: NodePlace, atKey: Bool = false) {
        add(.warning, message, place, atKey)
    }

    public func hasErrors(_ subject: DriverDiagnostic.Subject, name: String = "") -> Bool {
        all.contains { $0.severity == .error && $0.subject == subject && $0.name == name }
    }

    private func add(_ severity: DriverDiagnostic.Severity, _ message: String, _ place: NodePlace, _ atKey: Bool) {
        guard all.count < Self.limit else { return }
        var diagnostic = DriverDiagnostic()
        diagnostic.severity = severity
        diagnostic.subject = place.subject
        diagnostic.name = place.name
        diagnostic.path = place.path
        diagnostic.message = message
        diagnostic.atKey = atKey
        all.append(diagnostic)
    }
}
