import Configuration
public import Telemetry

/// The rules that a command must pass before anything is sent to the field; pure, so that each has its test.
public enum CommandCheck {
    /// Why a command is not carried out: the word a head-end can act on, and a sentence for people.
    public struct Refusal: Error, Sendable, Hashable {
        public let status: CommandResult.Status
        public let word: String
        public let explanation: String

        public var reason: String { explanation.isEmpty ? word : "\(word): \(explanation)" }

        static func rejected(_ word: String, _ explanation: String) -> Refusal {
            Refusal(status: .rejected, word: word, explanation: explanation)
        }
    }

    /// A `set` that the broker itself counts down may be obeyed without a trusted clock when it lives at most this long:
    /// after a blackout without a time server somebody must be able to light the street.
    static let longestBrokerExpiry: Duration = .seconds(600)

    /// Whether the command may still be obeyed, by the clock.
    static func time(
        _ command: Command, now: UTCInstant, clockIsTrusted: Bool, brokerExpiry: Duration?
    ) throws(Refusal) {
        if clockIsTrusted {
            if let expires = command.expires, expires <= now {
                throw Refusal(status: .expired, word: "expired", explanation: "it expired at \(expires)")
            }
            return
        }
        switch command.action {
        case .release, .read: return
        case .set:
            if let brokerExpiry, brokerExpiry <= longestBrokerExpiry { return }
            throw .rejected(
                "clockUntrusted",
                "this gateway does not know the time and cannot tell whether the command has expired; "
                    + "send it with an MQTT 5 message expiry of at most 10 min")
        }
    }

    /// Whether the sender may command this device and point.
    static func permission(
        _ permission: CommandPermission, visible: Set<String>? = nil, device: DeviceRecord, point: String,
        value: Value?,
        action: Command.Action
    ) throws(Refusal) {
        if let visible, !visible.contains(device.name) {
            throw .rejected("notPermitted", "\(device.name) is none of this uplink's devices")
        }
        switch permission {
        case .all: return
        case .none: throw .rejected("notPermitted", "this uplink may not command anything")
        case .lamps:
            guard device.isLamp else { throw .rejected("notPermitted", "this uplink may command lamps only") }
        case .restricted(let devices, let points, let limits):
            guard devices.contains(device.name) else {
                throw .rejected("notPermitted", "this uplink may not command \(device.name)")
            }
            guard points.isEmpty || points.contains(point) else {
                throw .rejected("notPermitted", "this uplink may not command \(point)")
            }
            guard action == .set, let number = value?.number, let limit = limits.first(where: { $0.point == point })
            else { return }
            let below = limit.minimum.map { number < $0.value } ?? false
            let above = limit.maximum.map { number > $0.value } ?? false
            if below || above {
                throw .rejected("outOfRange", "\(number) is outside what this uplink may set for \(point)")
            }
        }
    }

    /// Whether the value fits the point; gives it in the point's unit.
    public static func value(_ value: Value?, unit: String?, for point: PointDescriptor) throws(Refusal) -> Value {
        guard point.isWritable else { throw .rejected("notWritable", "\(point.name) cannot be written") }
        guard let value else { throw .rejected("valueMissing", "a value for \(point.name) is missing") }
        guard case .number(var number) = value else {
            if point.kind == .gauge || point.kind == .counter {
                throw .rejected("wrongType", "\(point.name) takes a number")
            }
            return value
        }
        if let unit, unit != point.unit {
            guard let given = Unit(symbol: unit), let own = Unit(symbol: point.unit),
                let power = given.powerOfTen(to: own)
            else {
                throw .rejected(
                    "wrongUnit", "\(point.name) is in \(point.unit.isEmpty ? "no unit" : point.unit), not in \(unit)")
            }
            number = number.scaled(byPowerOfTen: power)
        }
        if let minimum = point.minimum, number < minimum {
            throw .rejected("outOfRange", "\(number) is below \(minimum) \(point.unit)")
        }
        if let maximum = point.maximum, number > maximum {
            throw .rejected("outOfRange", "\(number) is above \(maximum) \(point.unit)")
        }
        return .number(number)
    }

    /// Somebody works there.
    static func locked(_ lock: Lock) -> Refusal {
        let end = lock.until.map { " until \($0)" } ?? ""
        return .rejected(
            "locked", "\(lock.scope.inWords) is locked by \(lock.by)\(end): \(lock.reason)")
    }
}
