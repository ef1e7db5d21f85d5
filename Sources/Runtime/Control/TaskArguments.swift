public import Configuration
import DriverProtocol
public import Telemetry

/// What the runtime knows of tasks, whoever does them: which of them read values or write, and which want the profiles.
public enum TaskArguments {
    /// Set by a person who may see what a household's device says; never reaches the driver.
    public static let household = "household"
    /// `"library"`: all profiles of the driver; a list: those. Replaced by a map from name to content.
    public static let profiles = "profiles"

    /// Tasks whose findings hold values of devices.
    public static func readsValues(_ task: String) -> Bool {
        ["raw", "sniff", "scan", "profile_try"].contains(task)
    }

    /// Whether the task is meant to change something in the field.
    public static func writes(_ task: String, _ arguments: [JSONValue.Member]) -> Bool {
        task == "raw" && arguments.contains { $0.key == "write" && $0.value == .bool(true) }
    }

    /// The task whose findings are told without a household's answers.
    static let ring = "ring"

    /// The newest exchanges of a bus without what was answered.
    static func masked(ring: JSONValue) -> JSONValue {
        guard case .object(let members) = ring else { return ring }
        return .object(
            members.map { member in
                guard case .array(let exchanges) = member.value else { return member }
                return JSONValue.Member(
                    member.key,
                    .array(
                        exchanges.map { exchange in
                            guard case .object(let facts) = exchange else { return exchange }
                            return .object(
                                facts.filter {
                                    ["boot_ns", "sent", "outcome", "latency_us", "device"].contains($0.key)
                                })
                        }))
            })
    }

    /// Puts the profiles in where the arguments ask for them.
    ///
    /// - Parameter read: the profiles of these names; nil: all.
    public static func withProfiles(
        _ arguments: [JSONValue.Member], read: ([String]?) -> [ProfileDocument]
    ) -> [JSONValue.Member] {
        arguments.map { member in
            guard member.key == profiles else { return member }
            let wanted: [String]?
            switch member.value {
            case .string("library"): wanted = nil
            case .array(let names): wanted = names.compactMap(\.text)
            default: return member
            }
            return JSONValue.Member(member.key, asArguments(read(wanted)))
        }
    }

    /// A map from name to content.
    public static func asArguments(_ documents: [ProfileDocument]) -> JSONValue {
        .object(documents.map { JSONValue.Member($0.name, content($0.content)) })
    }

    /// A profile's tree without its places.
    public static func content(_ node: YAMLNode) -> JSONValue { DriverNode(node).json }
}
