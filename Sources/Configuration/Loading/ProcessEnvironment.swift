import Glibc

/// The environment this process was started with.
public enum ProcessEnvironment {
    /// The value of a variable; nil when it is not set.
    public static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }
}
