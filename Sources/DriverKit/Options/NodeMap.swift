public import DriverProtocol
public import Telemetry

/// A map of a configuration, read key by key. It remembers which keys were asked for; ``finish()`` names those that nobody knows.
///
/// ```swift
/// let options = NodeMap(configuration.options, place: NodePlace(.bus), diagnostics: diagnostics)
/// let baud = options.integer("baud", in: 300...115_200) ?? 9_600
/// options.finish()
/// ```
public final class NodeMap {
    public let place: NodePlace
    public let diagnostics: Diagnostics
    private let entries: [DriverNode.Entry]
    private var known: [String] = []

    /// - Parameter node: a map; nil or nothing at all counts as an empty one.
    public init(_ node: DriverNode?, place: NodePlace, diagnostics: Diagnostics) {
        self.place = place
        self.diagnostics = diagnostics
        switch node?.value {
        case .map(let map)?: entries = map.entries
        case .null?, nil: entries = []
        default:
            entries = []
            diagnostics.error("a map of keys was expected", at: place)
        }
    }

    public var keys: [String] { entries.map(\.key) }

    /// The value of a key; nil when it is not there or is null. Asking makes the key a known one.
    public func value(_ key: String) -> NodeValue? {
        if !known.contains(key) { known.append(key) }
        // The last one counts where a tree holds a key twice; the runtime refuses that before.
        guard let entry = entries.last(where: { $0.key == key }) else { return nil }
        let value = NodeValue(entry.value, place: place.appending(key), diagnostics: diagnostics)
        return value.isNull ? nil : value
    }

    /// As ``value(_:)``; a missing key is an error.
    public func required(_ key: String, _ expected: String) -> NodeValue? {
        if let value = value(key) { return value }
        diagnostics.error("the key \(key) is missing; expected \(expected)", at: place)
        return nil
    }

    public func text(_ key: String) -> String? { value(key)?.text() }
    public func flag(_ key: String) -> Bool? { value(key)?.flag() }
    public func integer(_ key: String, in range: ClosedRange<Int>) -> Int? { value(key)?.integer(in: range) }
    public func integer(_ key: String, oneOf numbers: [Int]) -> Int? { value(key)?.integer(oneOf: numbers) }
    public func decimal(_ key: String) -> ExactDecimal? { value(key)?.decimal() }
    public func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        value(key)?.duration(in: range)
    }
    public func percent(_ key: String, in range: ClosedRange<Int>) -> ExactDecimal? { value(key)?.percent(in: range) }
    public func choice<Choice>(_ key: String, _ choices: KeyValuePairs<String, Choice>) -> Choice? {
        value(key)?.choice(choices)
    }
    public func list(_ key: String) -> [NodeValue]? { value(key)?.list() }
    public func map(_ key: String) -> NodeMap? { value(key)?.map() }

    /// Every entry, for maps whose keys are data; none of them is an unknown key then.
    public func all() -> [(key: String, value: NodeValue)] {
        entries.map { entry in
            if !known.contains(entry.key) { known.append(entry.key) }
            return (entry.key, NodeValue(entry.value, place: place.appending(entry.key), diagnostics: diagnostics))
        }
    }

    /// Names each key that nobody asked for, and the known one it was probably meant to be.
    public func finish() {
        for entry in entries where !known.contains(entry.key) {
            let nearest = NearestKey.find(entry.key, in: known)
            let advice =
                nearest.map { "did you mean \($0)?" } ?? "known here: \(known.sorted().joined(separator: ", "))"
            diagnostics.error(
                "unknown key \(String(entry.key.prefix(60))); \(advice)", at: place.appending(entry.key), atKey: true)
        }
    }
}
