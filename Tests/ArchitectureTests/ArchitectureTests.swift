import CLinux
import TestSupport
import Testing

/// The arrows of docs/architecture.md, checked against what the sources really import.
struct ArchitectureTests {
    /// What each room may import of the project's own modules, beside its C library.
    static let arrows: [String: Set<String>] = [
        "Telemetry": [],
        "DriverProtocol": ["Telemetry"],
        "DriverKit": ["DriverProtocol", "Telemetry", "CLinux", "CSerialPort"],
        "Configuration": ["Telemetry", "CYAML"],
        "Normalization": ["Telemetry"],
        "Outbox": ["Telemetry", "CSQLite", "CLinux"],
        "Uplinks": ["Telemetry", "CMosquitto", "CCurl", "CZlib", "CLinux"],
        "Lighting": ["Telemetry"],
        "Supervision": ["DriverProtocol", "Telemetry", "CLinux"],
        "ControlProtocol": ["Telemetry", "CLinux"],
        "Runtime": [
            "Telemetry", "DriverProtocol", "Configuration", "Normalization", "Outbox", "Uplinks", "Lighting",
            "Supervision",
            "ControlProtocol", "CLinux",
        ],
        "FieldSimulator": ["Telemetry", "CLinux"],
        "candelad": ["Runtime", "Configuration", "CLinux"],
        "candela": [
            "Runtime", "Configuration", "ControlProtocol", "Supervision", "DriverProtocol", "Telemetry", "CLinux",
        ],
        "candela-sim": ["FieldSimulator", "Telemetry", "CLinux"],
        "CLinux": [], "CModbus": [], "CSerialPort": [], "CMosquitto": [], "CCurl": [], "CZlib": [], "CSQLite": [],
        "CYAML": [],
    ]

    static let driverArrows: Set<String> = ["DriverKit", "DriverProtocol", "Telemetry", "CLinux"]

    /// Modules from outside the house, and who may use them.
    static let outside: [String: Set<String>] = [
        "SwiftProtobuf": [
            "DriverProtocol", "DriverKit", "Supervision", "ControlProtocol", "Runtime", "candela", "Drivers",
        ],
        "FoundationEssentials": [
            "DriverProtocol", "ControlProtocol", "DriverKit", "Supervision", "Runtime", "candela", "Drivers",
        ],
        "Logging": ["Uplinks", "Supervision", "Runtime", "candelad", "candela"],
        "ArgumentParser": ["candelad", "candela", "candela-sim"],
        "UnixSignals": ["candelad"],
        "ServiceLifecycle": ["Runtime", "candelad"],
        "Synchronization": [
            "Telemetry", "DriverKit", "Uplinks", "Supervision", "Outbox", "ControlProtocol", "Runtime",
            "FieldSimulator", "Drivers",
            "candela", "candelad", "candela-sim",
        ],
        "Glibc": [],
    ]

    struct Import: CustomStringConvertible {
        let file: String
        let line: Int
        let module: String
        var description: String { "\(file):\(line): import \(module)" }
    }

    static func swiftFiles(under folder: String) -> [String] {
        TestFiles.names(in: folder).flatMap { name -> [String] in
            let path = folder + "/" + name
            if name.hasSuffix(".swift") { return [path] }
            return TestFiles.names(in: path).isEmpty ? [] : swiftFiles(under: path)
        }
    }

    static func imports(of file: String) -> [Import] {
        var found: [Import] = []
        let lines = (TestFiles.text(file) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({
                    ["public", "internal", "package", "private"].contains($0) || $0.hasPrefix("@")
                })
            else { continue }
            let named = words[position + 1]
            let module = named.split(separator: ".")[0]
            found.append(Import(file: file, line: index + 1, module: String(module)))
        }
        return found
    }

    static func isGenerated(_ file: String) -> Bool { file.hasSuffix(".pb.swift") }

    @Test func `every room imports only what its arrows allow`() throws {
        let rooms = TestFiles.names(in: Project.root + "/Sources")
        for room in rooms {
            let allowed = try #require(
                Self.arrows[room], "Sources/\(room) is a room without arrows: say here what it may import")
            for found in Self.swiftFiles(under: Project.root + "/Sources/" + room).flatMap(Self.imports) {
                if Self.arrows[found.module] != nil {
                    #expect(allowed.contains(found.module), "\(found) is against the arrows")
                } else if let users = Self.outside[found.module] {
                    #expect(users.isEmpty || users.contains(room), "\(found) is not for \(room)")
                } else if !Self.isGenerated(found.file) {
                    Issue.record("\(found): a module that no room may use")
                }
            }
        }
    }

    @Test func `drivers import DriverKit and their C library only, and no room imports a driver`() {
        for driver in TestFiles.names(in: Project.root + "/Drivers") {
            let folder = Project.root + "/Drivers/" + driver + "/Sources"
            let own = Set(TestFiles.names(in: folder))
            for found in Self.swiftFiles(under: folder).flatMap(Self.imports) {
                let allowed =
                    own.contains(found.module) || Self.driverArrows.contains(found.module)
                    || found.module.hasPrefix("C")
                    || found.module == "Glibc" || Self.outside[found.module]?.contains("Drivers") == true
                #expect(allowed, "\(found): a driver depends on DriverKit and its C library only")
                #expect(found.module != "Runtime", "\(found): a driver never imports Runtime")
            }
            for found in Self.swiftFiles(under: Project.root + "/Sources").flatMap(Self.imports) {
                #expect(!own.contains(found.module), "\(found): nothing in Sources imports a driver")
            }
        }
    }

    @Test func `no source that ships imports full Foundation`() {
        for folder in ["/Sources", "/Drivers"] {
            for found in Self.swiftFiles(under: Project.root + folder).flatMap(Self.imports) {
                #expect(found.module != "Foundation", "\(found): FoundationEssentials is the limit")
            }
        }
    }

    @Test func `every kind of event is in the catalogue and the catalogue lists no other`() throws {
        let catalogue = try #require(TestFiles.text(Project.root + "/docs/events.md"))
        let listed = Set(
            catalogue.split(separator: "\n").compactMap { line -> String? in
                guard line.hasPrefix("| `") else { return nil }
                return line.split(separator: "`").dropFirst().first.map(String.init)
            })
        let source = try #require(TestFiles.text(Project.root + "/Sources/Telemetry/EventKind.swift"))
        let declared = Set(
            source.split(separator: "\n").compactMap { line -> String? in
                guard line.contains("static let"), let value = line.split(separator: "\"").dropFirst().first else {
                    return nil
                }
                return String(value)
            })
        #expect(
            listed == declared,
            "listed but unknown: \(listed.subtracting(declared)); missing: \(declared.subtracting(listed))")
        for folder in ["/Sources", "/Drivers"] {
            for file in Self.swiftFiles(under: Project.root + folder) where !file.contains("/Tests/") {
                for line in (TestFiles.text(file) ?? "").split(separator: "\n") {
                    guard line.contains("Event("), let range = line.range(of: "kind: \"") else { continue }
                    let kind = line[range.upperBound...].prefix { $0 != "\"" }
                    #expect(declared.contains(String(kind)), "\(file): event kind \(kind) is not in the catalogue")
                }
            }
        }
    }

    @Test func `what drivers tell is in the catalogue and keeps its kind on the way up`() throws {
        let source = try #require(TestFiles.text(Project.root + "/Sources/Telemetry/EventKind.swift"))
        var kinds: [String: String] = [:]
        for line in source.split(separator: "\n") where line.contains("static let") {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "let"), let kind = line.split(separator: "\"").dropFirst().first
            else { continue }
            kinds[String(words[place + 1])] = String(kind)
        }
        let list = try #require(source.range(of: "fromDrivers: Set<String> = ["))
        let passed = Set(
            source[list.upperBound...].prefix { $0 != "]" }.split { !$0.isLetter }.compactMap { kinds[String($0)] })
        #expect(passed.contains("setup_written"), "the list was not found: \(passed)")
        var told: Set<String> = []
        for file in Self.swiftFiles(under: Project.root + "/Drivers") where !file.contains("/Tests/") {
            let text = TestFiles.text(file) ?? ""
            for call in ["tell(", "event.kind = "] {
                var rest = text[...]
                while let found = rest.range(of: call) {
                    rest = rest[found.upperBound...]
                    let argument = rest.drop { $0.isWhitespace }
                    guard argument.first == "\"" else { continue }
                    let kind = String(argument.dropFirst().prefix { $0 != "\"" })
                    told.insert(kind)
                    #expect(passed.contains(kind), "\(file): \(kind) would arrive as `driver`")
                }
            }
        }
        #expect(told.isSuperset(of: ["identity_changed", "dali_bus_down", "wrong_device"]), "\(told)")
    }
}

extension StringProtocol {
    /// The first place of `needle`.
    fileprivate func range(of needle: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
            start = index(after: start)
        }
        return nil
    }
}
