/// Which known word a misspelt one was meant to be.
enum Spelling {
    /// The known word nearest to `word`, when it is near enough to be a slip of the finger.
    static func nearest(to word: String, among known: some Sequence<String>) -> String? {
        // A third of the letters: "intervall" finds "interval", "foo" finds nothing.
        let reach = max(1, min(4, word.count / 3 + 1))
        var best: (word: String, distance: Int)?
        for candidate in known where candidate != word {
            let distance = distance(word.lowercased(), candidate.lowercased(), atMost: reach)
            guard distance <= reach else { continue }
            // Letters are forgotten more often than added: of two as near, the longer one is meant.
            let isNearer = distance < best?.distance ?? .max
            if isNearer || (distance == best?.distance && candidate.count > best?.word.count ?? 0) {
                best = (candidate, distance)
            }
        }
        return best?.word
    }

    /// `did you mean "interval"?`
    static func hint(for word: String, among known: some Sequence<String>) -> String? {
        nearest(to: word, among: known).map { "did you mean \"\($0)\"?" }
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; some number above `limit` when it is more.
    static func distance(_ a: String, _ b: String, atMost limit: Int) -> Int {
        // Keys and names are short; longer words are strangers anyway.
        let longest = 128
        let (a, b) = (Array(a.utf8.prefix(longest)), Array(b.utf8.prefix(longest)))
        guard abs(a.count - b.count) <= limit else { return limit + 1 }
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var current = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j + 1] + 1, current[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[b.count]
    }
}
