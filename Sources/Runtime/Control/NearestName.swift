/// The name a person may have meant.
public enum NearestName {
    /// The closest of `names` by single-character changes; nil when none is close.
    public static func of(_ name: String, among names: [String]) -> String? {
        let limit = max(1, name.count / 3)
        return names.map { ($0, distance(Array(name), Array($0))) }.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
    }

    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(min(above, row[j]) + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
