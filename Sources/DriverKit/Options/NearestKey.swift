/// Finds what a misspelled word was meant to be.
public enum NearestKey {
    /// The candidate with the smallest edit distance to `word`; nil when none is near enough to be a slip.
    ///
    /// Case and the choice between `-` and `_` do not count: they are what people mix up first.
    public static func find(_ word: String, in candidates: some Sequence<String>) -> String? {
        let folded = fold(word)
        // Two slips in a short word, a third of a long one.
        let limit = max(2, folded.count / 3)
        var best: (distance: Int, name: String)?
        for candidate in candidates {
            let distance = distance(folded, fold(candidate))
            if distance <= limit, distance < candidate.count, distance < best?.distance ?? .max {
                best = (distance, candidate)
            }
        }
        return best?.name
    }

    private static func fold(_ word: String) -> [UInt8] {
        word.utf8.prefix(64).map { byte in
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: " "): UInt8(ascii: "_")
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 32
            default: byte
            }
        }
    }

    /// Levenshtein's distance.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
