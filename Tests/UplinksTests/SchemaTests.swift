import Telemetry
import TestSupport
import Testing

@testable import Uplinks

/// Our messages before an independent judge: Python's jsonschema with the schemas we publish.
struct SchemaTests {
    private static let judge = """
        import json, sys, pathlib
        from jsonschema import Draft202012Validator
        folder, schemas = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
        for file in sorted(folder.glob("*.json")):
            kind, expected = file.name.split("-")[0], file.name.split("-")[1]
            schema = json.loads((schemas / f"{kind}.schema.json").read_text())
            Draft202012Validator.check_schema(schema)
            errors = [e.message for e in Draft202012Validator(schema).iter_errors(json.loads(file.read_text()))]
            print(file.name, "ok" if (not errors) == (expected == "good") else f"WRONG {errors}")
        """

    @Test(.enabled(if: Project.python != nil, "needs Python with jsonschema: set CANDELA_PYTHON"))
    func `every message holds its published schema, and wrong ones do not`() async throws {
        let folder = TemporaryFolder("candela-schema")
        folder.write("judge.py", Self.judge)
        for quality in ClockQuality.allCases { writeBatches(folder, quality) }
        writeDocuments(folder)
        writeWrongOnes(folder)
        let python = try #require(Project.python)
        let outcome = try await run(python, [folder("judge.py"), folder.path, Project.root + "/docs/schemas"])
        #expect(outcome.status == 0)
        #expect(outcome.lines.count >= 20)
        for line in outcome.lines { #expect(line.hasSuffix(" ok"), "\(line)") }
    }

    private func write(_ folder: TemporaryFolder, _ name: String, _ payload: [UInt8]) {
        folder.write(name + ".json", String(decoding: payload, as: UTF8.self))
    }

    private func writeBatches(_ folder: TemporaryFolder, _ quality: ClockQuality) {
        let batches = [
            threeReadings,
            batch(.readings((1...2000).map { reading(n: UInt64($0), value: .text("x")) })),
            batch(.readings([reading(n: 1 << 60, value: .number(ExactDecimal(1 << 60)))]), sequence: 1 << 60),
            batch(
                .events([
                    Event(kind: "restart", severity: .info, occurred: BootInstant(nanoseconds: 7)),
                    Event(
                        id: "a", kind: "lamp_failure", device: "d", point: "p", severity: .alarm, active: true,
                        detail: ["x": [1, nil, "\u{7F}\n"]], occurred: BootInstant(nanoseconds: 7)),
                ])),
            batch(
                .results(
                    CommandResult.Status.allCases.map {
                        CommandResult(
                            id: "i", device: "d", status: $0, reason: "r", value: .flag(false),
                            finished: BootInstant(nanoseconds: 9))
                    })),
        ]
        for (index, batch) in batches.enumerated() {
            for message in JSONEncoding().encode(batch: batch, context: context(quality)) {
                write(folder, "\(message.topicSuffix)-good-\(quality.name)-\(index)-\(message.part)", message.payload)
            }
        }
    }

    private func writeDocuments(_ folder: TemporaryFolder) {
        let will = GatewayState(gateway: "g", state: .offline, version: "1", boot: "b")
        write(folder, "state-good-will", will.document())
        let state = GatewayState(
            gateway: "g", state: .online, version: "1", boot: "b", since: epoch, devicesRevision: "00",
            clock: .init(quality: .holdover, source: "rtc", errorSeconds: ExactDecimal(mantissa: 15, exponent: -1)),
            buses: [
                .init(name: "meters", driver: "modbus", state: "failed", devices: 3, devicesFailing: 1, reason: "x")
            ],
            outbox: .init(
                stream: "s", lastSequence: 7, oldestUnsent: nil, batches: 0, bytes: 4096, limitBytes: 1 << 29),
            alarms: 2, readOnly: true, notices: ["lamps hold their last level if the gateway fails"])
        write(folder, "state-good-full", state.document())
        write(folder, "devices-good-one", DeviceDirectory(gateway: "g", devices: [sampleDevice]).document().payload)
        let alarms = ActiveAlarms(
            gateway: "g", stream: "s", sequence: 4,
            alarms: [.init(id: "a", kind: "k", device: "d", severity: .alarm, since: epoch, detail: ["x": 1])])
        write(folder, "alarms-good-one", alarms.document())
        write(
            folder, "command-good-set",
            Array(
                #"{"id":"1","device":"l","action":"set","point":"level","value":60,"unit":"%","expires":"2026-11-21T16:10:00Z","for":"2h"}"#
                    .utf8))
        write(folder, "command-good-release", Array(#"{"id":"1","group":"g","action":"release"}"#.utf8))
    }

    private func writeWrongOnes(_ folder: TemporaryFolder) {
        let whole = JSONEncoding().encode(batch: threeReadings, context: context())[0].payload
        let text = String(decoding: whole, as: UTF8.self)
        for (index, (old, new)) in [
            ("\"format\":1", "\"format\":2"), ("\"n\":57311,", ""), ("\"quality\":\"good\"", "\"quality\":\"fine\""),
            ("T16:04:05.250Z", " 16:04"),
        ].enumerated() {
            folder.write("readings-bad-\(index).json", replacing(old, with: new, in: text))
        }
        folder.write("command-bad-both.json", #"{"id":"1","device":"l","group":"g","action":"release"}"#)
        folder.write("command-bad-value.json", #"{"id":"1","device":"l","action":"set","point":"level"}"#)
    }

    private func replacing(_ old: String, with new: String, in text: String) -> String {
        guard let range = text.firstRange(of: old) else { return text }
        return text.replacingCharacters(range, new)
    }
}

extension String {
    fileprivate func replacingCharacters(_ range: Range<String.Index>, _ new: String) -> String {
        String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
