import Telemetry
import TestSupport
import Testing

/// What a head-end orders, from the broker to the field and back.
@Suite(.serialized) struct `Commands from the head-end` {
    @Test func `a level arrives at the lamp, is read back, and its result comes`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)

        try await street.send("c-1", Street.level("lamp-01", "60"))
        let result = try await street.result("c-1")
        #expect(result.device == "lamp-01" && result.isVerified(at: 60), "\(result)")
        // IEC 62386-102, logarithmic curve: 60 % is level 235.
        #expect(try await street.levels()["lamp-01"] == 235)
        let told = try await street.headEnd.event("the command's event") { $0.detail["id"]?.text == "c-1" }
        #expect(told.kind == "command" && told.device == "lamp-01")
        #expect(told.detail["by"]?.text == "uplink head-end")

        try await street.send("c-2", "\"device\":\"lamp-01\",\"action\":\"release\"")
        let released = try await street.result("c-2")
        #expect(released.isVerified(at: 50), "\(released)")
        #expect(try await street.levels()["lamp-01"] == 229)
        #expect(try await street.sent(to: 0) == [229, 235, 229])
        #expect(try await street.sent(to: 1) == [229])
    }

    @Test func `each of many overrides in a row is answered with its own level`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        for percent in [10, 20, 30, 40, 60, 70, 80, 90, 100] {
            try await street.send("many-\(percent)", Street.level("lamp-01", "\(percent)"))
            let result = try await street.result("many-\(percent)")
            #expect(result.isVerified(at: Double(percent)), "\(result)")
        }
    }

    @Test func `a register, an output and a reading of a meter's bus`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.send(
            "m-1", #""device":"door","action":"set","point":"temperature","value":21.5,"unit":"Cel""#)
        let set = try await street.result("m-1")
        #expect(set.status == "verified" && "\(set.value ?? .null)" == "21.5" && set.unit == "Cel")
        #expect(try await street.field.control("get cabinet setting.1").hasPrefix("215"))

        try await street.send("m-2", #""device":"door","action":"set","point":"switch_position","value":true"#)
        #expect(try await street.result("m-2").status == "verified")
        #expect(try await street.field.control("get cabinet output.1").hasPrefix("1"))

        try await street.send("m-3", #""device":"door","action":"read","point":"temperature""#, expires: nil)
        let read = try await street.result("m-3")
        #expect(read.status == "verified" && "\(read.value ?? .null)" == "21.5")
    }

    @Test func `a group's command goes to each of its lamps and has a result for each`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        for group in ["yard", "north-side"] {
            try await street.send(
                "g-\(group)", #""group":"\#(group)","action":"set","point":"level","value":30,"unit":"%""#)
            let results = try await street.results("g-\(group)", count: 2)
            #expect(results.map(\.status) == ["verified", "verified"], "\(results)")
        }
        let levels = try await street.levels()
        #expect((1...4).map { levels["lamp-0\($0)"] } == [210, 210, 210, 210])
        try await street.headEnd.event("one event for the group") { $0.detail["id"]?.text == "g-yard" }
        #expect(street.headEnd.commandEvents("g-yard").count == 1)
    }

    /// One wrong command: its members, and what its result says.
    struct Wrong: Sendable {
        let name: String
        let members: String
        var expires: Int64? = 600
        var more: [String] = []
        let status: String
        let reason: String
    }

    static let wrong: [Wrong] = {
        func set(_ device: String, _ point: String, _ value: String) -> String {
            #""device":"\#(device)","action":"set","point":"\#(point)","value":\#(value)"#
        }
        func rejected(
            _ name: String, _ members: String, _ reason: String, expires: Int64? = 600, more: [String] = []
        ) -> Wrong {
            Wrong(name: name, members: members, expires: expires, more: more, status: "rejected", reason: reason)
        }
        return [
            Wrong(
                name: "expired", members: set("lamp-01", "level", "9"), expires: -60, status: "expired",
                reason: "expired"),
            rejected("no-device", set("lamp-99", "level", "9"), "unknownDevice"),
            rejected("no-point", set("lamp-01", "colour", "9"), "unknownPoint"),
            rejected("no-group", #""group":"west","action":"set","point":"level","value":9"#, "unknownGroup"),
            rejected("meter-read-only", set("door", "temperature.ch2", "9"), "notWritable"),
            rejected("lamp-read-only", set("lamp-01", "lamp_failure", "true"), "notWritable"),
            rejected("too-high", set("lamp-01", "level", "130"), "outOfRange"),
            rejected("negative", set("lamp-03", "level", "-1"), "outOfRange"),
            rejected("too-hot", set("door", "temperature", "30.1"), "outOfRange"),
            rejected("wrong-unit", set("door", "temperature", "20") + #","unit":"W""#, "wrongUnit"),
            rejected("unknown-unit", set("lamp-01", "level", "20") + #","unit":"furlong""#, "wrongUnit"),
            rejected("text-for-number", set("lamp-01", "level", "\"high\""), "wrongType"),
            rejected("no-value", #""device":"lamp-01","action":"set","point":"level""#, "malformed"),
            rejected("null-value", set("lamp-01", "level", "null"), "malformed"),
            rejected("list-value", set("lamp-01", "level", "[9]"), "malformed"),
            rejected("no-action", #""device":"lamp-01","point":"level","value":9"#, "malformed"),
            rejected("unknown-action", #""device":"lamp-01","action":"jump","point":"level","value":9"#, "malformed"),
            rejected("two-targets", set("lamp-01", "level", "9") + #","group":"yard""#, "malformed"),
            rejected("override-too-long", set("lamp-01", "level", "9") + #","for":"32d""#, "malformed"),
            rejected("no-expiry", set("lamp-01", "level", "9"), "expiryMissing", expires: nil),
            rejected("far-expiry", set("lamp-01", "level", "9"), "expiryTooFar", expires: 90_000),
            rejected("nothing-to-release", #""device":"door","action":"release""#, "notUnderCalendar"),
            rejected("retained", set("lamp-01", "level", "9"), "retained", more: ["-V", "5", "-r"]),
        ]
    }()

    @Test func `what must not be obeyed gets its result and changes nothing`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        try await street.waitForLevel("lamp-02", 229)
        let before = try await street.frames()

        for wrong in Self.wrong {
            try await street.send(wrong.name, wrong.members, expires: wrong.expires, more: wrong.more)
        }
        for wrong in Self.wrong {
            let result = try await street.result(wrong.name)
            #expect(result.status == wrong.status && result.reason.hasPrefix(wrong.reason), "\(result)")
        }
        // What cannot even be given a result has a line in the log.
        for payload in ["{\"id\":\"broken", "[]", "{}", "\u{1}", "{\"device\":\"lamp-01\",\"action\":\"release\"}"] {
            try await street.broker.publish("candela/e2e/commands", payload)
        }
        let huge = street.gateway.folder.write("huge", String(repeating: " ", count: 70_000))
        _ = try await run(
            "/usr/bin/mosquitto_pub",
            ["-h", "127.0.0.1", "-p", "\(street.broker.port)", "-t", "candela/e2e/commands", "-q", "1", "-f", huge])
        let log = try #require(street.gateway.process)
        try await log.line(containing: "a command has at most 65536")
        #expect(street.gateway.log.contains { $0.contains("no JSON document") })
        #expect(street.gateway.log.contains { $0.contains("id is missing") })

        // A sound one behind all of them still gets through, so none of them stopped anything.
        try await street.send("last", #""device":"door","action":"read","point":"temperature""#)
        #expect(try await street.result("last").status == "verified")
        #expect(try await street.frames() == before)
        #expect(try await street.field.control("get cabinet setting.1").hasPrefix("0"))
        #expect(try await street.field.control("get cabinet output.1").hasPrefix("0"))
        // A retained command would be obeyed again by every later gateway of that name.
        try await street.broker.publish("candela/e2e/commands", "", ["-r"])
    }

    @Test func `the same id again is a duplicate and changes nothing, after a restart too`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        try await street.send("d-1", Street.level("lamp-03", "60"))
        #expect(try await street.result("d-1").status == "verified")
        let before = try await street.sent(to: 2)

        try await street.send("d-1", Street.level("lamp-03", "10"))
        let second = try await street.results("d-1", count: 2)[1]
        #expect(second.status == "duplicate" && second.reason.contains("verified"), "\(second)")
        try await street.restart()
        try await street.send("d-1", Street.level("lamp-03", "10"))
        let third = try await street.results("d-1", count: 3)[2]
        #expect(third.status == "duplicate", "\(third)")
        #expect(try await street.sent(to: 2) == before)
        #expect(before == [235])
    }

    @Test func `an uplink commands what it may and nothing else`() async throws {
        let street = try await Street { broker in
            Street.configuration(
                broker,
                uplinks: """
                      silent: {type: mqtt, url: "\(broker.url)", topic: silent}
                      lighting: {type: mqtt, url: "\(broker.url)", topic: lighting, commands: lamps}
                      dimmer:
                        type: mqtt
                        url: "\(broker.url)"
                        topic: dimmer
                        commands: {devices: [lamp-03], points: [level], limits: {level: {minimum: 20%}}}
                    """)
        }
        // They have topics of their own, so this head-end listens to all of them.
        let all = try await Subscriber(street.broker, topic: "#", id: "all")
        for topic in ["silent", "lighting", "dimmer"] {
            try await all.first("devices at \(topic)") { subscriber in
                subscriber.messages("devices").last { $0.topic.hasPrefix(topic) }
                    .flatMap { $0.body["devices"]?.items?.count == 5 ? true : nil }
            }
        }
        try await street.waitForLevel("lamp-02", 229)
        func outcome(_ id: String, _ topic: String) async throws -> CommandOutcome {
            try await all.first("result of \(id)") { $0.outcomes(topic).first { $0.id == id } }
        }
        let on = #""device":"lamp-03","action":"set","point":"on","value":true"#
        let heat = #""device":"door","action":"set","point":"temperature","value":20"#
        try await street.send("p-1", Street.level("lamp-03", "10"), topic: "silent")
        try await street.send("p-2", heat, topic: "lighting")
        try await street.send("p-3", Street.level("lamp-04", "60"), topic: "dimmer")
        try await street.send("p-4", on, topic: "dimmer")
        try await street.send("p-5", Street.level("lamp-03", "19"), topic: "dimmer")
        for (id, topic, reason) in [
            ("p-2", "lighting", "notPermitted"), ("p-3", "dimmer", "notPermitted"), ("p-4", "dimmer", "notPermitted"),
            ("p-5", "dimmer", "outOfRange"),
        ] {
            let result = try await outcome(id, topic)
            #expect(result.status == "rejected" && result.reason.hasPrefix(reason), "\(result)")
        }
        #expect(try await street.sent(to: 2) == [])
        #expect(try await street.sent(to: 3) == [])
        #expect(try await street.field.control("get cabinet setting.1").hasPrefix("0"))

        try await street.send("p-6", Street.level("lamp-03", "30"), topic: "dimmer")
        #expect(try await outcome("p-6", "dimmer").status == "verified")
        try await street.send("p-7", on, topic: "lighting")
        #expect(try await outcome("p-7", "lighting").status == "verified")
        #expect(try await street.levels()["lamp-03"] == 254)
        // Nobody listens for commands where none are permitted.
        #expect(all.outcomes("silent").allSatisfy { $0.id != "p-1" })
    }

    @Test(arguments: [true, false])
    func `read_only refuses every write and still answers questions`(wholeGateway: Bool) async throws {
        let street = try await Street {
            Street.configuration(
                $0, gateway: wholeGateway ? ", read_only: true" : "", lamps: wholeGateway ? "" : ", read_only: true")
        }
        try await street.ready()
        let alarm = try await street.headEnd.event("lamps are not controlled") { $0.kind == "lamps_not_controlled" }
        #expect(alarm.active == true && alarm.severity == "alarm")
        let state = try #require(street.headEnd.messages("state").last).body
        #expect(state["notices"]?.items?.contains { $0.text?.hasPrefix("LAMPS NOT CONTROLLED") == true } == true)
        #expect(state["read_only"]?.flag == wholeGateway)

        try await street.send("r-1", Street.level("lamp-01", "60"))
        try await street.send("r-2", Street.level("lamp-03", "60"))
        try await street.send("r-3", #""device":"lamp-01","action":"release""#)
        for id in ["r-1", "r-2", "r-3"] {
            let result = try await street.result(id)
            #expect(result.status == "rejected" && result.reason.hasPrefix("readOnly"), "\(result)")
        }
        try await street.send("r-4", #""device":"door","action":"set","point":"temperature","value":20"#)
        #expect(try await street.result("r-4").status == (wholeGateway ? "rejected" : "verified"))
        #expect(try await street.field.control("get cabinet setting.1").hasPrefix(wholeGateway ? "0" : "200"))
        try await street.send("r-5", #""device":"lamp-01","action":"read","point":"level""#)
        #expect(try await street.result("r-5").status == "verified")
        #expect(try await street.frames() == [])
    }

    /// `head-end` is a source that this gateway has not heard from, so its clock is trusted on no machine.
    @Test func `with an untrusted clock only what the broker counts down is obeyed`() async throws {
        let street = try await Street { Street.configuration($0, clock: "head-end") }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 254)
        let state = try #require(street.headEnd.messages("state").last).body
        #expect(state["clock"]?["quality"]?.text == "unsynchronised")
        let expiry = ["-V", "5", "-D", "publish", "message-expiry-interval"]

        try await street.send("u-1", Street.level("lamp-01", "60"))
        try await street.send("u-2", Street.level("lamp-01", "60"), more: expiry + ["900"])
        for id in ["u-1", "u-2"] {
            let result = try await street.result(id)
            #expect(result.status == "rejected" && result.reason.hasPrefix("clockUntrusted"), "\(result)")
        }
        #expect(try await street.sent(to: 0) == [254])
        try await street.send("u-3", Street.level("lamp-01", "60"), expires: nil, more: expiry + ["300"])
        let obeyed = try await street.result("u-3")
        #expect(obeyed.isVerified(at: 60), "\(obeyed)")
        #expect(try await street.levels()["lamp-01"] == 235)
        try await street.send("u-4", #""device":"lamp-01","action":"release""#)
        #expect(try await street.result("u-4").status == "verified")
        #expect(try await street.levels()["lamp-01"] == 254)
        try await street.send("u-5", #""device":"lamp-01","action":"read","point":"level""#, expires: nil)
        #expect(try await street.result("u-5").status == "verified")
    }

    @Test func `a command that a crash cut off is failed, told, and never applied again`() async throws {
        // 8 s is a fade of the standard: long enough to be cut off in its middle.
        let street = try await Street { Street.configuration($0, yard: ", fade: 8s") }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        try await street.send("k-1", Street.level("lamp-03", "10"))
        try await eventually("the lamp fades") {
            let level = try await street.levels()["lamp-03"] ?? 254
            return level < 250 && level > 180
        }
        try await street.gateway.kill()
        let seen = street.headEnd.messages.count
        try street.gateway.start()
        let result = try await street.result("k-1")
        #expect(result.status == "failed" && result.reason.hasPrefix("interrupted"), "\(result)")
        try await street.headEnd.event("the interruption is told") {
            $0.kind == "command_interrupted" && $0.detail["id"]?.text == "k-1"
        }
        try await street.online(after: seen)
        try await street.send("k-1", Street.level("lamp-03", "10"))
        #expect(try await street.results("k-1", count: 2)[1].status == "duplicate")
        #expect(try await street.sent(to: 2) == [170])
    }
}
