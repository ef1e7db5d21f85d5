import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct `The page of quantities` {
    private static let path = Project.root + "/docs/quantities.md"

    private static var page: String {
        var lines = [
            "# Quantities", "",
            "What a point can be called: the first word of its name (`active_power`, `voltage.L1`, `active_energy_import.T2`). A value may be in any",
            "unit of the same dimension; units that differ by a power of ten convert exactly. OBIS codes are of the total; a dash: none is usual.",
            "", "| quantity | kind | usual unit | OBIS |", "|---|---|---|---|",
        ]
        for quantity in Quantity.all {
            let unit = quantity.unit.isEmpty ? "-" : quantity.unit
            lines.append("| `\(quantity.name)` | \(quantity.kind.name) | \(unit) | \(quantity.obis ?? "-") |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `CANDELA_NEW_SNAPSHOTS=1` writes the page anew.
    @Test func `is what the table says`() {
        if getenv("CANDELA_NEW_SNAPSHOTS") != nil { TestFiles.write(Self.path, Self.page) }
        #expect(TestFiles.text(Self.path) == Self.page, "make it anew with CANDELA_NEW_SNAPSHOTS=1")
    }
}
