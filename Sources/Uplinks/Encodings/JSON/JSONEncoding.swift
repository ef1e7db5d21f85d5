public import Telemetry

/// The encoding `json`, format 1 (docs/mqtt.md, docs/schemas): one message is one batch, or a part of one.
public struct JSONEncoding: Encoding {
    /// The number every message carries. A reader ignores keys it does not know; a changed meaning is a new number.
    public static let format: Int64 = 1
    /// The most readings, events or results in one message: a head-end stores one in a transaction.
    public static let mostItems = 1000
    /// The largest message: brokers and clouds with a 128 KB limit are common.
    public static let mostBytes = 128 * 1024

    public let name = "json"

    public init() {}

    public func encode(batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        switch batch.content {
        case .readings(let readings): encode(readings, of: batch, context: context)
        case .events(let events): encode(events, of: batch, context: context)
        case .results(let results): encode(results, of: batch, context: context)
        }
    }
}
