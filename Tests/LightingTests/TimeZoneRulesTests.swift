import Glibc
import Lighting
import Telemetry
import Testing

@Suite struct TimeZoneRulesTests {
    static let hasZones = access(TimeZoneRules.systemFolder + "/Europe/Berlin", R_OK) == 0
    static let hasZdump = access("/usr/bin/zdump", X_OK) == 0

    // What `zdump -v -c 2024,2042` says of these moments.
    @Test(
        .enabled(if: hasZones, "tzdata is not installed"),
        arguments: [
            ("Europe/Berlin", "2026-03-29T00:59:59Z", 3600, "CET"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z", 7200, "CEST"),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", 7200, "CEST"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", 3600, "CET"),
            ("Europe/Berlin", "2040-03-25T00:59:59Z", 3600, "CET"),
            ("Europe/Berlin", "2040-03-25T01:00:00Z", 7200, "CEST"),
            ("Europe/Berlin", "2040-10-28T00:59:59Z", 7200, "CEST"),
            ("Europe/Berlin", "2040-10-28T01:00:00Z", 3600, "CET"),
            ("Australia/Sydney", "2040-04-01T00:00:00Z", 36_000, "AEST"),
            ("Australia/Sydney", "2041-01-01T00:00:00Z", 39_600, "AEDT"),
            ("Europe/Dublin", "2040-07-01T00:00:00Z", 3600, "IST"), ("Europe/Dublin", "2040-12-31T23:59:59Z", 0, "GMT"),
            ("Asia/Kolkata", "2040-07-01T00:00:00Z", 19_800, "IST"), ("UTC", "2040-07-01T00:00:00Z", 0, "UTC"),
        ])
    func `a zone has the offset that zdump gives it, now and in 2040`(
        zone: String, at: String, seconds: Int, name: String
    ) throws {
        let rules = try TimeZoneRules.load(name: zone)
        let offset = rules.offset(at: try #require(UTCInstant(at)))
        #expect(offset.seconds == seconds)
        #expect(offset.abbreviation == name)
    }

    @Test(
        .enabled(if: hasZones && hasZdump, "zdump or tzdata is not installed"),
        arguments: [
            "Europe/Berlin", "Europe/Lisbon", "Europe/Dublin", "America/New_York", "America/St_Johns",
            "America/Sao_Paulo",
            "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza", "Pacific/Apia", "Pacific/Chatham", "Asia/Tehran",
            "America/Nuuk", "Antarctica/Troll",
        ])
    func `every transition to 2050 is the one zdump lists`(zone: String) throws {
        let rules = try TimeZoneRules.load(name: zone)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var checked = 0
        for line in try Process.lines(of: "/usr/bin/zdump -v -c 1900,2050 \(zone)") {
            // Europe/Berlin  Sun Mar 29 00:59:59 2026 UT = Sun Mar 29 01:59:59 2026 CET isdst=0 gmtoff=3600
            let words = line.split(separator: Character(" ")).map(String.init)
            guard words.count == 16, let month = months.firstIndex(of: words[2]), let day = Int(words[3]),
                let year = Int(words[5]), year >= 1900, let expected = Int(words[15].dropFirst("gmtoff=".count))
            else { continue }
            let clock = words[4].split(separator: Character(":")).compactMap { Int($0) }
            let moment = CivilTime(
                year: year, month: month + 1, day: day, hour: clock[0], minute: clock[1], second: clock[2]
            ).instant
            let offset = rules.offset(at: moment)
            #expect(offset.seconds == expected, "\(line)")
            #expect(offset.abbreviation == words[13], "\(line)")
            #expect(offset.isSummerTime == (words[14] == "isdst=1"), "\(line)")
            checked += 1
        }
        #expect(checked > 4)
    }

    @Test(
        .enabled(if: hasZones, "tzdata is not installed"),
        arguments: [
            // ordinary, left out, first after, first and only time of two
            ("2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"), ("2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z"),
            ("2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"), ("2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"),
            ("2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"), ("2026-10-25T01:59:59Z", "2026-10-24T23:59:59Z"),
            ("2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"), ("2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"),
            ("2040-03-25T02:30:00Z", "2040-03-25T01:30:00Z"),
        ])
    func `a local time has one moment, also where it is left out or comes twice`(local: String, utc: String) throws {
        let berlin = try TimeZoneRules.load(name: "Europe/Berlin")
        let wall = CivilTime(try #require(UTCInstant(local)))
        #expect(berlin.instant(of: wall).description == UTCInstant(utc)?.description)
    }

    @Test(
        .enabled(if: hasZones, "tzdata is not installed"),
        arguments: ["Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"])
    func `local time leads back to the moment outside of the hour that comes twice`(zone: String) throws {
        let rules = try TimeZoneRules.load(name: zone)
        var moment = try #require(UTCInstant("2011-12-01T00:00:00Z"))
        for _ in 0..<2000 {
            let back = rules.instant(of: rules.localTime(at: moment))
            if back != moment { #expect(moment.duration(since: back) <= .seconds(3600) && moment > back) }
            moment = moment.advanced(by: .seconds(1800 * 9))
        }
    }

    @Test(arguments: ["../../etc/passwd", "/etc/localtime", "Europe//Berlin", "", ".", "Europe/Berlin\u{0}", "a b"])
    func `a name that leads out of the database is refused`(name: String) {
        let error = #expect(throws: TimeZoneError.self) { try TimeZoneRules.load(name: name) }
        #expect(error?.code == .badName)
    }

    @Test func `a zone that is not there says what to do`() {
        let error = #expect(throws: TimeZoneError.self) { try TimeZoneRules.load(name: "Europe/Ruhrort") }
        #expect(error?.code == .notFound)
        #expect(error?.description.contains("tzdata") == true)
    }

    @Test(.enabled(if: hasZones, "tzdata is not installed"))
    func `no cut or flipped byte of a zone file brings the reader down`() throws {
        let file = try Process.bytes(ofFile: TimeZoneRules.systemFolder + "/Europe/Berlin")
        for length in 0..<file.count {
            #expect(throws: TimeZoneError.self) { try TimeZoneRules(name: "cut", file: Array(file[..<length])) }
        }
        var seed: UInt64 = 1
        for _ in 0..<2000 {
            var bytes = file
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes[Int(seed >> 33) % bytes.count] = UInt8(truncatingIfNeeded: seed >> 20)
            if let rules = try? TimeZoneRules(name: "flipped", file: bytes) {
                let moment = UTCInstant(seconds: Int64(seed >> 30))
                _ = rules.instant(of: rules.localTime(at: moment))
            }
        }
        #expect(throws: TimeZoneError.self) { try TimeZoneRules(name: "x", file: Array(repeating: 0, count: 100_000)) }
    }
}

@Suite struct ZoneFileStampTests {
    @Test func `a zone's file that was replaced has another stamp, and one that is gone has none`() throws {
        let folder = "/tmp/candela-zone-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        #expect(mkdir(folder, 0o700) == 0)
        defer {
            unlink(folder + "/Zone")
            rmdir(folder)
        }
        func write(_ text: String) throws {
            // As a package manager does it: a new file in place of the old one.
            let file = try #require(fopen(folder + "/new", "w"))
            fputs(text, file)
            fclose(file)
            #expect(rename(folder + "/new", folder + "/Zone") == 0)
        }
        try write("first")
        let first = try #require(ZoneFileStamp(name: "Zone", folder: folder))
        #expect(ZoneFileStamp(name: "Zone", folder: folder) == first)
        try write("other")
        #expect(ZoneFileStamp(name: "Zone", folder: folder) != first)
        #expect(ZoneFileStamp(name: "None", folder: folder) == nil)
    }
}
