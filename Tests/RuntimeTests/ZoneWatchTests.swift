import Glibc
import Lighting
import Telemetry
import TestSupport
import Testing

@testable import Runtime

@Suite struct ZoneWatchTests {
    private static let database = TimeZoneRules.systemFolder

    /// Puts a zone's file in place as a package does: written beside it and moved over it.
    private static func install(_ zone: String, in folder: TemporaryFolder) throws {
        let bytes = try #require(TestFiles.bytes("\(database)/\(zone)"))
        let descriptor = open(folder("new"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        #expect(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
        close(descriptor)
        #expect(rename(folder("new"), folder("Zone")) == 0)
    }

    @Test(.enabled(if: TestFiles.exists(database + "/Europe/Berlin"), "no tz database on this machine"))
    func `a zone's file that is replaced while the gateway runs is read once, and a broken one is refused once`() throws
    {
        let folder = TemporaryFolder("candela-zone")
        try Self.install("Europe/Berlin", in: folder)
        var watch = ZoneWatch(name: "Zone", folder: folder.path)
        #expect(try watch.changed() == nil, "the first look is at the file that the plan was made with")
        #expect(try watch.changed() == nil)

        // Summer time is abolished: the rules of a zone without any.
        try Self.install("Etc/GMT-1", in: folder)
        let rules = try #require(try watch.changed())
        let summer = try #require(UTCInstant("2040-07-01T12:00:00Z"))
        #expect(rules.offset(at: summer).seconds == 3600)
        #expect(try watch.changed() == nil)

        folder.write("Zone", "no zone at all")
        #expect(throws: TimeZoneError.self) { try watch.changed() }
        #expect(try watch.changed() == nil, "it is not complained of every minute")
        unlink(folder("Zone"))
        #expect(try watch.changed() == nil, "the rules read before hold")
    }
}
