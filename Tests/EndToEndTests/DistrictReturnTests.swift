import Glibc
import Telemetry
import TestSupport
import Testing

/// A district loses its mains with its gateway in it, and gets them back: no clock at first, no broker for longer, gear that
/// wakes in its own time.
@Suite struct `A district's power returns with its gateway` {
    struct Return: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// When power goes, and when it is back.
        let gone: String
        let back: String
        /// What both groups stand at before, and the arc levels right afterwards.
        let before: (north: Int, south: Int)
        let after: (north: Int, south: Int)
    }

    static let returns = [
        Return(
            testDescription: "at 22:00", gone: "2026-12-21T21:50:00Z", back: "2026-12-21T22:00:00Z",
            before: (District.eighty, District.eighty), after: (District.thirty, District.sixty)),
        Return(
            testDescription: "at 12:00", gone: "2026-12-21T07:00:00Z", back: "2026-12-21T12:00:00Z",
            before: (District.thirty, District.sixty), after: (0, 0)),
    ]

    /// Whole: 64 lamps, five minutes without a clock, twenty without the broker, the fault rules as they come, and both hours.
    static let isWhole = getenv("CANDELA_SOAK_SECONDS") != nil
    static let lamps = isWhole ? 64 : 8
    static let withoutClock: Duration = isWhole ? .seconds(300) : .seconds(1)
    static let withoutBroker: Duration = isWhole ? .seconds(1200) : .seconds(3)
    static let rules =
        isWhole ? "" : "  faults: {settle: 4s, communication: 2 of 3, feeder: {dead: 2s}, day_burner: 2s}"

    /// In December, in UTC: the sun sets at 15:25 and rises at 07:35.
    static let night = "active: [{from: sunset, to: sunrise}]"

    /// When frames of this kind were sent lately, in ms.
    static func moments(_ street: Street, of frames: [String]) async throws -> [Int] {
        try await street.field.control("bus lamps log 4000").split(separator: " ").compactMap { entry in
            let parts = entry.split(separator: ":")
            guard parts.count >= 3, parts[1] == "master", frames.contains(String(parts[2])) else { return nil }
            return Int(parts[0])
        }
    }

    /// Waits until every lamp was ordered its right level after the first `before` frames and stands there, and finds no other
    /// order. Some minutes after a start lamps that go together get one frame.
    static func onlyRight(
        _ street: Street, after before: Int, _ levels: (north: Int, south: Int), when: String
    ) async throws {
        let began = ContinuousClock.now
        let right = District.frames(lamps: lamps, north: levels.north, south: levels.south)
        func orders() async throws -> (single: Set<String>, shared: [String]) {
            let sent = try await street.frames().dropFirst(before)
            // 0AAAAAAS: one lamp; 100AAAAS, 1111111S: several.
            return (Set(sent.filter { $0 < "80" }), sent.filter { $0 >= "80" })
        }
        try await eventually("every lamp has its right level \(when)", within: .seconds(60)) {
            let sent = try await orders()
            guard sent.single.isSuperset(of: right) || !sent.shared.isEmpty else { return false }
            let shown = try await street.levels()
            return District.lamps.prefix(lamps).enumerated().allSatisfy { index, lamp in
                shown[lamp] == (index < lamps / 2 ? levels.north : levels.south)
            }
        }
        let sent = try await orders()
        #expect(sent.single.isSubset(of: right), "\(when)")
        let allowed = Set(right.map { $0.suffix(2) })
        #expect(sent.shared.allSatisfy { allowed.contains($0.suffix(2)) }, "\(when): \(sent.shared)")
        print("\(lamps) lamps right \(when): \(ContinuousClock.now - began)")
    }

    @Test(
        .enabled(if: GivenClock.isAvailable, "no C compiler (/usr/bin/cc): the daemon cannot be given a clock"),
        arguments: isWhole ? returns : [returns[0]])
    func `levels, inrush, events and ledger are right`(_ event: Return) async throws {
        let clock = try await GivenClock()
        clock.set(try #require(UTCInstant(event.gone)))
        let street = try await Street(
            scenario: District.scenario(lamps: Self.lamps, odd: ["slow-start"]), environment: clock.environment
        ) {
            District.configuration(
                $0, lamps: Self.lamps, clock: "ntp", interval: Self.isWhole ? "10s" : "2s",
                north: #"\#(Self.night), steps: [{at: "15:00", level: 80%}, {at: "21:55", level: 30%}]"#,
                south: #"\#(Self.night), steps: [{at: "15:00", level: 80%}, {at: "21:55", level: 60%}]"#,
                lighting: "\(Self.rules)\n  stagger: 4")
        }
        try await Self.onlyRight(street, after: 0, event.before, when: "before")
        try await street.ready(devices: Self.lamps + 2)
        try await street.headEnd.reading("the feeder's voltage") { $0.device == "meter" && $0.isGood }

        // Everything goes at once, and comes back at once.
        try await street.gateway.kill()
        await street.broker.stop()
        try await street.field.control("feeder feeder off")
        try await street.field.control("bus lamps down")
        clock.reboot("second")
        var mark = try await street.frames().count
        try await street.field.control("feeder feeder on")
        try await street.field.control("bus lamps up")
        let returned = ContinuousClock.now
        try street.gateway.start()

        // No clock: lit.
        try await Self.onlyRight(street, after: mark, (254, 254), when: "without a clock, \(event.testDescription)")
        let lit = District.frames(lamps: Self.lamps, north: 254, south: 254)
        let moments = try await Self.moments(street, of: lit)
        let peak = moments.map { first in moments.count { first <= $0 && $0 < first + 100 } }.max() ?? 0
        print("\(event.testDescription): at most \(peak) lamps were ordered on within 100 ms")
        #expect((1...4).contains(peak))

        try await eventually("the time without a clock is over", within: .seconds(600)) {
            ContinuousClock.now - returned > Self.withoutClock
        }
        mark = try await street.frames().count
        let passed = ContinuousClock.now - returned
        clock.set(try #require(UTCInstant(event.back)).advanced(by: passed))
        try await Self.onlyRight(
            street, after: mark, event.after, when: "with a clock, \(event.testDescription)")

        try await eventually("the time without a broker is over", within: .seconds(1500)) {
            ContinuousClock.now - returned > Self.withoutBroker
        }
        mark = street.headEnd.messages.count
        try await street.broker.start()
        // Its back-off reaches a minute.
        try await street.headEnd.first("the loss of power is told", within: .seconds(90)) {
            $0.events("restart").first
        }
        try await street.online(after: mark)
        #expect(try await street.gateway.stopForRestart() == 0)
        judge(street, event)
    }

    private func judge(_ street: Street, _ event: Return) {
        let events = street.headEnd.events
        // The gateway went with its district: that it was another boot, and no orderly stop, says so once; what its gear
        // says of its mains adds one loss at most: gear that wakes after its order may have nothing to say any more.
        let restarts = events.filter { $0.kind == "restart" }
        #expect(restarts.count == 1, "\(restarts)")
        #expect(restarts.first?.detail["previous_boot"]?.text == "first", "\(restarts)")
        #expect(restarts.first?.detail["orderly"] == .bool(false), "\(restarts)")
        let losses = events.filter { $0.kind == "supply_loss" }
        #expect(losses.count <= 1, "\(losses)")
        let wrong = [
            "day_burner", "communication_failure", "device_offline", "lamp_failure", "gear_failure", "cycling",
            "dimming_failure", "feeder_dead", "feeder_load_low", "feeder_load_high", "dali_bus_down", "bus_down",
        ]
        // The meter's line has true timing, and on a busy machine an answer may come in pieces.
        let told = events.filter { wrong.contains($0.kind) && $0.device != "meter" }
        #expect(told.map(\.description) == [], "\(event.testDescription)")

        // Whatever was read before the clock was known has its time by the clock that came.
        let back = String(event.back.prefix(16))
        let early = street.headEnd.readings.filter { $0.device == "lamp-01" && $0.time.hasPrefix(back) }
        #expect(!early.isEmpty, "\(event.testDescription): nothing of the first minute arrived")
        // Whole seconds: as text, a fraction sorts before the Z.
        let strange = street.headEnd.readings.filter { $0.time.prefix(19) < event.gone.prefix(19) }
        #expect(strange.isEmpty, "\(event.testDescription): \(strange.prefix(3))")
        let ledger = Ledger(street.headEnd.messages)
        print("\(event.testDescription): \(ledger.figures)")
        #expect(
            ledger.violations.isEmpty, "\(event.testDescription): \(ledger.violations.prefix(5)); \(ledger.figures)")
    }
}
