import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What becomes of a gateway whose file is wrong, or was changed.
@Suite(.serialized) struct `Configurations, end to end` {
    static let fixtures = Project.root + "/Tests/ConfigurationTests/Fixtures"
    static let broken: [String] = TestFiles.names(in: fixtures + "/broken").filter { $0.hasSuffix(".yaml") }.map {
        String($0.dropLast(5))
    }

    /// What is said of a broken file: the beginnings of its error messages.
    static func expected(_ name: String) -> [String] {
        (TestFiles.text("\(fixtures)/broken/\(name).txt") ?? "").split(separator: "\n").map(String.init)
            .filter { $0.contains(": error: ") }
    }

    /// Whether a line says it; places are named by whole paths, and beside the test by the file's name alone.
    ///
    /// - Parameter folder: where the broken files lie that were read.
    static func said(_ lines: [String], _ message: String, in folder: String = "\(fixtures)/broken") -> Bool {
        lines.contains { $0.replacing(folder + "/", with: "").contains(message) }
    }

    /// A daemon with the drivers and boards that the broken files were written for.
    static func daemon(_ file: String, _ folder: TemporaryFolder, state: String) throws -> ChildProcess {
        try ChildProcess(
            Project.program("candelad"),
            [
                "--config", file, "--state-dir", folder(state), "--socket", folder("\(state).sock"), "--drivers",
                fixtures + "/drivers", "--boards", fixtures + "/boards",
            ])
    }

    /// Waits until it runs or has ended; nil while it runs.
    static func settled(_ daemon: ChildProcess) async throws -> Int32? {
        do {
            try await daemon.line(containing: " runs: ")
            return nil
        } catch {
            return try await daemon.exitStatus(within: .seconds(1))
        }
    }

    @Test func `none of the broken files crashes the daemon: it runs what is sound, or the last good file`()
        async throws
    {
        let waiting = Queue(Self.broken)
        let unusable = Count()
        let before = TestFiles.names(in: Self.fixtures + "/broken")
        try await withThrowingTaskGroup { group in
            // As many as the machine has processors to spare.
            for _ in 0..<3 {
                group.addTask {
                    let folder = TemporaryFolder("candela-broken")
                    // What a daemon writes beside its file belongs into no source tree.
                    let copied = try await run("/bin/cp", ["-r", Self.fixtures, folder("fixtures")])
                    try #require(copied.status == 0, "\(copied.lines)")
                    let good = folder.write("good.yaml", "gateway: {id: the-last-good}\n")
                    let first = try Self.daemon(good, folder, state: "good")
                    try await first.line(containing: "gateway the-last-good runs")
                    await first.stop()
                    while let name = waiting.next() {
                        if try await Self.check(name, folder) { unusable.add() }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(TestFiles.names(in: Self.fixtures + "/broken") == before)
        // Both kinds are there, so that neither half of this test is empty.
        #expect(Self.broken.count > 50)
        #expect((15..<Self.broken.count - 15).contains(unusable.value))
    }

    /// - Returns: whether the file cannot be used at all.
    static func check(_ name: String, _ folder: TemporaryFolder) async throws -> Bool {
        let place = folder("fixtures/broken")
        let file = "\(place)/\(name).yaml"
        let alone = try daemon(file, folder, state: "state-\(name)")
        let status = try await settled(alone)
        for line in expected(name) {
            #expect(said(alone.lines, line, in: place), "\(name): \(line)\n\(alone.lines)")
        }
        guard let status else {
            await alone.stop()
            // A stop is orderly also in its first moments.
            let ended = try await alone.exitStatus()
            #expect(ended == 0, "\(name): \(ended) \(alone.lines)")
            return false
        }
        #expect(status == 2, "\(name): \(alone.lines)")
        let rescued = try daemon(file, folder, state: "good")
        try await rescued.line(containing: "gateway the-last-good runs")
        #expect(rescued.lines.contains { $0.contains("configuration begins") && $0.contains("\"last_good\":true") })
        await rescued.stop()
        return true
    }

    @Test func `config check names every mistake of the broken files and exits with 2`() async throws {
        let waiting = Queue(Self.broken)
        try await withThrowingTaskGroup { group in
            for _ in 0..<3 {
                group.addTask {
                    while let name = waiting.next() {
                        let checked = try await run(
                            Project.program("candela"),
                            [
                                "config", "check", "\(Self.fixtures)/broken/\(name).yaml", "--drivers",
                                Self.fixtures + "/drivers", "--boards", Self.fixtures + "/boards",
                            ])
                        #expect(checked.status == 2, "\(name): \(checked.lines)")
                        for line in Self.expected(name) {
                            #expect(Self.said(checked.lines, line), "\(name): \(line)\n\(checked.lines)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// - Returns: `gateway.yaml:LINE:` of the line that contains `text`.
    static func place(of text: String, in configuration: String) -> String {
        let lines = configuration.split(separator: "\n", omittingEmptySubsequences: false)
        return "gateway.yaml:\((lines.firstIndex { $0.contains(text) } ?? -2) + 1):"
    }

    @Test func `the last good file runs in place of an unusable one, and says so everywhere`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.gateway.terminate()
        let seen = street.headEnd.messages.count
        street.gateway.folder.write("gateway.yaml", "gateway: {id: e2e\nbuses:\n\tlamps: {}\n")
        try street.gateway.start()
        try await street.online(after: seen)
        let state = try #require(street.headEnd.messages("state").last).body
        #expect(
            state["notices"]?.items?.contains { $0.text?.hasPrefix("THE LAST GOOD CONFIGURATION RUNS") == true } == true
        )
        let alarm = try await street.headEnd.event("the alarm") { $0.kind == "configuration" && $0.active == true }
        #expect(alarm.detail["last_good"]?.flag == true)
        #expect(alarm.detail["messages"]?.items?.first?.text?.contains("gateway.yaml:") == true)
        try await street.send("after", Street.level("lamp-03", "60"))
        #expect(try await street.result("after").status == "verified")
        let status = try await run(
            Project.program("candela"), ["status", "--json", "--socket", street.gateway.socket])
        #expect(status.status == 1)
        #expect(status.lines.joined().contains("THE LAST GOOD CONFIGURATION RUNS"))
    }

    @Test func `a broken device, bus or uplink is left out and named; the rest runs`() async throws {
        let street = try await Street(started: false) { broker in
            Street.configuration(
                broker,
                uplinks: """
                      head-end: {type: mqtt, url: "\(broker.url)", commands: all}
                      other: {type: carrier-pigeon, url: "\(broker.url)"}
                    """)
        }
        let text = try #require(TestFiles.text(street.gateway.configurationPath))
            .replacing("buses:\n", with: "buses:\n  nowhere: {driver: profibus, port: rs485-1}\n")
            .replacing(
                "devices:\n",
                with: "devices:\n  lost: {bus: nowhere, address: 1}\n  odd: {bus: cabinet, address: 5, profile: none}\n"
            )
        street.gateway.folder.write("gateway.yaml", text)
        try street.gateway.start()
        try await street.ready()
        let alarm = try await street.headEnd.event("the alarm") { $0.kind == "configuration" && $0.active == true }
        let disabled = alarm.detail["disabled"]?.items?.compactMap(\.text) ?? []
        for part in ["nowhere", "lost", "odd", "other"] {
            #expect(disabled.contains { $0.hasSuffix(part) }, "\(disabled)")
        }
        let messages = alarm.detail["messages"]?.items?.compactMap(\.text) ?? []
        for text_ in ["profibus", "carrier-pigeon", "  odd:"] {
            let place = Self.place(of: text_, in: text)
            #expect(messages.contains { $0.contains(place) }, "\(place) \(messages)")
        }
        try await street.headEnd.reading("the sound meter") { $0.device == "door" && $0.isGood }
        try await street.waitForLevel("lamp-01", 229)
    }

    @Test func `mistakes that only a driver sees are named at their place, in the log and by config check`()
        async throws
    {
        let street = try await Street(started: false) { Street.configuration($0) }
        let text = try #require(TestFiles.text(street.gateway.configurationPath))
            .replacing("buses:\n", with: "buses:\n  meters: {driver: modbus, port: rs485-1, baud: 9601x}\n")
            .replacing(
                "devices:\n",
                with: """
                    devices:
                      twin: {bus: cabinet, address: 2, profile: cabinet}
                      far: {bus: cabinet, address: 300, profile: cabinet}
                      typo: {bus: cabinet, address: 3, profile: cabinet, turnaruond: 5ms}
                      dark: {bus: lamps, address: 64}
                      feeder: {bus: meters, address: 1, profile: eastron-sdm630}

                    """)
        street.gateway.folder.write("gateway.yaml", text)
        try street.gateway.start()
        let alarm = try await street.headEnd.event("the alarm of the cabinet's bus") {
            $0.kind == "configuration" && $0.active == true
                && $0.whole["id"]?.text == "configuration:cabinet"
        }
        let disabled = alarm.detail["disabled"]?.items?.compactMap(\.text) ?? []
        #expect(disabled.contains("device far") && disabled.contains("device typo"), "\(disabled)")
        try await street.waitForLevel("lamp-01", 229)

        let checked = try await run(
            Project.program("candela"),
            ["config", "check", street.gateway.configurationPath, "--drivers", Project.root + "/Drivers"],
            environment: ["CANDELA_SIM_DIR": street.field.directory])
        #expect(checked.status == 2)
        let places = ["baud: 9601x", "address: 300", "turnaruond", "  dark:"].map { Self.place(of: $0, in: text) }
        for place in places {
            #expect(
                checked.lines.contains { $0.contains(place) && $0.contains(": error: ") }, "\(place) \(checked.lines)")
            try await street.gateway.process?.line(containing: place)
        }
        // Of two devices with one address, one is named, with the other's name.
        let twins = [Self.place(of: "  twin:", in: text), Self.place(of: "  door:", in: text)]
        #expect(
            checked.lines.contains { line in twins.contains { line.contains($0) } && line.contains("twin") },
            "\(checked.lines)")
    }

    @Test func `a renamed device keeps its history`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.headEnd.reading("some readings") { $0.device == "door" && $0.n >= 6 }
        try await street.gateway.terminate()
        let text = try #require(TestFiles.text(street.gateway.configurationPath))
            .replacing("  door: {", with: "  gate: {was: door, ")
        street.gateway.folder.write("gateway.yaml", text)
        try street.gateway.start()
        let renamed = try await street.headEnd.event("the new name is told") { $0.kind == "renamed" }
        #expect(renamed.device == "gate" && renamed.detail["was"]?.text == "door")
        try await street.headEnd.reading("readings under the new name") { $0.device == "gate" && $0.isGood }
        let before = street.headEnd.readings(of: "door")
        let after = street.headEnd.readings(of: "gate")
        #expect(Set(before.map(\.stream)) == Set(after.map(\.stream)))
        let numbers = (before + after).map(\.n)
        #expect(Set(numbers).sorted() == Array(1...(numbers.max() ?? 0)))
        #expect((after.map(\.n).min() ?? 0) == (before.map(\.n).max() ?? 0) + 1)
    }

    @Test func `a head-end that comes late finds devices and alarms, and one alarm for a dead port`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.headEnd.reading("a reading") { $0.device == "door" && $0.isGood }
        let late = try await Subscriber(street.broker, id: "late")
        let devices = try await late.message("/devices", on: "devices") { $0.retained }
        let revision = try #require(devices.body["revision"]?.text)
        #expect(devices.body["devices"]?.items?.count == 5)
        let readings = try await late.message("readings", on: "readings") { _ in true }
        #expect(readings.body["devices"]?.text == revision)
        let none = try await late.message("/alarms", on: "alarms") { $0.retained }
        #expect(none.body["alarms"]?.items?.isEmpty == true)

        try await street.field.control("gone rs232-1 on")
        let raised = try await street.headEnd.event("the port's alarm") { $0.kind == "bus_down" && $0.active == true }
        #expect(raised.detail["bus"]?.text == "lamps")
        #expect(
            raised.detail["affected"]?.items?.compactMap(\.text) == ["lamp-01", "lamp-02", "lamp-03", "lamp-04"])
        // Its lamps are bad, once, and raise nothing of their own.
        for lamp in 1...4 {
            try await street.headEnd.reading("lamp \(lamp) is bad") {
                $0.device == "lamp-0\(lamp)" && $0.point == "level" && $0.quality == "bad"
                    && $0.reason == "communication"
            }
        }
        let later = try await Subscriber(street.broker, id: "later")
        let active = try await later.message("/alarms with the bus alone", on: "alarms") {
            $0.body["alarms"]?.items?.map { $0["kind"]?.text } == ["bus_down"]
        }
        let id = raised.whole["id"]?.text
        #expect(active.body["alarms"]?.items?.first?["id"]?.text == id)

        try await street.field.control("gone rs232-1 off")
        let cleared = try await street.headEnd.event("the alarm ends") { $0.kind == "bus_down" && $0.active == false }
        #expect(cleared.whole["id"]?.text == id)
        try await street.headEnd.first("no alarm is left") { headEnd in
            headEnd.messages("alarms").last?.body["alarms"]?.items?.isEmpty == true ? true : nil
        }
        #expect(street.headEnd.events("bus_down").count == 2)
    }
}

/// Names that several tasks work off.
private final class Queue: Sendable {
    private let names: Mutex<[String]>
    init(_ names: [String]) { self.names = Mutex(names) }
    func next() -> String? { names.withLock { $0.popLast() } }
}

private final class Count: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}
