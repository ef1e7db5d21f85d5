/// A value of a YAML document (1.2 core schema) with the place where it was written.
///
/// A merged tree keeps, value by value, the place each one came from.
public struct YAMLNode: Sendable, Hashable {
    public indirect enum Content: Sendable, Hashable {
        case null
        case flag(Bool)
        /// As it was written: `0x1F`, `12.50`, `.inf`.
        case number(String)
        case text(String)
        case list([YAMLNode])
        case map([YAMLEntry])
    }

    public var content: Content
    public var position: SourcePosition

    public init(_ content: Content, at position: SourcePosition) {
        self.content = content
        self.position = position
    }
}

/// A key of a map and its value.
public struct YAMLEntry: Sendable, Hashable {
    /// As it was written; a key that looks like a number stays text.
    public var key: String
    public var keyPosition: SourcePosition
    public var value: YAMLNode

    public init(key: String, keyPosition: SourcePosition, value: YAMLNode) {
        self.key = key
        self.keyPosition = keyPosition
        self.value = value
    }
}

extension YAMLNode {
    public var entries: [YAMLEntry]? { if case .map(let entries) = content { entries } else { nil } }
    public var items: [YAMLNode]? { if case .list(let items) = content { items } else { nil } }
    public var isNull: Bool { content == .null }

    /// A scalar as it was written; nil for null, lists and maps.
    public var scalar: String? {
        switch content {
        case .text(let text), .number(let text): text
        case .flag(let flag): flag ? "true" : "false"
        case .null, .list, .map: nil
        }
    }

    public subscript(key: String) -> YAMLNode? { entries?.first { $0.key == key }?.value }

    public func entry(_ key: String) -> YAMLEntry? { entries?.first { $0.key == key } }

    /// What kind of value it is, for messages to people.
    public var kindName: String {
        switch content {
        case .null: "nothing"
        case .flag: "true or false"
        case .number: "a number"
        case .text: "a text"
        case .list: "a list"
        case .map: "a map"
        }
    }

    /// The place of what `path` names (keys, and list positions as decimal numbers), or of the nearest thing above it that exists.
    ///
    /// - Parameter atKey: the last key itself is meant, not its value.
    public func position(path: some Sequence<String>, atKey: Bool = false) -> SourcePosition {
        var node = self
        var place = position
        for step in path {
            if let entry = node.entry(step) {
                place = atKey ? entry.keyPosition : entry.value.position
                node = entry.value
            } else if let items = node.items, let index = Int(step), items.indices.contains(index) {
                node = items[index]
                place = node.position
            } else {
                break
            }
        }
        return place
    }
}
