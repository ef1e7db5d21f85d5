import DriverKit
import DriverProtocol
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

/// The shipped profiles as files.
enum Library {
    static let tests = Project.root + "/Drivers/Modbus/Tests"
    static let folder = Project.root + "/Drivers/Modbus/Profiles"
    /// The register tables from which the profiles were written; nil where they are not beside the package.
    static let tables: String? = {
        let folder = Project.root + "/../shared/reference/meters"
        return TestFiles.exists(folder) ? folder : nil
    }()

    static let names = TestFiles.names(in: folder).filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }

    static func text(_ name: String) throws -> String {
        try #require(TestFiles.text("\(folder)/\(name).yaml"), "\(name).yaml cannot be read")
    }

    /// Parsed once: a hundred files read by each of several suites would take most of their time.
    private static let contents: [String: Result<DriverNode, any Error>] = Dictionary(
        uniqueKeysWithValues: names.map { name in (name, Result { try MiniYAML.parse(try text(name)) }) })

    static func profile(_ name: String) throws -> DriverProfile {
        var profile = DriverProfile()
        profile.name = name
        profile.content = try #require(contents[name], "there is no \(name).yaml").get()
        return profile
    }
}

@Suite struct LibraryTests {
    @Test(arguments: Library.names)
    func `a shipped profile reads without a complaint and its own tests pass`(_ name: String) throws {
        let diagnostics = Diagnostics()
        let profile = ProfileReader(try Library.profile(name), diagnostics: diagnostics).read()
        let complaints = diagnostics.all.map { "\($0.path.joined(separator: ".")): \($0.message)" }
        #expect(complaints.isEmpty, "\(complaints.prefix(8))")
        #expect(!profile.evidence.isEmpty)
        // What every SunSpec device has where is said by the device: there is no one product and no fixed answer.
        if profile.kind != .sunspec { #expect(!profile.tests.isEmpty && !profile.models.isEmpty) }
        #expect(!profile.values.contains { $0.isWritable })
    }

    @Test(.enabled(if: Library.tables != nil, "the register tables are not beside the package"))
    func `every product of the register tables has its profile`() throws {
        let tables = try #require(Library.tables)
        let products = TestFiles.names(in: tables).filter { $0.hasSuffix(".csv") && !$0.hasPrefix("sunspec-") }
        #expect(products.count > 100)
        let missing = products.map { String($0.dropLast(4)) }.filter { !Library.names.contains($0) }
        #expect(missing.isEmpty)
    }

    @Test(
        .enabled(if: Library.tables != nil, "the register tables are not beside the package"), arguments: Library.names)
    func `no address of a profile is without a row of the register table`(_ name: String) throws {
        let diagnostics = Diagnostics()
        let profile = ProfileReader(try Library.profile(name), diagnostics: diagnostics).read()
        guard let table = TestFiles.text("\(try #require(Library.tables))/\(name).csv") else { return }
        var known: Set<Int> = []
        for line in table.split(separator: "\n") where !line.hasPrefix("#") {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            if cells.count > 4, let address = Int(cells[4]) { known.insert(address) }
        }
        let invented = profile.values.filter { $0.quantity != "" && !known.contains($0.address) }.map(\.name)
        #expect(invented.isEmpty)
    }

    @Test(.enabled(if: Library.tables != nil, "the register tables are not beside the package"))
    func `a profile that rests on one source says that it is unverified`() throws {
        let tables = try #require(Library.tables)
        for name in Library.names {
            guard let table = TestFiles.text("\(tables)/\(name).csv") else { continue }
            let confidence = table.split(separator: "\n").first { $0.hasPrefix("# confidence:") } ?? "# confidence: low"
            guard confidence.hasPrefix("# confidence: low") else { continue }
            #expect(try Library.text(name).contains("\nstatus: unverified\n"), "\(name): \(confidence)")
        }
    }

    @Test func `the page of profiles is what the profiles say`() async throws {
        let (status, lines) = try await run(Project.root + "/scripts/profiles-table", ["--check"])
        #expect(status == 0, "\(lines.suffix(5))")
    }
}
