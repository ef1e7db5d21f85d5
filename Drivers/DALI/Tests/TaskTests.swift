import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Tasks through the real engine and interface, on the simulator's bus.
@Suite struct TaskTests {
    private func started(_ gear: [GearDescription], sensors: [SensorDescription] = [], readOnly: Bool = false) throws
        -> SimulatedBus
    {
        let bus = SimulatedBus(gear: gear, sensors: sensors, readOnly: readOnly)
        try bus.start()
        bus.run(for: .seconds(1))
        return bus
    }

    private func perform(
        _ bus: SimulatedBus, _ name: String, _ arguments: [String: String], atMost limit: Duration = .seconds(120)
    ) throws -> (result: JSONValue, failure: String) {
        let done = try #require(bus.perform(name, Configuration.map(arguments), atMost: limit), "\(name) did not end")
        return (done.result.json, done.failure)
    }

    private func list(_ value: JSONValue?) -> [JSONValue] { if case .array(let items)? = value { items } else { [] } }

    @Test(arguments: [
        ("FE 91", "all DAPC 145", "none"), ("A0 QUERY CONTROL GEAR PRESENT", "A0 QUERY CONTROL GEAR PRESENT", "answer"),
        ("a0 query actual level", "A0 QUERY ACTUAL LEVEL", "answer"), ("A9 QUERY STATUS", "A9 QUERY STATUS", "none"),
        ("01A0", "A0 QUERY ACTUAL LEVEL", "answer"), ("G2 DAPC 127", "G2 DAPC 127", "none"),
        ("DTR0 5", "DTR0 5", "none"), ("all OFF", "all OFF", "none"),
        ("DT6 A0 QUERY DIMMING CURVE", "ENABLE DEVICE TYPE 6, DT6 A0 QUERY DIMMING CURVE", "answer"),
    ]) func `a raw frame is sent as it was written, and answered in words`(
        frame: String, words: String, outcome: String
    )
        throws
    {
        let bus = try started(SimulatedBus.lamps(2))
        let (result, failure) = try perform(bus, "raw", ["frame": frame])
        #expect(failure.isEmpty, "\(failure)")
        #expect(result["words"]?.text == words)
        #expect(result["outcome"]?.text == outcome, "\(result)")
    }

    @Test(arguments: [
        ("A3 QUERY STAUTS", "no command"), ("A64 OFF", "no command"), ("DAPC", "no command"), ("", "two bytes"),
        ("TERMINATE 4", "no number"), ("A3 DAPC 256", "0 to 255"),
    ]) func `a frame that is none is refused with what to write`(frame: String, says: String) throws {
        let bus = try started(SimulatedBus.lamps(1))
        let task = RawTask.make(Configuration.map(["frame": Configuration.word(frame)]))
        guard case .failed(let sentence) = task.next(bus.engine) else { return #expect(Bool(false), "\(frame)") }
        #expect(sentence.contains(says), "\(sentence)")
    }

    @Test(
        arguments: [
            ("raw", ["frame": "A0 OFF"]), ("identify", ["address": "0"]), ("commission", [:]),
            ("scan", ["random": "true"]),
        ] as [(String, [String: String])])
    func `a read-only gateway changes nothing by tasks`(name: String, arguments: [String: String]) throws {
        let bus = try started(SimulatedBus.lamps(1), readOnly: true)
        var nodes = arguments.mapValues { Configuration.text($0) }
        if nodes["random"] != nil { nodes["random"] = DriverNode(json: .bool(true)) }
        let done = try #require(
            bus.perform(
                name, DriverNode(json: .object(nodes.map { .init($0.key, $0.value.json) })), atMost: .seconds(30)))
        #expect(done.failure.contains("read-only"), "\(done.failure)")
        #expect(
            !bus.frames().contains { $0.data == [0x01, 0x00] || $0.data == [0x01, 0x25] || $0.data.first == 0xA5 })
    }

    @Test func `a scan tells gear, types, identity, addresses taken twice and sensors, while polling goes on`() throws {
        var gear = SimulatedBus.lamps(4) { if $0 == 2 { $1.isD4i = false } }
        gear[3].shortAddress = 1
        gear.append(GearDescription(name: "loose", shortAddress: nil))
        let bus = try started(gear)
        let polled = bus.frames().filter { $0.data == [0x01, 0x90] }.count
        let (result, failure) = try perform(bus, "scan", [:])
        #expect(failure.isEmpty, "\(failure)")
        let rows = list(result["gear"])
        #expect(rows.compactMap { $0["address"]?.number } == [0, 1, 2].map { ExactDecimal($0) })
        #expect(list(result["duplicates"]) == [.integer(1)])
        let types = rows.map { list($0["types"]) }
        #expect(types.first?.contains(.integer(51)) == true, "\(result)")
        #expect(types.last == [.integer(6)])
        #expect(rows.first?["identity"]?.text?.hasPrefix("\(GearDescription.madeUpArticle)/") == true)
        #expect(rows.first?["device"]?.text == "lamp-01")
        #expect(result["note"]?.text?.contains("without an address") == true)
        #expect(bus.frames().filter { $0.data == [0x01, 0x90] }.count > polled)
    }

    @Test func `a query tells everything in words, and a memory bank its fields`() throws {
        let bus = try started(SimulatedBus.lamps(2))
        let (facts, failure) = try perform(bus, "query", ["device": "lamp-01"])
        #expect(failure.isEmpty, "\(failure)")
        let names = list(facts["facts"]).compactMap { $0["name"]?.text }
        for name in ["power-on level", "system failure level", "device types", "identity", "dimming curve", "firmware"]
        {
            #expect(names.contains(name), "\(name)")
        }
        let (memory, problem) = try perform(bus, "memory", ["address": "1", "bank": "0"])
        #expect(problem.isEmpty, "\(problem)")
        let gtin = list(memory["fields"]).first { $0["name"]?.text == "gtin" }
        #expect(gtin?["value"]?.text == "\(GearDescription.madeUpArticle)")
        let (_, nobody) = try perform(bus, "query", ["address": "40"])
        #expect(nobody.contains("did not answer"))
        let (_, unknown) = try perform(bus, "query", ["device": "lamp-99"])
        #expect(unknown.contains("no usable lamp lamp-99"))
    }

    @Test func `commissioning through the interface rests polling, and commands still reach the lamps`() throws {
        let bus = try started(SimulatedBus.lamps(6) { if $0 > 2 { $1.shortAddress = nil } })
        let request = bus.begin("commission")
        bus.run(for: .seconds(4))
        let polls = bus.frames().filter { $0.data == [0x01, 0x90] }.count
        let answer = bus.submit(0, value: .number(ExactDecimal(50)))
        bus.run(atMost: .seconds(5)) { answer.done != nil }
        #expect(answer.done?.outcome == .verified, "\(String(describing: answer.done))")
        // Told to be on disk as the runtime would.
        var told = 0
        let isDone = bus.run(atMost: .seconds(300)) {
            let memories = bus.outlet.all.memories
            while told < memories.count {
                bus.engine.stored(device: memories[told].device, key: memories[told].key)
                told += 1
            }
            return bus.outlet.all.tasksDone.contains { $0.request == request }
        }
        #expect(isDone)
        #expect(bus.bus.gear.compactMap(\.shortAddress).sorted() == Array(0..<6))
        #expect(bus.frames().filter { $0.data == [0x01, 0x90] }.count <= polls + 2, "polling did not rest")
        let last = bus.frames().filter { $0.data == [0xA1, 0x00] || $0.data == [0xFF, 0xFE, 0x1E] }
        #expect(last.count >= 3)
    }

    @Test func `a commissioning that is called off ends the address window at once`() throws {
        let bus = try started(SimulatedBus.lamps(3))
        let request = bus.begin("commission")
        bus.run(for: .seconds(3))
        bus.engine.cancelTask(request)
        #expect(bus.frames().suffix(3).map(\.data).contains([0xA1, 0x00]), "\(bus.frames().suffix(4).map(\.data))")
    }

    @Test func `a plan names load, latency and what a dead lamp costs`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(64))
        let task = PlanTask.make(Configuration.map([:] as [String: String]))
        guard case .done(let node) = task.next(bus.engine) else { return #expect(Bool(false)) }
        let plan = node.json
        // 64 lamps, two queries of 49.5 ms each: 6.4 s, every 10 s.
        let all = try #require(plan["all_lamps"]?.number?.approximation)
        #expect(abs(all - 6.4) < 0.1, "\(all)")
        #expect(abs((plan["load"]?.number?.approximation ?? 0) - 64) < 1)
        #expect((plan["level_latency"]?.number?.approximation ?? 1) < 0.15)
        #expect(list(plan["late"]).isEmpty && plan["one_dead"] != nil)
    }

    @Test func `sniffing sends nothing and tells what others say`() throws {
        let bus = try started(SimulatedBus.lamps(2))
        let request = bus.begin("sniff", Configuration.map(["seconds": "3"]))
        bus.run(for: .milliseconds(200))
        let own = bus.frames().count
        bus.bus.schedule(foreign: [0xFF, 0x05], at: bus.clock.now.advanced(by: .milliseconds(500)))
        bus.run(atMost: .seconds(10)) { bus.outlet.all.tasksDone.contains { $0.request == request } }
        let words = bus.outlet.all.taskSteps.compactMap { $0.content.json["words"]?.text }
        #expect(words.contains { $0.contains("all RECALL MAX LEVEL") }, "\(words)")
        #expect(bus.frames().count <= own + 1)
        #expect(bus.outlet.all.tasksDone.first?.result.json["frames"]?.number != nil)
    }

    @Test func `the ring holds the last exchanges of one lamp in words`() throws {
        let bus = try started(SimulatedBus.lamps(2))
        let (result, failure) = try perform(bus, "ring", ["device": "lamp-02"])
        #expect(failure.isEmpty)
        let rows = list(result["exchanges"])
        #expect(!rows.isEmpty)
        #expect(rows.allSatisfy { $0["device"]?.text == "lamp-02" })
        #expect(rows.contains { $0["request"]?.text == "A1 QUERY STATUS" && $0["outcome"]?.text == "answer" })
    }
}

extension Configuration {
    /// A text, even where it looks like a number.
    static func word(_ text: String) -> DriverNode {
        var node = DriverNode()
        node.text = text
        return node
    }
}
