import Configuration
import Logging
import Outbox
import Telemetry
import Uplinks

/// One uplink with its pump and what it may see and command.
struct AssembledUplink: Sendable {
    let configuration: UplinkConfiguration
    let uplink: any Uplink
    let pump: UplinkPump
    /// Devices it sees; nil: all.
    let selection: Set<String>?
}

/// Makes uplinks of the configuration.
enum UplinkAssembly {
    /// Devices an uplink sees: what it selects, or all; a household's only when it is named itself. nil: all.
    static func selection(of uplink: UplinkConfiguration, in configuration: GatewayConfiguration) -> Set<String>? {
        let households = Set(configuration.devices.filter { $0.privacy == .household }.map(\.name))
        if let chosen = uplink.selection {
            return chosen.devices.subtracting(households.subtracting(chosen.named))
        }
        guard !households.isEmpty else { return nil }
        return Set(configuration.devices.map(\.name)).subtracting(households)
    }

    /// - Throws: a sentence when the uplink cannot work as configured.
    static func settings(
        of uplink: UplinkConfiguration, gateway: String, will: [UInt8], stateDirectory: String
    ) throws -> UplinkSettings {
        var acceptsCommands = true
        if case .none = uplink.commands { acceptsCommands = false }
        var settings = UplinkSettings(
            name: uplink.name, gateway: gateway, type: uplink.kind.rawValue, url: uplink.url.description,
            topic: uplink.topic,
            ca: try authorities(of: uplink, stateDirectory: stateDirectory), certificate: uplink.certificate,
            key: try uplink.key.map { try SecretReader.path($0) }, username: uplink.username,
            password: try uplink.password.map { try SecretReader.text($0) }, version: uplink.version.rawValue,
            requireSubscriber: uplink.requireSubscriber, inFlight: uplink.inFlight, clientID: uplink.clientID,
            acceptsCommands: acceptsCommands, will: will)
        if let http = uplink.http {
            settings.token = try http.token.map { try SecretReader.text($0) }
            settings.compresses = http.compresses
            settings.isSingleURL = http.isSingleURL
            settings.timeout = http.timeout
        }
        if let file = uplink.file {
            settings.path = file.path
            settings.rotation = file.rotation
            settings.keptFiles = file.kept
        }
        return settings
    }

    /// The library takes one file; several authorities, as during a roll-over, are put together.
    private static func authorities(of uplink: UplinkConfiguration, stateDirectory: String) throws -> String? {
        guard uplink.certificateAuthorities.count > 1 else { return uplink.certificateAuthorities.first }
        var together: [UInt8] = []
        for path in uplink.certificateAuthorities {
            guard let bytes = SmallFile.bytes(path) else {
                throw SecretReader.Failure(description: "the authority \(path) cannot be read")
            }
            together += bytes + [0x0A]
        }
        let path = stateDirectory + "/authorities-\(uplink.name).pem"
        guard SmallFile.replace(path, with: together, mode: 0o644) else {
            throw SecretReader.Failure(description: "\(path) cannot be written")
        }
        return path
    }
}
