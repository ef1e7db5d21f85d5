import Telemetry
import TestSupport
import Testing

/// Lamps and meters often belong to two companies.
@Suite(.serialized) struct `Several uplinks, end to end` {
    @Test func `each sees its own devices, without gaps, and commands nothing of the other's`() async throws {
        let utility = try await Broker()
        let street = try await Street { broker in
            Street.configuration(
                broker,
                uplinks: """
                      lighting: {type: mqtt, url: "\(broker.url)", devices: [lamps], commands: all}
                      utility: {type: mqtt, url: "\(utility.url)", devices: [door], commands: all}
                    """)
        }
        let meters = try await Subscriber(utility, id: "utility")
        try await street.headEnd.first("the lamps") {
            $0.messages("devices").last?.body["devices"]?.items?.count == 4 ? true : nil
        }
        try await meters.first("the meter") {
            $0.messages("devices").last?.body["devices"]?.items?.count == 1 ? true : nil
        }
        for lamp in 1...4 {
            try await street.headEnd.reading("lamp \(lamp)") { $0.device == "lamp-0\(lamp)" && $0.isGood }
        }
        try await meters.reading("four rounds of the meter") { $0.device == "door" && $0.n >= 12 }
        #expect(Set(meters.readings.map(\.device)) == ["door"])
        #expect(Set(street.headEnd.readings.map(\.device)) == ["lamp-01", "lamp-02", "lamp-03", "lamp-04"])
        for (subscriber, device) in [(meters, "door"), (street.headEnd, "lamp-01"), (street.headEnd, "lamp-03")] {
            let numbers = subscriber.readings(of: device).map(\.n)
            #expect(Set(numbers).sorted() == Array(1...(numbers.max() ?? 0)), "\(device)")
        }

        // The utility commands a lamp, and asks for its level: both are rejected, and it is told so.
        try await street.waitForLevel("lamp-02", 229)
        let before = try await street.frames()
        func order(_ id: String, _ members: String) async throws -> CommandOutcome {
            let expiry = ",\"expires\":\"\(Street.utc(in: 600))\""
            try await utility.publish("candela/e2e/commands", "{\"id\":\"\(id)\",\(members)\(expiry)}")
            return try await meters.first("result of \(id)") { $0.outcomes().first { $0.id == id } }
        }
        for (id, members) in [
            ("x-1", Street.level("lamp-03", "10")), ("x-2", #""device":"lamp-01","action":"read","point":"level""#),
            ("x-3", #""device":"lamp-01","action":"release""#),
        ] {
            let result = try await order(id, members)
            #expect(result.status == "rejected" && result.reason.hasPrefix("notPermitted"), "\(result)")
            #expect(result.value == nil)
        }
        #expect(try await street.frames() == before)
        let own = try await order("x-4", #""device":"door","action":"set","point":"temperature","value":20"#)
        #expect(own.status == "verified")
        // Whose lamps they are is told of the attempt; the utility's own command is none of its business.
        try await street.headEnd.event("the attempt") {
            $0.device == "lamp-03" && $0.kind == "command" && $0.detail["by"]?.text == "uplink utility"
        }
        #expect(!street.headEnd.outcomes().contains { $0.id == "x-4" })
    }

    @Test func `a dead uplink does not hold the other, and gets everything when it comes back`() async throws {
        let second = try await Broker()
        let street = try await Street(started: false) { broker in
            Street.configuration(
                broker,
                uplinks: """
                      first: {type: mqtt, url: "\(broker.url)"}
                      second: {type: mqtt, url: "\(second.url)"}
                    """)
        }
        // A session that waits for what comes.
        let other = try await Subscriber(second, id: "second")
        await second.stop()
        try street.gateway.start()
        try await street.ready()
        try await street.headEnd.reading("readings at the first") { $0.device == "door" && $0.n >= 15 }
        try await second.start()
        let late = try await Subscriber(second, id: "second-again")
        try await late.reading("the same readings at the second", within: .seconds(30)) {
            $0.device == "door" && $0.n >= 15
        }
        await other.stop()
        let numbers = late.readings(of: "door").map(\.n)
        #expect(Set(numbers).sorted() == Array(1...(numbers.max() ?? 0)))
        let first = street.headEnd.readings(of: "door").prefix(15)
        let same = late.readings(of: "door")
        #expect(first.allSatisfy { reading in same.contains { $0.n == reading.n && $0.value == reading.value } })
    }
}

/// What a household uses shows how people live (docs/configuration.md, `privacy`).
@Suite(.serialized) struct `Household privacy, end to end` {
    @Test func `a household's values go only where its name stands, and to a person who asks for them`() async throws {
        let owner = try await Broker()
        let street = try await Street(started: false) { broker in
            Street.configuration(
                broker,
                uplinks: """
                      operator: {type: mqtt, url: "\(broker.url)", commands: all}
                      by-bus: {type: mqtt, url: "\(broker.url)", topic: bus, devices: [cabinet], commands: all}
                      owner: {type: mqtt, url: "\(owner.url)", devices: [door]}
                    """
            ).replacing("profile: cabinet, interval: 1s}", with: "profile: cabinet, interval: 1s, privacy: household}")
        }
        let named = try await Subscriber(owner, id: "owner")
        let all = try await Subscriber(street.broker, topic: "#", id: "all")
        // A value that is found wherever it leaks to.
        try await street.field.control("set cabinet setting.1 273")
        try street.gateway.start()
        try await named.reading("the household's value at the uplink that names it") {
            $0.device == "door" && $0.point == "temperature" && "\($0.value)" == "27.3"
        }
        try await all.first("the lamps at the operator") {
            $0.messages("devices").last { $0.topic.hasPrefix("candela/") }?.body["devices"]?.items?.count == 4
                ? true : nil
        }
        try await all.reading("readings of lamps") { $0.device == "lamp-04" && $0.isGood }

        for topic in ["candela", "bus"] {
            try await street.send("h-\(topic)", #""device":"door","action":"read","point":"temperature""#, topic: topic)
            let result = try await all.first("result at \(topic)") {
                $0.outcomes(topic).first { $0.id == "h-\(topic)" }
            }
            #expect(result.status == "rejected" && result.value == nil, "\(result)")
        }
        let socket = ["--socket", street.gateway.socket]
        let refused = try await run(Project.program("candela"), ["read", "door"] + socket)
        #expect(refused.status == 2 && refused.lines.joined().contains("--household"), "\(refused.lines)")
        #expect(!refused.lines.joined().contains("27.3"))
        let asked = try await run(Project.program("candela"), ["read", "door", "--household"] + socket)
        #expect(asked.status == 0 && asked.lines.joined().contains("27.3"), "\(asked.lines)")
        let audit = try await named.event("somebody read it") {
            $0.kind == "household_read"
        }
        #expect(audit.device == "door" && audit.detail["by"]?.text?.hasPrefix("cli uid ") == true)
        #expect(!"\(audit.detail)".contains("27.3"))
        for arguments in [["devices", "--json"], ["devices", "door", "--json"], ["status", "--json"]] {
            let shown = try await run(Project.program("candela"), arguments + socket)
            #expect(!shown.lines.joined().contains("27.3"), "\(arguments)")
        }

        #expect(!all.readings.contains { $0.device == "door" })
        #expect(!all.messages.contains { "\($0.body)".contains("27.3") })
        #expect(!street.gateway.log.contains { $0.contains("27.3") })
    }
}
