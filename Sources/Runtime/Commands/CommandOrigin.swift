import Configuration
import Telemetry

/// Who sends a command, and what that one may do.
struct CommandOrigin: Sendable {
    /// For the event `command`: `uplink head-end`, `cli uid 1000`.
    let by: String
    let permission: CommandPermission
    /// Devices whose data the sender gets; nil: all. What it does not see it does not command either, nor read.
    let visible: Set<String>?
    /// A person at the gateway: no id to remember, no clock needed.
    let isLocal: Bool
    /// What the broker's own count-down leaves of it.
    let brokerExpiry: Duration?

    static func uplink(
        _ name: String, permission: CommandPermission, visible: Set<String>?, brokerExpiry: Duration?
    ) -> CommandOrigin {
        CommandOrigin(
            by: "uplink \(name)", permission: permission, visible: visible, isLocal: false, brokerExpiry: brokerExpiry)
    }

    static func person(user: UInt32) -> CommandOrigin {
        CommandOrigin(by: "cli uid \(user)", permission: .all, visible: nil, isLocal: true, brokerExpiry: nil)
    }

    /// Who an override is by, with the command that placed it.
    static func author(_ by: String, command id: String) -> String { by + suffix(id) }

    /// Whether an override was placed by this command.
    static func isAuthor(_ author: String, of id: String) -> Bool { author.hasSuffix(suffix(id)) }

    private static func suffix(_ id: String) -> String { ", command \(id)" }
}
