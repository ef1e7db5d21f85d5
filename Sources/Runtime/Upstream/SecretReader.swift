import Configuration
import Glibc

/// Reads a secret at the moment it is needed; it never stands in a configuration, a log or a status.
enum SecretReader {
    struct Failure: Error, CustomStringConvertible {
        /// Names the reference, never the secret.
        let description: String
    }

    static func text(_ reference: SecretReference) throws(Failure) -> String {
        switch reference {
        case .file(let path):
            guard let text = SmallFile.text(path) else { throw Failure(description: "\(reference) cannot be read") }
            return text
        case .credential(let name):
            guard let path = credentialPath(name), let text = SmallFile.text(path) else {
                throw Failure(
                    description: "\(reference) is not among the service's credentials (LoadCredential= in its unit)")
            }
            return text
        case .environment(let name):
            guard let value = getenv(name) else {
                throw Failure(description: "the variable of \(reference) is not set")
            }
            return String(cString: value)
        }
    }

    /// A secret that a library wants as a file.
    static func path(_ reference: SecretReference) throws(Failure) -> String {
        switch reference {
        case .file(let path): return path
        case .credential(let name):
            guard let path = credentialPath(name) else {
                throw Failure(description: "\(reference): the service has no credentials")
            }
            return path
        case .environment:
            throw Failure(description: "\(reference): a key must be a file or a credential, not a variable")
        }
    }

    private static func credentialPath(_ name: String) -> String? {
        getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) + "/" + name }
    }
}
