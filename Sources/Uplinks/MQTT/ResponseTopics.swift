internal import Synchronization

/// Where senders want to have their results, by command id (MQTT 5 response topic and correlation data).
final class ResponseTopics: Sendable {
    struct Wanted: Sendable {
        let topic: String
        let correlationData: [UInt8]
    }

    /// Older ones are forgotten; `/results` has their results anyway.
    static let most = 256
    static let longestTopic = 256
    static let longestCorrelation = 1024

    private struct Known {
        var byID: [String: Wanted] = [:]
        var order: [String] = []
    }

    private let known = Mutex(Known())
    /// Topics below it are the gateway's own: nobody may have its state or readings overwritten by naming them as response topic.
    private let ownPrefix: String

    init(ownPrefix: String) { self.ownPrefix = ownPrefix }

    func remember(_ topic: String, _ correlationData: [UInt8], for id: String) {
        let isPattern = topic.utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") || $0 < 0x20 }
        guard !isPattern, (1...Self.longestTopic).contains(topic.utf8.count), !topic.hasPrefix("$"),
            !topic.hasPrefix(ownPrefix), correlationData.count <= Self.longestCorrelation
        else { return }
        known.withLock { known in
            if known.byID.updateValue(Wanted(topic: topic, correlationData: correlationData), forKey: id) == nil {
                known.order.append(id)
            }
            if known.order.count > Self.most { known.byID[known.order.removeFirst()] = nil }
        }
    }

    func topic(for id: String) -> Wanted? { known.withLock { $0.byID[id] } }
}
