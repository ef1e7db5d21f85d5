/// Reason codes of MQTT 5 (OASIS MQTT 5.0, table 2-6) and return codes of MQTT 3.1.1 CONNACK (table 3.1), with what to do about them.
enum MQTTReason {
    static let noMatchingSubscribers = 0x10
    static let unsupportedProtocolVersion = 0x84
    static let sessionTakenOver = 0x8E
    /// From here on a reason code says no.
    static let firstFailure = 0x80

    /// Whether a CONNACK says that somebody has to change something before it can work.
    static func needsAPerson(connack code: Int) -> Bool {
        [0x02, 0x04, 0x05, 0x85, 0x86, 0x87, 0x8A, 0x8C].contains(code)
    }

    static func isVersionRefused(connack code: Int) -> Bool { code == 0x01 || code == unsupportedProtocolVersion }

    /// A CONNACK that says no, in words.
    static func connack(_ code: Int) -> String {
        switch code {
        case 0x01: "the broker does not speak this protocol version"
        case 0x02: "the broker does not accept the client id: check client_id"
        case 0x03: "the broker says that it is not available"
        case 0x04: "the broker does not accept user name and password: check username and password"
        case 0x05: "the broker does not authorise this gateway: check its account and certificate"
        default: words(code)
        }
    }

    static func words(_ code: Int) -> String {
        let text =
            switch code {
            case 0x80: "the broker gives no reason"
            case 0x81: "the broker found a malformed packet"
            case 0x82: "the broker sees a protocol error"
            case 0x83: "the broker refuses for reasons of its own"
            case 0x84: "the broker does not speak this protocol version"
            case 0x85: "the broker does not accept the client id: check client_id"
            case 0x86: "the broker does not accept user name and password: check username and password"
            case 0x87: "the broker does not authorise this gateway: check its account and access rules"
            case 0x88: "the broker says that it is not available"
            case 0x89: "the broker is busy"
            case 0x8A: "the broker has banned this gateway: ask its operator"
            case 0x8B: "the broker shuts down"
            case 0x8C: "the broker wants another authentication method"
            case 0x8D: "the broker heard nothing for longer than the keep-alive"
            case 0x8E: "another client took this client id: two gateways with the same gateway.id or client_id"
            case 0x8F: "the broker does not accept the topic filter"
            case 0x90: "the broker does not accept the topic name: check topic"
            case 0x91: "the broker says that a packet id is in use"
            case 0x93: "the broker wants fewer messages in flight: lower in_flight"
            case 0x95: "the message is larger than the broker accepts"
            case 0x96: "the broker wants fewer messages per second"
            case 0x97: "a quota at the broker is used up: ask its operator"
            case 0x98: "the broker's operator ended the connection"
            case 0x99: "the broker does not accept the payload's format"
            case 0x9A: "the broker does not keep retained messages"
            case 0x9B: "the broker does not support QoS 1"
            case 0x9C: "the broker wants another server to be used: check url"
            case 0x9D: "the broker has moved: check url"
            case 0x9F: "the broker wants fewer connections per second"
            case 0xA0: "the broker ended the connection for its age"
            default: "the broker gives an unknown reason"
            }
        return "\(text) (0x\(String(code, radix: 16, uppercase: true)))"
    }
}
