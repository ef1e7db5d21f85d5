import ArgumentParser
import ControlProtocol

/// The daemon at the other end of the control socket.
enum Daemon {
    /// Connects; nil when no daemon is there and none was named.
    static func connectIfThere(_ options: SharedOptions) throws -> ControlClient? {
        do {
            return try ControlClient(path: options.socketPath)
        } catch {
            if error.kind == .notReachable, !options.namesDaemon { return nil }
            throw failure(error)
        }
    }

    static func connect(_ options: SharedOptions) throws -> ControlClient {
        do {
            return try ControlClient(path: options.socketPath)
        } catch {
            throw failure(error)
        }
    }

    static func ask(_ request: ControlRequest, _ options: SharedOptions) throws -> ControlReply {
        var client = try connect(options)
        return try ask(request, &client)
    }

    /// Longest wait for an answer: a fade of 90 s and its read-back fit in.
    static let patience: Duration = .seconds(120)

    static func ask(_ request: ControlRequest, _ client: inout ControlClient) throws -> ControlReply {
        let reply: ControlReply
        do {
            reply = try client.ask(request, within: patience)
        } catch {
            throw failure(error)
        }
        if case .failure(let failed)? = reply.message {
            throw CommandFailure(.init(Int32(failed.exitStatus)), failed.message, hint: failed.hint)
        }
        return reply
    }

    static func failure(_ error: ControlClientError) -> CommandFailure {
        let status = error.kind == .timedOut ? ExitStatus.failed : ExitStatus.daemonNotReachable
        return CommandFailure(status, error.message, hint: error.hint)
    }
}
