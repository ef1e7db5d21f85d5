import CLinux
import Configuration
import Glibc
import Logging
import Outbox
import Telemetry

/// The two databases of a gateway: on the disk, or in memory while the disk cannot be used.
struct GatewayStorage: Sendable {
    let outbox: Outbox
    let state: StateStore
    /// Of the outbox.
    let path: String
    /// What a person must know: that nothing survives a restart.
    let warnings: [String]

    /// What memory may hold when the disk cannot be used at all: hours of a cabinet, on the smallest gateway.
    private static let volatileLimit: Int64 = 16_000_000

    /// - Throws: when not even memory can be used, or another daemon has the files.
    static func open(
        _ configuration: OutboxConfiguration, stateDirectory: String, boot: String, log: Logger
    ) async throws(GatewayStartFailure) -> GatewayStorage {
        let path = configuration.path.hasPrefix("/") ? configuration.path : stateDirectory + "/" + configuration.path
        do {
            return try await open(
                path, stateDirectory + "/state.sqlite", configuration, limit: configuration.limit, boot: boot,
                warnings: [])
        } catch {
            if error.code == .locked {
                throw .place("\(error); another candelad seems to run with this state directory")
            }
            // Lighting and the technician's tools go on whatever the disk does.
            log.error("\(error); the outbox is in memory until the next start")
            let folder = "/dev/shm/candela-\(getpid())"
            SmallFile.makeFolder(folder)
            let warning = "NOTHING IS STORED: \(error); readings are in memory only and lost at a restart"
            do {
                return try await open(
                    folder + "/outbox.sqlite", folder + "/state.sqlite", configuration, limit: volatileLimit,
                    boot: boot,
                    warnings: [warning])
            } catch {
                throw .place("neither the state directory \(stateDirectory) nor memory can be used: \(error)")
            }
        }
    }

    private static func open(
        _ path: String, _ statePath: String, _ configuration: OutboxConfiguration, limit: Int64, boot: String,
        warnings: [String]
    ) async throws(StorageError) -> GatewayStorage {
        let outbox = try await Outbox.open(
            path: path,
            options: OutboxOptions(
                flush: configuration.flush, limitBytes: limit,
                machineID: SmallFile.text("/etc/machine-id") ?? "unknown",
                boot: boot, newerFile: .setAside))
        do {
            let state = try await StateStore.open(path: statePath, newerFile: .setAside)
            return GatewayStorage(outbox: outbox, state: state, path: path, warnings: warnings)
        } catch {
            await outbox.close()
            throw error
        }
    }

    func close() async {
        await outbox.close()
        await state.close()
        guard !warnings.isEmpty else { return }
        for name in ["outbox.sqlite", "state.sqlite"] {
            for suffix in ["", "-wal", "-shm"] {
                let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
                    separator: "/")
                unlink(folder + "/" + name + suffix)
            }
        }
    }
}
