import Telemetry

/// `{001..064}` within a text: many alike, declared in one line.
struct NameRange {
    let before: String
    let first: Int
    let last: Int
    /// Digits of each member, zeros in front.
    let width: Int
    let after: String

    var count: Int { abs(last - first) + 1 }

    /// The first range in `text`; nil when there is none.
    init?(_ text: String) {
        guard let open = text.firstIndex(of: "{") else { return nil }
        let rest = text[text.index(after: open)...]
        guard let close = rest.firstIndex(of: "}") else { return nil }
        let ends = ScalarParser.split(String(rest[..<close]), at: "..")
        func isDigits(_ text: String) -> Bool {
            !text.isEmpty && text.count <= 9 && text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
        }
        guard ends.count == 2, isDigits(ends[0]), isDigits(ends[1]), let first = Int(ends[0]), let last = Int(ends[1])
        else {
            return nil
        }
        before = String(text[..<open])
        after = String(rest[rest.index(after: close)...])
        self.first = first
        self.last = last
        width = ends[0].hasPrefix("0") ? ends[0].count : 1
    }

    /// The text with the range replaced by its member `index`, from 0.
    func member(_ index: Int) -> String {
        before + padded(first <= last ? first + index : first - index, width) + after
    }
}

extension YAMLNode {
    /// The tree with every range replaced by its member.
    ///
    /// - Parameter mismatch: called for each range that has not `count` members.
    func member(_ index: Int, of count: Int, mismatch: (SourcePosition, NameRange) -> Void) -> YAMLNode {
        switch content {
        case .text(var text):
            guard NameRange(text) != nil else { return self }
            while let range = NameRange(text) {
                guard range.count == count else {
                    mismatch(position, range)
                    return self
                }
                text = range.member(index)
            }
            return YAMLNode(CoreSchema.resolve(text), at: position)
        case .list(let items):
            return YAMLNode(.list(items.map { $0.member(index, of: count, mismatch: mismatch) }), at: position)
        case .map(let entries):
            let replaced = entries.map {
                YAMLEntry(
                    key: $0.key, keyPosition: $0.keyPosition,
                    value: $0.value.member(index, of: count, mismatch: mismatch))
            }
            return YAMLNode(.map(replaced), at: position)
        case .null, .flag, .number: return self
        }
    }

    /// `self` with `other` laid over it: maps are merged by key, everything else is replaced, and nothing (`key:`) takes a key back.
    func overlaid(with other: YAMLNode) -> YAMLNode {
        guard case .map(var base) = content, case .map(let top) = other.content else { return other }
        for entry in top {
            guard let index = base.firstIndex(where: { $0.key == entry.key }) else {
                base.append(entry)
                continue
            }
            if entry.value.isNull {
                base.remove(at: index)
            } else {
                base[index] = YAMLEntry(
                    key: entry.key, keyPosition: entry.keyPosition, value: base[index].value.overlaid(with: entry.value)
                )
            }
        }
        return YAMLNode(.map(base), at: other.position)
    }
}
