public import DriverProtocol
public import Logging
import Synchronization

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
    /// Starts the driver in `check_only` mode, takes its answer and ends it. Nothing is left running.
    ///
    /// - Parameters: as of ``DriverSupervisor``; `configure.bus` names the bus in messages.
    public static func check(
        executable: String, manifestName: String, workingDirectory: String? = nil, configure: DriverConfigure,
        runtimeVersion: String = "1", limits: SupervisionLimits = SupervisionLimits(), log: Logger
    ) async throws(DriverProbeError) -> DriverProbeAnswer {
        var configure = configure
        configure.checkOnly = true
        let sink = ProbeSink()
        let supervisor = DriverSupervisor(
            bus: configure.bus, executable: executable, manifestName: manifestName, workingDirectory: workingDirectory,
            configure: configure, hasLamps: false, responseTimeout: .zero, runtimeVersion: runtimeVersion,
            limits: limits, log: log, sink: sink)
        await supervisor.start()
        await sink.ended()
        await supervisor.stop()
        guard let configured = await supervisor.configured, let hello = await supervisor.hello else {
            throw DriverProbeError(description: sink.reason ?? "the driver of bus '\(configure.bus)' gave no answer")
        }
        return DriverProbeAnswer(hello: hello, configured: configured)
    }
}

/// Waits for the first answer or failure.
private final class ProbeSink: DriverSink {
    private struct State: Sendable {
        var hasEnded = false
        var reason: String?
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    var reason: String? { state.withLock { $0.reason } }

    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.hasEnded { state.waiter = continuation }
                return state.hasEnded
            }
            if isOver { continuation.resume() }
        }
    }

    func driver(_ bus: String, didReport report: DriverReport) async {
        switch report {
        case .configured: end(nil)
        case .gone(let reason): end(reason)
        default: break
        }
    }

    private func end(_ reason: String?) {
        let waiter = state.withLock { state in
            state.hasEnded = true
            if state.reason == nil { state.reason = reason }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
