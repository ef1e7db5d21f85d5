/// Names of the IANA time zone database, checked against what is installed.
enum TimeZones {
    static let folder = "/usr/share/zoneinfo"

    static func check(_ name: String) throws(ScalarProblem) -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isName =
            !name.isEmpty && name.utf8.count <= 64
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".."
                    && part.utf8.allSatisfy {
                        ($0 | 0x20 >= 97 && $0 | 0x20 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 45
                            || $0 == 43
                    }
            }
        guard isName else { throw ScalarProblem("\"\(ScalarParser.shown(name))\" is no time zone") }
        // A machine that only checks configurations may have no zones; the gateway's package depends on them.
        guard Files.exists(folder + "/UTC") else { return name }
        guard let bytes = try? Files.read(folder + "/" + name, limit: 3), bytes.starts(with: "TZif".utf8) else {
            throw ScalarProblem(
                "\"\(ScalarParser.shown(name))\" is no time zone of \(folder)",
                hint: Spelling.hint(for: name, among: names()))
        }
        return name
    }

    /// Regions and cities, one level deep, which is where nearly all zones are.
    private static func names() -> [String] {
        let regions = ["Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"]
        return regions.flatMap { region in Files.names(in: folder + "/" + region).map { region + "/" + $0 } }
            + Files.names(in: folder).filter { $0.count <= 4 && $0 == $0.uppercased() }
    }
}
