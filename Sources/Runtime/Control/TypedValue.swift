public import Telemetry

/// Values as a person types them: `60`, `60 %`, `12.5 A`, `true`, `text`.
public enum TypedValue {
    /// nil for an empty text, or a number with something behind it that is no unit.
    public static func parse(_ text: String) -> (value: Value, unit: String?)? {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard let first = words.first, words.count <= 2 else { return words.isEmpty ? nil : (.text(text), nil) }
        if words.count == 1, first == "true" || first == "false" { return (.flag(first == "true"), nil) }
        if let number = ExactDecimal(first) {
            guard words.count == 2 else { return (.number(number), nil) }
            return Unit(symbol: words[1]) == nil ? nil : (.number(number), String(words[1]))
        }
        // A unit that touches its number: 60%, 5W.
        if words.count == 1, let start = first.firstIndex(where: { !"0123456789.+-eE".contains($0) }),
            let number = ExactDecimal(first[..<start]), Unit(symbol: first[start...]) != nil
        {
            return (.number(number), String(first[start...]))
        }
        return (.text(text), nil)
    }
}
