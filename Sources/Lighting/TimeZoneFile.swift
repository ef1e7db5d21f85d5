import Glibc
import Telemetry

extension TimeZoneRules {
    /// The longest zone file accepted, in bytes. The largest of the tz database has under 4 KB.
    public static let longestFile = 65_536
    /// Where Debian's `tzdata` puts the zones.
    public static let systemFolder = "/usr/share/zoneinfo"

    /// Reads a zone of the system's tz database. Call it again after the database was updated.
    ///
    /// - Parameters:
    ///   - name: `Europe/Berlin`.
    ///   - folder: the root of a compiled tz database.
    public static func load(name: String, folder: String = systemFolder) throws(TimeZoneError) -> TimeZoneRules {
        // A name from a configuration must not lead out of the folder.
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { part in
            !part.isEmpty && !part.hasPrefix(".")
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
        guard isPlain, name.utf8.count <= 64 else {
            throw TimeZoneError(.badName, zone: name, "no name of the tz database, such as Europe/Berlin")
        }
        let descriptor = open(folder + "/" + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TimeZoneError(.notFound, zone: name, "not in \(folder); correct the name or install tzdata")
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while content.count <= longestFile {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw TimeZoneError(.notFound, zone: name, "\(folder)/\(name) cannot be read; install tzdata again")
            }
            if count == 0 { break }
            content.append(contentsOf: chunk[..<count])
        }
        return try TimeZoneRules(name: name, file: content)
    }

    /// Reads the content of a TZif file, version 1 to 4 (RFC 9636).
    public init(name: String, file: [UInt8]) throws(TimeZoneError) {
        guard file.count <= Self.longestFile else {
            throw TimeZoneError(.damaged, zone: name, "the file is longer than \(Self.longestFile) bytes")
        }
        var reader = ZoneFileReader(bytes: file, zone: name)
        var header = try reader.header()
        var wide = false
        if header.version >= UInt8(ascii: "2") {
            // The first block is for readers of 32-bit times; what follows says the same and more.
            try reader.skip(header.length(wide: false))
            header = try reader.header()
            wide = true
        }
        let block = try reader.block(header, wide: wide)
        let footer = wide ? try reader.footer() : nil
        self.init(
            name: name, transitions: block.transitions, indexes: block.indexes, offsets: block.offsets, footer: footer)
    }
}

private struct ZoneFileReader {
    struct Header {
        let version: UInt8
        let utcIndicators: Int
        let standardIndicators: Int
        let leapSeconds: Int
        let transitions: Int
        let types: Int
        let characters: Int

        func length(wide: Bool) -> Int {
            let time = wide ? 8 : 4
            return transitions * (time + 1) + types * 6 + characters + leapSeconds * (time + 4) + standardIndicators
                + utcIndicators
        }
    }

    let bytes: [UInt8]
    let zone: String
    var position = 0

    init(bytes: [UInt8], zone: String) {
        self.bytes = bytes
        self.zone = zone
    }

    private func damaged(_ what: String) -> TimeZoneError {
        TimeZoneError(.damaged, zone: zone, "\(what); install tzdata again")
    }

    mutating func skip(_ count: Int) throws(TimeZoneError) {
        guard count >= 0, bytes.count - position >= count else { throw damaged("the file ends too early") }
        position += count
    }

    private mutating func integer(_ width: Int) throws(TimeZoneError) -> Int64 {
        let start = position
        try skip(width)
        var value: UInt64 = 0
        for byte in bytes[start..<position] { value = value << 8 | UInt64(byte) }
        return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    mutating func header() throws(TimeZoneError) -> Header {
        guard bytes.count - position >= 44, Array(bytes[position..<position + 4]) == Array("TZif".utf8) else {
            throw TimeZoneError(.notATimeZoneFile, zone: zone, "not a compiled zone file (TZif)")
        }
        let version = bytes[position + 4]
        position += 20
        var counts: [Int] = []
        for _ in 0..<6 {
            let count = Int(try integer(4))
            guard count >= 0, count <= TimeZoneRules.longestFile else { throw damaged("a count is beyond the file") }
            counts.append(count)
        }
        guard counts[4] >= 1, counts[4] <= 256 else { throw damaged("it has no local time type") }
        return Header(
            version: version, utcIndicators: counts[0], standardIndicators: counts[1], leapSeconds: counts[2],
            transitions: counts[3], types: counts[4], characters: counts[5])
    }

    mutating func block(
        _ header: Header, wide: Bool
    ) throws(TimeZoneError) -> (transitions: [Int64], indexes: [UInt8], offsets: [ZoneOffset]) {
        guard bytes.count - position >= header.length(wide: wide) else { throw damaged("the file ends too early") }
        guard header.leapSeconds == 0 else {
            throw damaged("it counts leap seconds (a \"right/\" zone), which UTC clocks do not")
        }
        var transitions: [Int64] = []
        for _ in 0..<header.transitions {
            let moment = try integer(wide ? 8 : 4)
            if let last = transitions.last, moment <= last { throw damaged("its transitions are out of order") }
            transitions.append(moment)
        }
        let indexes = Array(bytes[position..<position + header.transitions])
        guard indexes.allSatisfy({ Int($0) < header.types }) else { throw damaged("a local time type is missing") }
        position += header.transitions
        var types: [(seconds: Int, isSummerTime: Bool, name: Int)] = []
        for _ in 0..<header.types {
            let seconds = Int(try integer(4))
            // RFC 9636 section 3.2: more than -25 h and less than +26 h.
            guard seconds > -25 * 3600, seconds < 26 * 3600 else { throw damaged("an offset of more than a day") }
            types.append((seconds, bytes[position] != 0, Int(bytes[position + 1])))
            position += 2
        }
        let characters = Array(bytes[position..<position + header.characters])
        position += header.length(wide: wide) - header.transitions * (wide ? 9 : 5) - header.types * 6
        var offsets: [ZoneOffset] = []
        for type in types {
            guard type.name < characters.count else { throw damaged("an abbreviation is missing") }
            let name = String(decoding: characters[type.name...].prefix { $0 != 0 }, as: UTF8.self)
            offsets.append(ZoneOffset(seconds: type.seconds, isSummerTime: type.isSummerTime, abbreviation: name))
        }
        return (transitions, indexes, offsets)
    }

    mutating func footer() throws(TimeZoneError) -> PosixZoneRule? {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\n"),
            let end = bytes[(position + 1)...].firstIndex(of: UInt8(ascii: "\n"))
        else { throw damaged("its footer is missing") }
        let text = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
        if text.isEmpty { return nil }
        guard let rule = PosixZoneRule(text) else { throw damaged("its rule \"\(text)\" is not understood") }
        return rule
    }
}
