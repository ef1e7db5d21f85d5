import Telemetry

/// Reads the keys of one map, says what is wrong with each, and keeps what is in force for `config show`.
///
/// A key that is never asked for is unknown; ``finish()`` names it. Used by one thread.
final class MapReader {
    let node: YAMLNode
    /// Whose keys these are: "device feeder-a".
    let title: String
    let collector: DiagnosticCollector
    let subject: ConfigurationPart?
    /// False when something else than a map stands here, which has been reported.
    let isMap: Bool
    private(set) var known: [String] = []
    /// Values in force: as written, or as by default.
    private(set) var effective: [YAMLEntry] = []

    /// - Parameter node: anything; what is no map is reported and read as an empty one.
    init(_ node: YAMLNode, title: String, collector: DiagnosticCollector, subject: ConfigurationPart?) {
        self.title = title
        self.collector = collector
        self.subject = subject
        switch node.content {
        case .map:
            isMap = true
            self.node = node
        case .null:
            isMap = true
            self.node = YAMLNode(.map([]), at: node.position)
        default:
            isMap = false
            self.node = YAMLNode(.map([]), at: node.position)
            error(at: node.position, "\(node.kindName) where a map of keys belongs; expected `key: value` lines")
        }
    }

    func error(at position: SourcePosition, _ text: String, hint: String? = nil) {
        collector.report(.error, at: position, title: title, text, hint: hint, subject: subject)
    }

    func warning(at position: SourcePosition, _ text: String, hint: String? = nil) {
        collector.report(.warning, at: position, title: title, text, hint: hint, subject: subject)
    }

    /// The value of a key, raw. A key without value is reported and read as absent.
    func value(_ key: String, expected: String) -> YAMLNode? {
        if !known.contains(key) { known.append(key) }
        guard let entry = node.entry(key) else { return nil }
        guard !entry.value.isNull else {
            error(at: entry.keyPosition, "`\(key)` has no value; expected \(expected)")
            return nil
        }
        return entry.value
    }

    func keep(_ key: String, _ value: YAMLNode) {
        let place = node.entry(key)?.keyPosition ?? .builtIn
        effective.append(YAMLEntry(key: key, keyPosition: place, value: value))
    }

    func keepDefault(_ key: String, _ text: String) {
        keep(key, YAMLNode(CoreSchema.resolve(text), at: .builtIn))
    }

    /// A value on one line, parsed; the default where it is absent or wrong.
    ///
    /// - Parameters:
    ///   - standard: the default, in the words of the file.
    ///   - expected: "a duration with its unit such as 10s or 15min".
    func scalar<Parsed>(
        _ key: String, default standard: String? = nil, expected: String, withheld: Bool = false,
        _ parse: (String) throws(ScalarProblem) -> Parsed
    ) -> Parsed? {
        if let value = value(key, expected: expected) {
            do throws(ScalarProblem) {
                guard let text = value.scalar else { throw ScalarProblem("it is \(value.kindName)") }
                let parsed = try parse(text)
                keep(key, value)
                return parsed
            } catch {
                self.error(at: value.position, "`\(key)`: \(error.problem); expected \(expected)", hint: error.hint)
                keep(key, withheld ? YAMLNode(.text("(withheld)"), at: value.position) : value)
            }
        }
        guard let standard else { return nil }
        if node.entry(key) == nil { keepDefault(key, standard) }
        do throws(ScalarProblem) { return try parse(standard) } catch {
            preconditionFailure("the default of \(key) is not what the key expects: \(error.problem)")
        }
    }

    func text(_ key: String, default standard: String? = nil, expected: String = "a text") -> String? {
        scalar(key, default: standard, expected: expected) { text throws(ScalarProblem) in
            guard !text.isEmpty else { throw ScalarProblem("is empty") }
            return text
        }
    }

    func flag(_ key: String, default standard: Bool) -> Bool {
        guard let value = value(key, expected: "true or false") else {
            if node.entry(key) == nil { keepDefault(key, standard ? "true" : "false") }
            return standard
        }
        keep(key, value)
        if case .flag(let flag) = value.content { return flag }
        let word = value.scalar ?? ""
        let hint: String? =
            switch word.lowercased() {
            case "yes", "on", "y", "1": "in YAML 1.2 that is text; write true"
            case "no", "off", "n", "0": "in YAML 1.2 that is text; write false"
            default: nil
            }
        error(at: value.position, "`\(key)` is \(described(value)); expected true or false", hint: hint)
        return standard
    }

    func duration(
        _ key: String, default standard: String? = nil, atLeast: Duration = .zero,
        atMost: Duration = .seconds(3_650 * 86_400)
    ) -> Duration? {
        scalar(key, default: standard, expected: "a duration with its unit such as 500ms, 10s, 15min or 2h") {
            text throws(ScalarProblem) in
            let duration = try ScalarParser.duration(text)
            guard duration >= atLeast else {
                throw ScalarProblem("\(text) is shorter than \(Printing.duration(atLeast))")
            }
            guard duration <= atMost else { throw ScalarProblem("\(text) is longer than \(Printing.duration(atMost))") }
            return duration
        }
    }

    /// - Parameter units: what is expected: "a power such as 42 W".
    func quantity(_ key: String, dimension: [String] = [], default standard: String? = nil, expected: String)
        -> PhysicalQuantity?
    {
        scalar(key, default: standard, expected: expected) { text throws(ScalarProblem) in
            let quantity = try ScalarParser.quantity(text)
            guard dimension.isEmpty || dimension.contains(quantity.unit.dimension) else {
                throw ScalarProblem("\(quantity.unit.symbol) is not a unit of what this is")
            }
            return quantity
        }
    }

    /// 0 to 100.
    func percent(_ key: String, default standard: String? = nil) -> ExactDecimal? {
        scalar(key, default: standard, expected: "a percentage from 0% to 100%") { text throws(ScalarProblem) in
            let percent = try ScalarParser.percent(text)
            guard percent >= .zero, percent <= ExactDecimal(100) else { throw ScalarProblem("\(text) is out of range") }
            return percent
        }
    }

    func integer(_ key: String, default standard: String? = nil, in range: ClosedRange<Int>) -> Int? {
        scalar(key, default: standard, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            text throws(ScalarProblem) in
            guard let number = ScalarParser.integer(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no whole number")
            }
            guard let small = Int(exactly: number), range.contains(small) else {
                throw ScalarProblem("\(text) is out of range")
            }
            return small
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default standard: Choice? = nil
    ) -> Choice? where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue)
        return scalar(key, default: standard?.rawValue, expected: Printing.alternatives(words)) {
            text throws(ScalarProblem) in
            guard let choice = Choice(rawValue: text) else {
                throw ScalarProblem(
                    "\"\(ScalarParser.shown(text))\" is unknown", hint: Spelling.hint(for: text, among: words))
            }
            return choice
        }
    }

    /// Texts with their places; a single text counts as a list of one.
    func texts(_ key: String, default standard: [String]? = nil, expected: String) -> [(
        text: String, position: SourcePosition
    )]? {
        guard let value = value(key, expected: expected) else {
            if let standard, node.entry(key) == nil {
                keep(key, YAMLNode(.list(standard.map { YAMLNode(.text($0), at: .builtIn) }), at: .builtIn))
            }
            return standard.map { $0.map { ($0, .builtIn) } }
        }
        keep(key, value)
        if let text = value.scalar { return [(text, value.position)] }
        guard let items = value.items else {
            error(at: value.position, "`\(key)` is \(described(value)); expected \(expected)")
            return standard.map { $0.map { ($0, .builtIn) } }
        }
        return items.compactMap { item in
            guard let text = item.scalar, !text.isEmpty else {
                error(at: item.position, "`\(key)` holds \(item.kindName); expected \(expected)")
                return nil
            }
            return (text, item.position)
        }
    }

    /// A map below this one; its values in force become this one's when `finish` of the child is kept by the caller.
    func child(_ key: String, expected: String = "a map of keys") -> MapReader? {
        value(key, expected: expected).map {
            MapReader($0, title: title + ", " + key, collector: collector, subject: subject)
        }
    }

    /// Entries that nobody asked for.
    var remaining: [YAMLEntry] { (node.entries ?? []).filter { !known.contains($0.key) } }

    /// Reports keys that nobody asked for.
    ///
    /// - Returns: what is in force.
    @discardableResult
    func finish() -> YAMLNode {
        for entry in remaining {
            let hint =
                Spelling.hint(for: entry.key, among: known) ?? "known keys: " + known.sorted().joined(separator: ", ")
            error(
                at: entry.keyPosition,
                "unknown key \"\(ScalarParser.shown(entry.key))\"; expected a key that exists here", hint: hint)
        }
        return YAMLNode(.map(effective), at: node.position)
    }

    private func described(_ value: YAMLNode) -> String {
        value.scalar.map { "\"\(ScalarParser.shown($0))\"" } ?? value.kindName
    }
}
