/// Gathers everything that is wrong in one run. Used by one thread while a configuration is read.
final class DiagnosticCollector {
    private struct Identity: Hashable {
        let position: SourcePosition
        let severity: Diagnostic.Severity
        let text: String
    }

    private var seen: Set<Identity> = []
    private(set) var diagnostics: [Diagnostic] = []
    /// Parts that carry an error, with the first of them.
    private(set) var failed: [ConfigurationPart: Diagnostic] = [:]
    /// The file cannot be used at all.
    private(set) var isUnusable = false

    /// Says a thing once, though 64 lamps of one range share it.
    ///
    /// - Parameter title: whose it is: "device feeder-a".
    func report(
        _ severity: Diagnostic.Severity, at position: SourcePosition, title: String? = nil, _ text: String,
        hint: String? = nil, subject: ConfigurationPart? = nil
    ) {
        let diagnostic = Diagnostic(
            severity, at: position, (title.map { $0 + ": " } ?? "") + text, hint: hint, subject: subject)
        if severity == .error {
            if let subject {
                if failed[subject] == nil { failed[subject] = diagnostic }
            } else {
                isUnusable = true
            }
        }
        if seen.insert(Identity(position: position, severity: severity, text: text)).inserted {
            diagnostics.append(diagnostic)
        }
    }
}
