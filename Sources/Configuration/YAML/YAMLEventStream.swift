import CYAML

/// libyaml's parser and what it owns, one event at a time.
///
/// The bytes must outlive it; it is used by one thread.
struct YAMLEventStream: ~Copyable {
    enum Kind {
        case streamStart
        case streamEnd
        case documentStart
        case documentEnd
        case alias(String)
        case scalar(String, isPlain: Bool)
        case listStart
        case listEnd
        case mapStart
        case mapEnd
    }

    struct Event {
        let kind: Kind
        let tag: String?
        let position: SourcePosition
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let file: String

    /// - Returns: nil when there is no memory.
    init?(bytes: UnsafeBufferPointer<UInt8>, file: String) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
        self.parser = parser
        self.file = file
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    mutating func next() throws(YAMLProblem) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let position = place(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, tag: nil, position: position)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, tag: nil, position: position)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, tag: nil, position: position)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, tag: nil, position: position)
        case YAML_ALIAS_EVENT:
            return Event(kind: .alias(text(event.data.alias.anchor) ?? ""), tag: nil, position: position)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let content = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return Event(
                kind: .scalar(content, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), tag: text(scalar.tag),
                position: position)
        case YAML_SEQUENCE_START_EVENT:
            return Event(kind: .listStart, tag: text(event.data.sequence_start.tag), position: position)
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .listEnd, tag: nil, position: position)
        case YAML_MAPPING_START_EVENT:
            return Event(kind: .mapStart, tag: text(event.data.mapping_start.tag), position: position)
        case YAML_MAPPING_END_EVENT: return Event(kind: .mapEnd, tag: nil, position: position)
        default: throw YAMLProblem(position, "the file cannot be read as YAML; expected a map of sections")
        }
    }

    private func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let characters else { return nil }
        return String(cString: characters)
    }

    private func place(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private func failure() -> YAMLProblem {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "unreadable"
        let context = parser.pointee.context.map { String(cString: $0) + ": " } ?? ""
        let hint: String? =
            switch problem {
            case "mapping values are not allowed in this context":
                "a text that holds \": \" needs quotes, or the line above is indented wrongly"
            case "did not find expected key", "did not find expected '-' indicator":
                "is this line indented like its neighbours?"
            case "could not find expected ':'": "a key needs \": \" behind it"
            case "found character that cannot start any token": "quote a text that begins with one of @ ` % or a tab"
            case let other where other.hasPrefix("did not find expected ',' or"): "a bracket or a comma is missing"
            case let other where other.hasPrefix("found unexpected end of stream"): "a quote is not closed"
            default: nil
            }
        let place = place(parser.pointee.problem_mark)
        // Where a bracket or quote was opened says more than the end of the file, at which it was missed.
        let opened = self.place(parser.pointee.context_mark)
        let began =
            parser.pointee.context != nil && opened.line < place.line
            ? ", which began at line \(opened.line), column \(opened.column)" : ""
        return YAMLProblem(place, "not valid YAML: \(context)\(problem)\(began)", hint: hint)
    }
}
