import Glibc
import Telemetry
import TestSupport
import Testing

/// The daemon is killed again and again while the broker is away most of the time, and nothing that was stored is missing.
@Suite(.serialized)
struct PowerCutTests {
    static let rounds = 50
    /// The configured loss bound, in seconds; in the configuration it stands as 200ms.
    static let flush = 0.2
    static let interval = 0.2
    /// A commit in progress and the scheduling of a busy machine, in seconds.
    static let slack = 1.0

    /// One life of the daemon, in seconds of the day.
    private struct Life {
        let began: Double
        let ended: Double
        let saidItRuns: Bool
    }

    @Test
    func `fifty kills during broker outages lose nothing beyond the loss bound`() async throws {
        var random = SeededGenerator(seed: 20_261_121)
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field(["--meters", "3"])
        let gateway = try GatewayProcess(Self.configuration(broker, field))
        let startup = try await Self.firstLife(gateway, subscriber)
        var lives: [Life] = []
        var brokerIsUp = false
        await broker.stop()
        let began = ContinuousClock.now
        for round in 0..<Self.rounds {
            // Down most of the time, up now and then in the middle of it, so that kills meet deliveries too.
            let wantsBroker = round % 6 == 5
            if wantsBroker != brokerIsUp {
                if wantsBroker { try await broker.start() } else { await broker.stop() }
                brokerIsUp = wantsBroker
            }
            let start = wallClock()
            if gateway.process == nil { try gateway.start() }
            let life = Double.random(in: 0.3 * startup...startup + 0.9, using: &random)
            try await Task.sleep(for: .seconds(life))
            let process = gateway.process
            let end = wallClock()
            try await gateway.kill()
            lives.append(
                Life(began: start, ended: end, saidItRuns: process?.lines.contains { $0.contains(" runs: ") } ?? false))
        }
        let took = ContinuousClock.now - began
        if !brokerIsUp { try await broker.start() }
        try gateway.start()
        let end = try await Self.lastWord(gateway, subscriber)
        Self.judge(subscriber, lives, end, startup: startup, took: took)
    }

    private static func configuration(_ broker: Broker, _ field: Field) throws -> String {
        Configurations.gateway(
            """
            buses:
              meters: {driver: modbus, port: "tcp://\(try field.server())"}
            devices:
              feeder-{1..3}:
                bus: meters
                address: "{1..3}"
                profile: eastron-sdm630
                interval: 200ms
                rating: 10000 A
                points: [voltage.L1, current.L1, active_power, frequency, active_energy_import]
            """, broker: broker)
    }

    /// How long a start takes on this machine until readings are stored and sent, in seconds; the daemon is killed after it.
    private static func firstLife(_ gateway: GatewayProcess, _ subscriber: Subscriber) async throws -> Double {
        let began = wallClock()
        try await subscriber.reading("the first reading") { $0.isGood }
        let startup = wallClock() - began
        try await gateway.kill()
        return startup
    }

    /// Lets the backlog go out, stops in order, starts once more; gives the `restart` event of that last start.
    private static func lastWord(_ gateway: GatewayProcess, _ subscriber: Subscriber) async throws -> ReceivedEvent {
        let live = wallClock()
        try await subscriber.reading("live readings after the backlog", within: .seconds(40)) { $0.moment > live + 1 }
        #expect(try await gateway.terminate() == 0)
        try gateway.start()
        let last = try await subscriber.event("the restart after an orderly stop", within: .seconds(40)) {
            $0.kind == "restart" && $0.detail["orderly"] == true
        }
        let committed = last.detail["last_committed"]?.integer ?? 0
        try await subscriber.first("every stored sequence", within: .seconds(20)) { subscriber -> Bool? in
            Set(subscriber.messages.map(\.sequence)).isSuperset(of: 1...max(1, committed)) ? true : nil
        }
        #expect(try await gateway.terminate() == 0)
        return last
    }

    private static func judge(
        _ subscriber: Subscriber, _ lives: [Life], _ end: ReceivedEvent, startup: Double, took: Duration
    ) {
        let ledger = Ledger(subscriber.messages)
        #expect(ledger.violations == [])
        #expect(subscriber.unreadable == [])
        #expect(Set(subscriber.events("stream").map { $0.stream }).count == 1, "one stream through all of it")
        // What the outbox says it had is what came.
        let committed = end.detail["last_committed"]?.integer ?? -1
        let seen = subscriber.messages.filter { ["readings", "events", "results"].contains($0.suffix) }.map(\.sequence)
        #expect(seen.contains(committed) && (ledger.lastSequence[end.stream] ?? 0) >= committed)
        judgeRestarts(Array(Set(subscriber.events("restart"))), lives)
        let worst = judgeLoss(subscriber.readings, lives)
        print(
            """
            power cuts: \(lives.count) kills in \(took), start-up \(startup) s, \(ledger.figures); \
            longest loss \(worst) s of \(flush) s flush and \(interval) s interval
            """)
    }

    private static func judgeRestarts(_ events: [ReceivedEvent], _ lives: [Life]) {
        let ordered = events.sorted { $0.sequence < $1.sequence }
        // The first life and the two last starts are not among the rounds; the first began the stream.
        let ran = lives.filter(\.saidItRuns).count
        #expect(
            ordered.count >= ran + 2, "\(ordered.count) restart events for \(ran) rounds that ran and two more starts")
        #expect(ran > rounds / 3, "only \(ran) of \(rounds) rounds got as far as running: too short to show anything")
        for event in ordered {
            let committed = event.detail["last_committed"]?.integer ?? -1
            let orderly = event.detail["orderly"] == true
            #expect(event.detail["first"]?.integer == committed + 1)
            #expect(event.sequence == committed + 1, "the restart is the first thing stored: \(event)")
            #expect(
                event.detail["loss_bound_seconds"]?.number == (orderly ? ExactDecimal(0) : ExactDecimal("0.2")),
                "\(event)")
        }
        #expect(ordered.filter { $0.detail["orderly"] == true }.count == 1, "one stop was orderly")
    }

    /// The readings of each life go on until its end, but for the loss bound. Gives the longest silence before a kill.
    private static func judgeLoss(_ readings: [ReceivedReading], _ lives: [Life]) -> Double {
        var worst = 0.0
        for life in lives {
            for device in ["feeder-1", "feeder-2", "feeder-3"] {
                let own = readings.filter {
                    $0.device == device && $0.isGood && $0.moment >= life.began && $0.moment <= life.ended
                }
                guard let first = own.map(\.moment).min(), let last = own.map(\.moment).max(), first < last else {
                    continue
                }
                worst = max(worst, life.ended - last)
                #expect(
                    life.ended - last <= flush + interval + slack,
                    "\(device): nothing after \(last), killed at \(life.ended)")
            }
        }
        return worst
    }
}

/// UTC as seconds of the day, as ``secondsOfDay(_:)`` gives it.
func wallClock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec % 86_400) + Double(time.tv_nsec) / 1e9
}

/// SplitMix64: the same moments in every run of the test.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
