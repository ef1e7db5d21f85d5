/// Something that happened to the gateway or a device, for head-ends and people. Kinds are catalogued in docs/events.md.
public struct Event: Sendable, Hashable {
    public enum Severity: UInt8, Sendable, Hashable, CaseIterable {
        case info = 0
        case warning = 1
        case alarm = 2

        public var name: String {
            switch self {
            case .info: "info"
            case .warning: "warning"
            case .alarm: "alarm"
            }
        }
    }

    /// The same for the raising and the clearing of one alarm; empty for a mere happening.
    public let id: String
    public let kind: String
    public let device: String?
    public let point: String?
    public let severity: Severity
    /// Whether the condition holds from now on; nil for a mere happening.
    public let active: Bool?
    public let detail: JSONValue
    public let occurred: BootInstant

    public init(
        id: String = "", kind: String, device: String? = nil, point: String? = nil, severity: Severity,
        active: Bool? = nil, detail: JSONValue = .object([]), occurred: BootInstant
    ) {
        self.id = id
        self.kind = kind
        self.device = device
        self.point = point
        self.severity = severity
        self.active = active
        self.detail = detail
        self.occurred = occurred
    }
}
