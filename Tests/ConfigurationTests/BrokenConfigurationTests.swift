import Configuration
import Glibc
import Telemetry
import Testing

/// Each file of Fixtures/broken has a text beside it: what is said of it, line by line. A line holds for every message
/// that begins with it, so that folders of one machine can be left out.
struct BrokenConfigurationTests {
    static let folder = Fixtures.folder + "/broken"
    static let names: [String] = {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".yaml") { names.append(String(name.dropLast(5))) }
        }
        return names.sorted()
    }()

    @Test func `there are more than fifty broken configurations`() {
        #expect(Self.names.count > 50)
    }

    @Test(arguments: names)
    func `every mistake is named at its place`(name: String) throws {
        let messages = load(Self.folder + "/\(name).yaml").messages(in: Self.folder)
        let text = Fixtures.text(Self.folder + "/\(name).txt")
        if let update = getenv("CANDELA_NEW_EXPECTATIONS"), strcmp(update, "1") == 0, text == nil {
            let file = fopen(Self.folder + "/\(name).txt", "w")
            fputs(messages.map { $0 + "\n" }.joined(), file)
            fclose(file)
            return
        }
        let expected = try #require(text, "Fixtures/broken/\(name).txt is missing").split(separator: "\n").map(
            String.init)
        #expect(messages.count == expected.count, "\(messages)")
        for (message, line) in zip(messages, expected) {
            #expect(message.hasPrefix(line))
        }
        #expect(messages.contains { $0.contains(": error: ") })
    }

    @Test(arguments: names)
    func `a mistake disables its part or the file, and never more than one of both`(name: String) {
        let result = load(Self.folder + "/\(name).yaml")
        if result.configuration == nil {
            #expect(result.disabled.isEmpty)
        } else {
            #expect(!result.disabled.isEmpty)
        }
    }

    @Test(arguments: names)
    func `no message shows a secret`(name: String) {
        let result = load(Self.folder + "/\(name).yaml")
        #expect(!result.diagnostics.contains { $0.description.contains("hunter2") })
        #expect(result.configuration?.explained().contains("hunter2") != true)
        #expect(result.configuration?.explainedJSON(origin: true).description.contains("hunter2") != true)
    }
}
