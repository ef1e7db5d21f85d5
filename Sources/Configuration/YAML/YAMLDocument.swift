/// A file read as one YAML document.
struct YAMLDocument {
    let root: YAMLNode
    /// What is wrong without making the rest unreadable: keys that stand twice.
    let problems: [YAMLProblem]

    /// - Throws: the first thing that makes the file unreadable.
    init(parsing bytes: [UInt8], file: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLProblem) {
        try YAMLTextCheck.check(bytes, file: file, limits: limits)
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<YAMLDocument, YAMLProblem> in
            guard let events = YAMLEventStream(bytes: buffer, file: file) else {
                return .failure(
                    YAMLProblem(SourcePosition(file: file, line: 1, column: 1), "no memory left to read the file"))
            }
            var builder = YAMLTreeBuilder(events: events, file: file, limits: limits)
            do throws(YAMLProblem) { return .success(try builder.document()) } catch { return .failure(error) }
        }
        self = try result.get()
    }

    init(root: YAMLNode, problems: [YAMLProblem]) {
        self.root = root
        self.problems = problems
    }
}

/// Builds the tree from libyaml's events, within the limits.
struct YAMLTreeBuilder: ~Copyable {
    private var events: YAMLEventStream
    private let file: String
    private let limits: YAMLLimits
    private var nodes = 0
    private var path: [String] = []
    private var problems: [YAMLProblem] = []

    init(events: consuming YAMLEventStream, file: String, limits: YAMLLimits) {
        self.events = events
        self.file = file
        self.limits = limits
    }

    mutating func document() throws(YAMLProblem) -> YAMLDocument {
        _ = try events.next()
        let first = try events.next()
        if case .streamEnd = first.kind {
            throw YAMLProblem(
                SourcePosition(file: file, line: 1, column: 1),
                "the file is empty; expected a map of sections such as `gateway:`")
        }
        let root = try node(try events.next(), depth: 1)
        _ = try events.next()
        let next = try events.next()
        guard case .streamEnd = next.kind else {
            throw YAMLProblem(
                next.position, "a second document begins; expected one per file", hint: "remove the line `---`")
        }
        return YAMLDocument(root: root, problems: problems)
    }

    private mutating func node(_ event: YAMLEventStream.Event, depth: Int) throws(YAMLProblem) -> YAMLNode {
        nodes += 1
        guard nodes <= limits.nodes else {
            throw YAMLProblem(
                event.position,
                "more than \(limits.nodes) values in one file; expected a configuration, this is something else")
        }
        guard depth <= limits.depth else {
            throw YAMLProblem(
                event.position,
                "nested deeper than \(limits.depth) levels; expected a configuration, this is something else")
        }
        switch event.kind {
        case .scalar(let text, let isPlain):
            switch event.tag {
            case nil: return YAMLNode(isPlain ? CoreSchema.resolve(text) : .text(text), at: event.position)
            case "!", "tag:yaml.org,2002:str": return YAMLNode(.text(text), at: event.position)
            case let tag?: throw refusedTag(tag, event.position)
            }
        case .listStart:
            if let tag = event.tag, tag != "tag:yaml.org,2002:seq" { throw refusedTag(tag, event.position) }
            return try list(at: event.position, depth: depth)
        case .mapStart:
            if let tag = event.tag, tag != "tag:yaml.org,2002:map" { throw refusedTag(tag, event.position) }
            return try map(at: event.position, depth: depth)
        case .alias(let name):
            throw YAMLProblem(
                event.position, "an alias (*\(name)); expected the value itself",
                hint: "`defaults:` of a bus and ranges spare repetition")
        default:
            throw YAMLProblem(event.position, "nothing here; expected a value")
        }
    }

    private mutating func list(at position: SourcePosition, depth: Int) throws(YAMLProblem) -> YAMLNode {
        var items: [YAMLNode] = []
        while true {
            let event = try events.next()
            if case .listEnd = event.kind { return YAMLNode(.list(items), at: position) }
            path.append(String(items.count))
            items.append(try node(event, depth: depth + 1))
            path.removeLast()
        }
    }

    private mutating func map(at position: SourcePosition, depth: Int) throws(YAMLProblem) -> YAMLNode {
        var entries: [YAMLEntry] = []
        var places: [String: SourcePosition] = [:]
        while true {
            let event = try events.next()
            if case .mapEnd = event.kind { return YAMLNode(.map(entries), at: position) }
            guard case .scalar(let key, _) = event.kind else {
                throw YAMLProblem(event.position, "a key that is no text; expected a name before the colon")
            }
            nodes += 1
            path.append(key)
            let value = try node(try events.next(), depth: depth + 1)
            if let earlier = places[key] {
                problems.append(
                    YAMLProblem(
                        event.position,
                        "key \"\(key)\" stands twice in one map; expected it once, the other is at \(earlier)",
                        path: path))
            } else {
                places[key] = event.position
                entries.append(YAMLEntry(key: key, keyPosition: event.position, value: value))
            }
            path.removeLast()
        }
    }

    private func refusedTag(_ tag: String, _ position: SourcePosition) -> YAMLProblem {
        YAMLProblem(position, "a tag (\(tag)); expected a plain value", hint: "quote a value that must be text")
    }
}
