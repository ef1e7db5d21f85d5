import Glibc
import Telemetry
import TestSupport
import Testing

/// Trouble on the wire as a head-end sees it: said once, with its reason, and over when it is over.
@Suite(.serialized)
struct FieldFaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        /// Commands of the simulator that begin and end it.
        let begin: String
        let end: String?
        /// Reason of the bad readings; nil where the gateway should get over it without one.
        let reason: String?
        /// An event that says it too.
        var event: String?
        var testDescription: String { name }
    }

    static let faults = [
        Fault(
            name: "a silent device", begin: "silent pump on", end: "silent pump off", reason: "communication",
            event: "device_offline"),
        Fault(name: "wrong checks", begin: "crc pump 12", end: "crc pump 0", reason: "communication"),
        // 900 ms are beyond the time-out and within `late`: no later request may take the answer for its own.
        Fault(name: "late answers", begin: "late pump 900", end: "late pump 0", reason: "communication"),
        Fault(
            name: "an exception to everything", begin: "exception pump 4", end: "exception pump off",
            reason: "deviceReported"),
    ]

    /// Held values: an answer that is taken for another device's would show.
    private static let held = ["pump": "199", "school": "231"]

    @Test(arguments: faults)
    func `a faulty device is bad once with its reason, good again, and alone in it`(_ fault: Fault) async throws {
        let scene = try await Scene()
        try await scene.field.control(fault.begin)
        let bad = try await scene.subscriber.reading("a bad reading of the pump") { $0.device == "pump" && !$0.isGood }
        if let kind = fault.event {
            let event = try await scene.subscriber.event("\(kind) raised") { $0.kind == kind && $0.active == true }
            #expect(event.device == "pump" && event.detail["detail"]?.text?.isEmpty == false, "\(event)")
        }
        // The neighbour goes on while the pump is ill.
        try await scene.polls(of: "school", 4, after: bad.moment)
        if let end = fault.end { try await scene.field.control(end) }
        let ended = wallClock()
        let good = try await scene.subscriber.reading("the pump is good again", within: .seconds(25)) {
            $0.device == "pump" && $0.isGood && $0.moment > ended && $0.n > bad.n
        }
        print(
            "\(fault.testDescription): bad for \(good.moment - bad.moment) s, good \(good.moment - ended) s after its end"
        )
        if let kind = fault.event {
            try await scene.subscriber.event("\(kind) cleared") { $0.kind == kind && $0.active == false }
        }
        try await scene.polls(of: "pump", 2, after: good.moment)
        try await scene.finish()
        let pump = scene.subscriber.readings(of: "pump")
        for point in Scene.points {
            let own = pump.filter { $0.point == point && !$0.isGood }
            #expect(own.count == 1, "\(point) is bad once: \(own)")
            #expect(own.allSatisfy { $0.quality == "bad" && $0.reason == fault.reason && $0.value == .null }, "\(own)")
        }
        scene.judgeNeighbour()
    }

    @Test
    func `noise on the line costs no reading its truth`() async throws {
        let scene = try await Scene()
        let began = wallClock()
        for _ in 0..<6 {
            try await scene.field.control("garbage rs485-1 40")
            try await scene.polls(of: "school", 1, after: wallClock())
        }
        try await scene.polls(of: "pump", 3, after: began)
        try await scene.finish()
        scene.judgeNeighbour()
    }

    @Test
    func `an adapter that echoes and answers of another unit cost no reading`() async throws {
        let scene = try await Scene()
        try await scene.field.control("echo rs485-1 on")
        var began = wallClock()
        for device in ["pump", "school"] { try await scene.polls(of: device, 3, after: began) }
        try await scene.field.control("echo rs485-1 off")
        // The next twelve requests to the pump are answered by address 3 first, with other values.
        try await scene.field.control("foreign pump 12")
        began = wallClock()
        for device in ["pump", "school"] { try await scene.polls(of: device, 8, after: began) }
        try await scene.finish()
        scene.judgeNeighbour()
        #expect(scene.subscriber.readings(of: "pump").filter { !$0.isGood } == [], "the pump answered all the time")
        #expect(scene.gateway.log.contains { $0.contains("echo") }, "a technician is told of the echo")
    }

    @Test
    func `a meter that takes eleven registers at once is asked for no more, and it is said`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field()
        try await field.control("limit tcp-feeder 11")
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                board: simulated
                buses:
                  network: {driver: modbus, port: "tcp://\(try field.server())"}
                devices:
                  feeder: {bus: network, address: 1, profile: eastron-sdm630, interval: 500ms, points: [voltage.L1, voltage.L2, voltage.L3, current.L1, current.L2, current.L3, active_power.L1, active_power.L2, active_power.L3]}
                """, broker: broker), field: field)
        let said = try await subscriber.event("what was learned") { $0.kind == "register_refused" }
        #expect(said.detail["detail"]?.text?.contains("registers per request") == true, "\(said)")
        for point in ["voltage.L1", "current.L3", "active_power.L3"] {
            try await subscriber.reading("\(point)") { $0.point == point && $0.isGood }
        }
        let corrections = try await run(
            Project.program("candela"), ["profile", "corrections", "network", "--socket", gateway.socket])
        #expect(corrections.status == 0, "\(corrections.lines)")
        #expect(corrections.lines.contains { $0.hasPrefix("# feeder, profile eastron-sdm630") }, "\(corrections.lines)")
        #expect(corrections.lines.contains { $0.hasPrefix("limits: {max_registers: ") }, "\(corrections.lines)")
        #expect(try await gateway.terminate() == 0)
        #expect(Ledger(subscriber.messages).violations == [])
    }

    @Test
    func `a port that goes and comes back is one alarm for all its devices`() async throws {
        let scene = try await Scene()
        try await scene.field.control("gone rs485-1 on")
        let alarm = try await scene.subscriber.event("bus_down") { $0.kind == "bus_down" && $0.active == true }
        #expect(alarm.detail["bus"]?.text == "meters")
        #expect(alarm.detail["affected"]?.items?.compactMap { $0.text } == ["pump", "school"])
        for device in ["pump", "school"] {
            try await scene.subscriber.reading("\(device) is bad") {
                $0.device == device && $0.reason == "communication"
            }
        }
        try await scene.polls(of: "station", 4, after: alarm.moment)
        try await scene.field.control("gone rs485-1 off")
        let back = wallClock()
        try await scene.subscriber.event("bus_down cleared", within: .seconds(20)) {
            $0.kind == "bus_down" && $0.active == false
        }
        for device in ["pump", "school"] { try await scene.polls(of: device, 2, after: back) }
        try await scene.finish()
        for device in ["pump", "school"] {
            for point in Scene.points {
                let bad = scene.subscriber.readings(of: device, point).filter { !$0.isGood }
                #expect(bad.count == 1 && bad[0].reason == "communication", "\(device).\(point) is bad once: \(bad)")
            }
        }
        #expect(
            scene.subscriber.events("device_offline").filter { $0.active == true } == [], "one alarm names them all")
        #expect(scene.subscriber.readings(of: "station").allSatisfy { $0.isGood })
    }

    @Test
    func `a lamp interface that goes and comes back is one alarm for all its lamps`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field()
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                board: simulated
                buses:
                  lamps: {driver: dali, port: rs232-1, interface: luba}
                devices:
                  lamp-{01..02}: {bus: lamps, address: "{0..1}", profile: dali-luminaire, interval: 1s}
                """, broker: broker), field: field)
        let lamps = ["lamp-01", "lamp-02"]
        for lamp in lamps {
            try await subscriber.reading("a level of \(lamp)") { $0.device == lamp && $0.point == "level" && $0.isGood }
        }
        try await field.control("gone rs232-1 on")
        let alarm = try await subscriber.event("bus_down") { $0.kind == "bus_down" && $0.active == true }
        #expect(alarm.detail["affected"]?.items?.compactMap { $0.text } == lamps)
        for lamp in lamps {
            try await subscriber.reading("\(lamp) is bad") { $0.device == lamp && $0.reason == "communication" }
        }
        try await field.control("gone rs232-1 off")
        let back = wallClock()
        try await subscriber.event("bus_down cleared", within: .seconds(20)) {
            $0.kind == "bus_down" && $0.active == false
        }
        for lamp in lamps {
            try await subscriber.reading("\(lamp) is read again") {
                $0.device == lamp && $0.point == "level" && $0.isGood && $0.moment > back
            }
        }
        #expect(try await gateway.terminate() == 0)
        #expect(subscriber.events("device_offline").filter { $0.active == true } == [], "one alarm names them all")
        for (point, bad) in Dictionary(
            grouping: subscriber.readings.filter { !$0.isGood }, by: { "\($0.device).\($0.point)" })
        {
            #expect(bad.count == 1, "\(point) is bad once: \(bad)")
        }
        #expect(Ledger(subscriber.messages).violations == [])
    }

    /// Two meters on a serial line, one on the network, and a head-end.
    private struct Scene {
        static let points = ["voltage.L1", "frequency"]
        let broker: Broker
        let subscriber: Subscriber
        let field: Field
        let gateway: GatewayProcess

        init() async throws {
            broker = try await Broker()
            subscriber = try await Subscriber(broker)
            field = try await Field()
            for (device, voltage) in held { try await field.control("set \(device) voltage.L1 \(voltage)") }
            gateway = try GatewayProcess(
                Configurations.gateway(
                    """
                    board: simulated
                    buses:
                      meters: {driver: modbus, port: rs485-1, baud: 9600, parity: even, response_timeout: 300ms, late: 1s, sick_share: 30%}
                      network: {driver: modbus, port: "tcp://\(try field.server())"}
                    devices:
                      pump: {bus: meters, address: 2, profile: eastron-sdm120, interval: 500ms, points: [voltage.L1, frequency]}
                      school: {bus: meters, address: 4, profile: abb-b23, interval: 500ms, points: [voltage.L1, frequency]}
                      station: {bus: network, address: 1, profile: eastron-sdm630, interval: 500ms, points: [voltage.L1, frequency]}
                    """, broker: broker), field: field)
            for device in ["pump", "school", "station"] { try await polls(of: device, 2, after: 0) }
        }

        /// Waits for so many good readings of each point after a moment.
        func polls(of device: String, _ count: Int, after moment: Double) async throws {
            for point in Self.points {
                try await subscriber.first("\(count) readings of \(device).\(point)", within: .seconds(25)) {
                    subscriber -> Bool? in
                    subscriber.readings(of: device, point).filter { $0.isGood && $0.moment > moment }.count >= count
                        ? true : nil
                }
            }
        }

        /// Stops the gateway; what holds in every scene is checked here.
        func finish() async throws {
            #expect(try await gateway.terminate() == 0)
            #expect(Ledger(subscriber.messages).violations == [])
            for (device, voltage) in held {
                let values = Set(subscriber.readings(of: device, "voltage.L1").filter(\.isGood).map(\.value))
                #expect(
                    values == [.number(ExactDecimal(voltage) ?? .zero)],
                    "\(device) never shows another's value: \(values)")
            }
        }

        func judgeNeighbour() {
            for device in ["school", "station"] {
                let bad = subscriber.readings(of: device).filter { !$0.isGood }
                #expect(bad == [], "\(device) had no fault")
            }
        }
    }
}
