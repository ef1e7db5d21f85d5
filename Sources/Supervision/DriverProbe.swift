public import DriverProtocol
public import Logging

/// Why a driver could not be asked.
public struct DriverProbeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened and what to do, one or two sentences.
    public let description: String
}

/// What a driver answers.
public struct DriverProbeAnswer: Sendable {
    public let hello: DriverDriverHello
    public let configured: DriverConfigured
}

/// Asks a driver what it thinks of a configuration, without any I/O in the field.
public enum DriverProbe {
    /// Starts the driver in `check_only` mode, takes its answer and ends it.
    public static func check(
        executable: String, manifestName: String, workingDirectory: String? = nil, configure: DriverConfigure,
        log: Logger
    ) async throws(DriverProbeError) -> DriverProbeAnswer {
        throw DriverProbeError(description: "")
    }
}
