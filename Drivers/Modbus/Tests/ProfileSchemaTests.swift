import DriverProtocol
import Glibc
import TestSupport
import Testing

@testable import ModbusDriver

/// Profiles before an independent judge: Python's jsonschema with the schema that editors use.
@Suite struct `Schema of profiles` {
    private static let judge = """
        import json, sys, pathlib
        from jsonschema import Draft202012Validator
        schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for file in sorted(pathlib.Path(sys.argv[2]).glob("*.json")):
            errors = [f"{list(e.absolute_path)} {e.message[:200]}" for e in validator.iter_errors(json.loads(file.read_text()))]
            wrong = file.name.startswith("wrong-")
            print(file.name, "ok" if bool(errors) == wrong else f"WRONG {errors[:3]}")
        """

    static func json(_ node: DriverNode) -> String {
        switch node.value {
        case .map(let map)?:
            return "{" + map.entries.map { "\(quoted($0.key)):\(json($0.value))" }.joined(separator: ",") + "}"
        case .list(let list)?: return "[" + list.items.map { json($0) }.joined(separator: ",") + "]"
        case .flag(let flag)?: return flag ? "true" : "false"
        case .number(let text)?:
            // 0x10 and 007 are numbers of YAML, not of JSON.
            let isPlain = text.utf8.allSatisfy { (48...57).contains($0) || "+-.eE".utf8.contains($0) }
            let hasLeadingZero = text.utf8.count > 1 && text.hasPrefix("0") && !text.hasPrefix("0.")
            return isPlain && !hasLeadingZero ? text : quoted(text)
        case .text(let text)?: return quoted(text)
        case .null?, nil: return "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }

    @Test(.enabled(if: Project.python != nil, "needs Python with jsonschema: set CANDELA_PYTHON"))
    func `every shipped profile holds the schema, and wrong ones do not`() async throws {
        let folder = TemporaryFolder("candela-profile-schema")
        folder.write("judge.py", Self.judge)
        let profiles = Project.root + "/Drivers/Modbus/Profiles"
        let names = TestFiles.names(in: profiles).filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 7)
        for name in names {
            let text = try #require(TestFiles.text(profiles + "/" + name))
            folder.write(name + ".json", Self.json(try MiniYAML.parse(text)))
        }
        let wrong = [
            "driver: modbus\nvalues:\n  - {quantity: voltage, at: 0, as: u16}",
            "driver: modbus\nstatus: verified\nvalues:\n  - {quantity: voltage, at: 0, as: u17}",
            "driver: modbus\nstatus: verified\nvalues:\n  - {quantity: voltage, at: 0, as: u16, scale_from: {at: 3, as: i16}}",
            "driver: modbus\nstatus: verified\nvalues:\n  - {quantity: voltage, adress: 0, as: u16}",
        ]
        for (index, text) in wrong.enumerated() {
            folder.write("wrong-\(index).json", Self.json(try MiniYAML.parse(text)))
        }
        let python = try #require(Project.python)
        let schema = Project.root + "/docs/schemas/modbus-profile.schema.json"
        let outcome = try await run(python, [folder("judge.py"), schema, folder.path])
        #expect(outcome.status == 0)
        #expect(outcome.lines.count == names.count + wrong.count)
        for line in outcome.lines { #expect(line.hasSuffix(" ok"), "\(line)") }
    }
}
