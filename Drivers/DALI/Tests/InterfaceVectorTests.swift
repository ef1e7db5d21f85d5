import Glibc
import Telemetry
import Testing

@testable import DALIDriver

/// The vectors that the tests carry against the collection they come from, where it is at hand.
@Suite struct InterfaceVectorTests {
    static let collection: JSONValue? = {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        guard let file = fopen(root + "/../shared/reference/lamps/test_vectors.json", "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return try? JSONValue(parsing: bytes)
    }()

    @Test(
        .enabled(if: collection != nil, "../shared/reference/lamps/test_vectors.json is not there"),
        arguments: [
            ("luba", InterfaceVectors.luba), ("foxtron", InterfaceVectors.foxtron),
            ("sevenlab", InterfaceVectors.sevenlab),
        ])
    func `no vector of the collection is missing or changed`(_ kind: String, _ ours: [String: String]) throws {
        guard case .object(let members)? = Self.collection?[kind] else {
            Issue.record("the collection has no \(kind)")
            return
        }
        #expect(Set(members.map(\.key)) == Set(ours.keys))
        for member in members {
            guard case .string(let text) = member.value else { continue }
            // Foxtron's are written with escapes around the text.
            let bare = text.split(separator: "\\x01").joined().split(separator: "\\x17").joined()
            let plain = Self.unescaped(bare)
            #expect(plain == ours[member.key], "\(member.key)")
        }
    }

    @Test(arguments: InterfaceVectors.luba.keys.sorted())
    func `every vector of LUBA is one frame and is written with the same bytes again`(_ name: String) throws {
        let bytes = InterfaceVectors.bytes(luba: name)
        var decoder = LUBA.Decoder()
        decoder.append(bytes)
        // A command without data (28) is one that the driver never receives; its decoder knows answers only.
        guard bytes[2] > 0 else {
            #expect(LUBA.Frame(command: bytes[1], data: []).bytes == bytes)
            return
        }
        let next = decoder.next()
        let frame = try #require(next)
        #expect(frame.bytes == bytes)
        #expect(decoder.skipped == 0)
    }

    private static func unescaped(_ text: String) -> String {
        text.split(separator: "\\r", omittingEmptySubsequences: false).joined(separator: "\r")
            .split(separator: "\\n", omittingEmptySubsequences: false).joined(separator: "\n")
    }
}
