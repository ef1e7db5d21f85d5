import Glibc
import Telemetry
import TestSupport
import Testing

/// What protects a street from its own gateway: locks, the level of a lasting stop, the lamps' watchdog.
@Suite(.serialized) struct `The night, end to end` {
    private static func candela(_ street: Street, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        let done = try await run(Project.program("candela"), arguments + ["--socket", street.gateway.socket])
        return (done.status, done.lines.joined(separator: "\n"))
    }

    @Test func `a lock keeps the head-end out, holds schedules, survives a restart and ends`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        let locked = try await Self.candela(
            street, ["lock", "all", "--for", "10min", "--reason", "driver change at pole 17"])
        #expect(locked.status == 0 && locked.text.contains("NO ELECTRICAL ISOLATION"), "\(locked.text)")
        try await street.headEnd.event("the lock is told") { $0.kind == "lock" && $0.detail["locked"] == .bool(true) }
        try await street.headEnd.first("the lock stands in /state") { headEnd -> Bool? in
            headEnd.messages("state").last?.body["locks"]?.items?.first?["reason"]?.text == "driver change at pole 17"
                ? true : nil
        }

        try await street.send("l-1", Street.level("lamp-01", "80"))
        try await street.send("l-2", Street.level("lamp-03", "80"))
        try await street.send("l-3", #""device":"door","action":"set","point":"temperature","value":20,"unit":"Cel""#)
        for id in ["l-1", "l-2", "l-3"] {
            let result = try await street.result(id)
            #expect(result.status == "rejected" && result.reason.hasPrefix("locked: "), "\(result)")
        }
        // Whoever works there still commands what they have in their hands.
        let own = try await Self.candela(street, ["lamp", "set", "lamp-01", "20%"])
        #expect(own.status == 0, "\(own.text)")
        #expect(try await street.levels()["lamp-01"] == 195)
        let status = try await Self.candela(street, ["status"])
        #expect(status.text.contains("! LOCKED: everything"), "\(status.text)")

        let before = try await street.sent(to: 0).count
        try await street.restart()
        try await street.send("l-4", Street.level("lamp-01", "80"))
        #expect(try await street.result("l-4").reason.hasPrefix("locked: "))
        #expect(try await street.sent(to: 0).count == before, "a locked lamp is left alone at a start")

        #expect(try await Self.candela(street, ["unlock", "all"]).status == 0)
        try await street.waitForLevel("lamp-01", 229)
        try await street.send("l-5", Street.level("lamp-01", "80"))
        #expect(try await street.result("l-5").status == "verified")
    }

    @Test func `a lock with a level brings the lamps there, and its end brings them back`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        let locked = try await Self.candela(
            street, ["lock", "north-side", "--for", "5s", "--reason", "cable", "--level", "0"])
        #expect(locked.status == 0, "\(locked.text)")
        try await street.waitForLevel("lamp-01", 0)
        try await street.waitForLevel("lamp-02", 0)
        try await street.waitForLevel("lamp-01", 229, within: .seconds(20))
        try await street.headEnd.event("its end is told") {
            $0.kind == "lock" && $0.detail["locked"] == .bool(false) && $0.detail["ended_by"]?.text == "time"
        }
    }

    @Test func `why a lamp is at its level, and the plan of the night`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        #expect(try await Self.candela(street, ["lamp", "set", "lamp-01", "70%", "--for", "1h"]).status == 0)
        let told = try JSONValue(
            parsing: Array(try await Self.candela(street, ["lighting", "explain", "lamp-01", "--json"]).text.utf8))
        #expect(told["level"]?.number == ExactDecimal(70) && told["confirmed"]?.number == ExactDecimal(70), "\(told)")
        let lines = told["lines"]?.items ?? []
        #expect(lines.first?["rule"]?.text == "override" && lines.first?["rules"] == .bool(true), "\(told)")
        #expect(lines.contains { $0["rule"]?.text == "program" && $0["level"]?.number == ExactDecimal(50) }, "\(told)")
        #expect(try await Self.candela(street, ["lighting", "explain", "lamp-03"]).status == 1)

        let night = try JSONValue(
            parsing: Array(
                try await Self.candela(street, ["lighting", "show", "--on", "2026-12-24", "--json"]).text.utf8))
        let group = night["groups"]?.items?.first { $0["name"]?.text == "north-side" }
        #expect(night["date"]?.text == "2026-12-24" && night["minutes"]?.number == ExactDecimal(1440), "\(night)")
        #expect(group?["segments"]?.items?.first?["level"]?.number == ExactDecimal(50), "\(night)")
        let picture = try await Self.candela(street, ["lighting", "show", "--group", "north-side"])
        #expect(picture.status == 0 && picture.text.contains("100 % "), "\(picture.text)")
        #expect(picture.text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(picture.text)")
        #expect(try await Self.candela(street, ["lighting", "show", "--group", "nowhere"]).status == 2)
    }

    @Test func `a lasting stop brings lamps to their fallback, a restart leaves them`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        let yard = try await street.levels()["lamp-03"]
        try await street.restart()
        #expect(Set(try await street.sent(to: 0)) == [229], "a restart sends the right level and no other")
        #expect(try await street.gateway.terminate() == 0)
        let levels = try await street.levels()
        #expect(levels["lamp-01"] == 254 && levels["lamp-02"] == 254)
        #expect(levels["lamp-03"] == yard, "no calendar, nobody's business")
    }

    // MARK: The watchdog of a board

    /// When a file was last written, in nanoseconds.
    private static func written(_ path: String) -> Int64 {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    @Test func `the lamps' watchdog is fed while lighting runs and starves when it stands still`() async throws {
        let street = try await Street(started: false) {
            Street.configuration($0).replacingBoard("simulated", by: "watched")
        }
        let output = street.gateway.folder.write("watchdog", "")
        let simulated = TestFiles.text(Project.root + "/Boards/simulated.yaml") ?? ""
        street.gateway.folder.write(
            "boards/watched.yaml",
            simulated.replacingBoard("simulated", by: "watched") + "lamp_watchdog: {path: \(output), every: 1s}\n")
        try street.gateway.start()
        try await street.ready()
        var seen: Set<String> = []
        try await eventually("both edges of the feed") {
            seen.insert(TestFiles.text(output) ?? "")
            return seen.isSuperset(of: ["1\n", "0\n"])
        }
        let status = try await Self.candela(street, ["status"])
        #expect(status.text.contains("lamp_watchdog \(output)"), "\(status.text)")

        // The daemon hangs: nobody feeds, whatever else there is.
        let process = try #require(street.gateway.process)
        process.signal(SIGSTOP)
        defer { process.signal(SIGCONT) }
        let stopped = wallClock()
        try await eventually("what was under way is written") { wallClock() - stopped > 1 }
        let last = Self.written(output)
        try await eventually("four feeding periods passed") { wallClock() - stopped > 5 }
        #expect(Self.written(output) == last, "a hanging daemon feeds nobody")
        process.signal(SIGCONT)
        try await eventually("it is fed again") { Self.written(output) > last }
        #expect(try await street.gateway.terminate() == 0)
    }

    /// The limit of crashes and the wait after it take more than a minute by nature: `scripts/soak --only crashes`.
    @Test(.enabled(if: getenv("CANDELA_SOAK_SECONDS") != nil, "it takes 70 s: scripts/soak --only crashes runs it"))
    func `a lighting driver that dies again and again is given up by nobody`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-01", 229)
        let seen = street.headEnd.events("bus_down").count
        var killed: Set<Int32> = []
        try await eventually("the crash limit", within: .seconds(60)) {
            if let driver = street.gateway.drivers.first(where: { $0.command.contains("dali") }),
                killed.insert(driver.process).inserted
            {
                kill(driver.process, SIGKILL)
            }
            return street.headEnd.events("bus_down").count > seen
        }
        let alarm = try #require(street.headEnd.events("bus_down").last)
        #expect(alarm.detail["reason"]?.text?.contains("tried again every") == true, "\(alarm)")
        // Meanwhile somebody's remote control darkens the street.
        try await street.remoteControl("FE00")
        try await street.waitForLevel("lamp-01", 229, within: .seconds(90))
        try await street.headEnd.event("the alarm ends") { $0.kind == "bus_down" && $0.active == false }
    }
}

extension String {
    /// Exchanges the word after `board: `.
    fileprivate func replacingBoard(_ old: String, by new: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0 == "board: \(old)" ? "board: \(new)" : String($0) }.joined(separator: "\n")
    }
}
