public import Telemetry

/// A fault began or ended, or a loss of supply happened.
public struct FaultChange: Sendable, Hashable {
    public let kind: FaultKind
    public let subject: FaultSubject
    /// Whether it begins; nil for a mere happening.
    public let isActive: Bool?
    /// What was commanded, what was seen, since when, and the limits; `affected` names lamps that it takes along.
    public let detail: JSONValue
    /// Lamps that it takes along; empty for a fault of one lamp.
    public let affected: [String]
    public let at: BootInstant

    /// The same for the beginning and the end of one fault.
    public var id: String { Self.id(kind, subject) }

    static func id(_ kind: FaultKind, _ subject: FaultSubject) -> String { "\(kind.rawValue):\(subject.name)" }

    init(
        kind: FaultKind, subject: FaultSubject, isActive: Bool?, detail: JSONValue, affected: [String], at: BootInstant
    ) {
        self.kind = kind
        self.subject = subject
        self.isActive = isActive
        self.detail = detail
        self.affected = affected
        self.at = at
    }

    init(
        _ kind: FaultKind, _ subject: FaultSubject, isActive: Bool?, _ evidence: Evidence, affected: [String],
        at: BootInstant
    ) {
        var members = evidence.members
        if !affected.isEmpty { members.append(.init("affected", .array(affected.map(JSONValue.string)))) }
        self.init(
            kind: kind, subject: subject, isActive: isActive, detail: .object(members), affected: affected, at: at)
    }

    /// As it goes upstream.
    public var event: Event {
        Event(
            id: kind.isCondition ? id : "", kind: kind.rawValue, device: device, severity: kind.severity,
            active: isActive, detail: detail, occurred: at)
    }

    /// A feeder is no device; its name stands in ``detail``.
    private var device: String? {
        if case .lamp(let name) = subject { name } else { nil }
    }
}

/// A fault that lasts.
public struct ActiveFault: Sendable, Hashable {
    public let change: FaultChange
    /// When the fault was found.
    public var since: BootInstant { change.at }
    public var kind: FaultKind { change.kind }
    public var subject: FaultSubject { change.subject }
    public var id: String { change.id }
    public var affected: [String] { change.affected }

    /// What was seen, on one line: `commanded_percent 0, on true, ...`.
    public var evidence: String {
        guard case .object(let members) = change.detail else { return "" }
        return members.filter { $0.key != "affected" }.map { "\($0.key) \($0.value.text ?? $0.value.description)" }
            .joined(separator: ", ")
    }
}
