import Lighting
import Telemetry
import Testing

/// Feeders: dead, switched by day, returning with a whole district, with load missing or too much.
struct FaultFeederTests {
    @Test func `a dead feeder is one alarm that names its lamps, and one event when mains are back`() throws {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.mains(false)
        let begun = street.now
        street.run(.seconds(3600))
        #expect(street.words == ["+feeder_dead f1"])
        let change = try #require(street.told.first)
        #expect(change.affected == Street.names)
        #expect(change.at.duration(since: begun) <= .seconds(60 + Street.meterEvery))
        #expect(change.event.device == nil)
        #expect(change.detail["feeder"]?.text == "f1")
        #expect(change.detail["because"]?.text == "feeder-a voltage.L1 is 0")
        #expect(street.monitor.unpowered == [Street.names])
        street.mains(true)
        street.run(.seconds(3600))
        #expect(street.words == ["+feeder_dead f1", "-feeder_dead f1", "!supply_loss f1"])
        #expect(street.told.last?.affected == Street.names)
        #expect(street.monitor.unpowered.isEmpty)
    }

    @Test func `a short interruption is one event and no alarm`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.mains(false)
        street.run(.seconds(30))
        street.mains(true)
        street.run(.seconds(3600))
        #expect(street.words == ["!supply_loss f1"])
    }

    @Test func `a feeder that is switched off by day raises nothing, for a week`() {
        var street = Street(contactor: true)
        for _ in 0..<7 {
            street.order(100)
            street.run(.seconds(3600))
            street.order(0)
            street.run(.seconds(60))
            street.contactor = false
            street.mains(false)
            street.run(.seconds(20))
            #expect(street.monitor.unpowered == [Street.names])
            street.run(.seconds(7200))
            // The contactor is read before the meter, and lamps are ordered on before either.
            street.order(100)
            street.run(.seconds(20))
            street.contactor = true
            street.run(.seconds(15))
            street.mains(true)
            street.run(.seconds(20))
            #expect(street.monitor.unpowered.isEmpty)
        }
        #expect(street.words == [])
    }

    @Test(arguments: [100.0, 0.0])
    func `a district that returns gives one event for the feeder and no alarm, by night and by day`(level: Double) {
        var street = Street(contactor: true)
        street.order(level)
        street.run(.seconds(1800))
        // The gateway has no mains either: it sees nothing of it, and begins anew.
        street.gatewayRuns = false
        street.mains(false)
        street.run(.seconds(1200))
        street.mains(true)
        street.run(.seconds(12))
        street.gatewayRuns = true
        let stored = street.monitor.stored(
            LightingClock(utc: UTCInstant(seconds: 0), uptime: street.now, isTrusted: false))
        street.monitor = Street(contactor: true).monitor
        street.monitor.restore(
            stored, clock: LightingClock(utc: UTCInstant(seconds: 0), uptime: street.now, isTrusted: false))
        street.order(level)
        for index in street.lamps.indices { street.lamps[index].isCycled = true }
        street.run(.seconds(3600))
        #expect(street.words == ["!supply_loss f1"])
        #expect(street.told.first.map { Set($0.affected) } == Set(Street.names))
    }

    /// The alarm was told by the last run, and supply came back before this one began: nothing here ever saw it off.
    @Test(arguments: [false, true])
    func `a dead feeder of the last run ends when its meter or a lamp says otherwise`(isSilence: Bool) throws {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        if isSilence { street.lineIsWhole = false } else { street.mains(false) }
        street.run(.seconds(1200))
        #expect(street.words == ["+feeder_dead f1"])
        let clock = LightingClock(utc: UTCInstant(seconds: 0), uptime: street.now, isTrusted: false)
        let stored = street.monitor.stored(clock)
        street.lineIsWhole = true
        street.mains(true)
        street.monitor = Street().monitor
        #expect(street.monitor.restore(stored, clock: clock) == [])
        #expect(street.monitor.active.map(\.kind) == [.feederDead])
        street.order(100)
        street.run(.seconds(300))
        #expect(street.monitor.active.isEmpty)
        #expect(street.words.contains("-feeder_dead f1"))
        #expect(!street.words.dropFirst().contains("+feeder_dead f1"))
    }

    @Test func `lamps that all fall silent are one alarm, although the meter has voltage`() throws {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.lineIsWhole = false
        let begun = street.now
        street.run(.seconds(1200))
        #expect(street.words == ["+feeder_dead f1"])
        let change = try #require(street.told.first)
        #expect(change.at.duration(since: begun) <= .seconds(6 * Street.pollEvery))
        #expect(
            change.detail["because"]?.text == "all 8 lamps are silent, although feeder-a voltage.L1 is 231")
        // The driver is to go on asking them all: that they have no mains is a guess.
        #expect(street.monitor.unpowered.isEmpty)
        street.lineIsWhole = true
        street.run(.seconds(1200))
        #expect(street.words == ["+feeder_dead f1", "-feeder_dead f1"])
    }

    @Test func `lamps without a feeder are taken together by their bus`() throws {
        var street = Street(feeder: nil)
        street.order(100)
        street.run(.seconds(1800))
        street.lineIsWhole = false
        street.run(.seconds(1200))
        #expect(street.words == ["+feeder_dead lamps"])
        #expect(street.told.first?.detail["bus"]?.text == "lamps")
    }

    @Test func `a bus that is down makes no lamp silent`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.lineIsWhole = false
        street.monitor.bus("lamps", isUp: false, at: street.now)
        street.run(.seconds(1200))
        #expect(street.words == [])
        street.lineIsWhole = true
        street.monitor.bus("lamps", isUp: true, at: street.now)
        street.run(.seconds(1200))
        #expect(street.words == [])
    }

    @Test func `a bus that is found down takes the silence of its lamps over`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.lineIsWhole = false
        street.run(.seconds(600))
        street.monitor.bus("lamps", isUp: false, at: street.now)
        street.run(.seconds(60))
        #expect(street.words == ["+feeder_dead f1", "-feeder_dead f1"])
    }

    @Test func `two dead lamps of eight are two alarms`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.trouble(.silent, lamp: 2)
        street.trouble(.silent, lamp: 5)
        street.run(.seconds(1200))
        #expect(Set(street.words) == ["+communication_failure lamp-3", "+communication_failure lamp-6"])
    }

    @Test func `foreign load is found by day and by night, and ends at half the limit`() throws {
        var street = Street(contactor: true)
        street.order(100)
        street.run(.seconds(1800))
        // The limit is half of the smallest lamp: 21 W.
        street.foreignLoad = 20
        street.run(.seconds(1800))
        #expect(street.words == [])
        street.foreignLoad = 100
        let begun = street.now
        street.run(.seconds(900))
        #expect(street.words == ["+feeder_load_high f1"])
        let change = try #require(street.told.first)
        #expect(change.at.duration(since: begun) <= .seconds(600 + 2 * Street.meterEvery))
        #expect(change.detail["expected_w"]?.number == ExactDecimal(376))
        #expect(change.detail["deviation_w"]?.number == ExactDecimal(100))
        #expect(change.detail["limit_w"]?.number == ExactDecimal(21))
        street.foreignLoad = 15
        street.run(.seconds(900))
        #expect(street.words == ["+feeder_load_high f1"])
        street.foreignLoad = 10
        street.run(.seconds(90))
        #expect(street.words == ["+feeder_load_high f1", "-feeder_load_high f1"])
    }

    @Test func `missing load says how many lamps it is, dimmed too, and stays by day`() throws {
        var street = Street(contactor: true)
        street.order(50)
        street.run(.seconds(1800))
        for lamp in 1...3 { street.trouble(.secretlyDark, lamp: lamp) }
        street.run(.seconds(900))
        #expect(street.words == ["+feeder_load_low f1"])
        #expect(street.told.first?.detail["lamps"]?.number == ExactDecimal(3))
        street.order(0)
        street.run(.seconds(7200))
        #expect(street.words == ["+feeder_load_low f1"])
    }

    @Test func `a contactor that does not close is one alarm`() throws {
        var street = Street(contactor: false)
        street.mains(false)
        street.order(0)
        street.run(.seconds(1800))
        #expect(street.words == [])
        street.contactor = true
        street.order(100)
        let begun = street.now
        street.run(.seconds(1800))
        #expect(street.words == ["+contactor_stuck_off f1"])
        let change = try #require(street.told.first)
        #expect(change.at.duration(since: begun) <= .seconds(60 + 2 * Street.meterEvery))
        #expect(change.affected == Street.names)
        street.mains(true)
        street.run(.seconds(300))
        #expect(street.words.prefix(2) == ["+contactor_stuck_off f1", "-contactor_stuck_off f1"])
    }

    @Test func `a contactor that does not open is one warning`() throws {
        var street = Street(contactor: true)
        street.order(0)
        street.run(.seconds(1800))
        street.contactor = false
        let begun = street.now
        street.run(.seconds(1800))
        #expect(street.words == ["+contactor_stuck_on f1"])
        #expect(street.told[0].at.duration(since: begun) <= .seconds(60 + 2 * Street.meterEvery))
        street.mains(false)
        street.run(.seconds(300))
        #expect(street.words == ["+contactor_stuck_on f1", "-contactor_stuck_on f1"])
    }

    enum Return: CaseIterable {
        case gateway
        case feeder
        case bus
    }

    @Test(arguments: Return.allCases)
    func `what gear says while it starts up counts only after the time to settle`(cause: Return) {
        var rules = FaultRules()
        rules.lampFailure = 1
        var street = Street(contactor: true, rules: rules)
        street.order(100)
        if cause != .gateway { street.run(.seconds(600)) }
        if cause == .feeder {
            street.contactor = false
            street.mains(false)
            street.run(.seconds(600))
            street.contactor = true
            street.mains(true)
            // The meter is read and tells of it.
            street.run(.seconds(Int64(Street.meterEvery)))
        } else if cause == .bus {
            street.monitor.bus("lamps", isUp: false, at: street.now)
            street.run(.seconds(600))
            street.monitor.bus("lamps", isUp: true, at: street.now)
        }
        street.trouble(.lampFailure)
        street.run(.seconds(45))
        street.trouble(.none)
        street.run(.seconds(600))
        #expect(!street.words.contains("+lamp_failure lamp-3"))
        street.trouble(.lampFailure)
        street.run(.seconds(45))
        #expect(street.words.contains("+lamp_failure lamp-3"))
    }

    @Test func `a meter that does not answer is no dead feeder`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(1800))
        street.meterAnswers = false
        street.run(.seconds(7200))
        #expect(street.words == [])
    }

    @Test func `a lamp that answers proves that its feeder is on, whatever the meter says`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(600))
        let wrong = FeederObservation(
            device: "feeder-a", point: "voltage.L1", value: .number(.zero), unit: Unit(symbol: "V"), at: street.now)
        street.meterAnswers = true
        for _ in 0..<60 {
            street.monitor.observe(feeder: wrong)
            street.run(.seconds(9))
        }
        #expect(!street.words.contains("+feeder_dead f1"), "\(street.words)")
    }

    @Test func `the longest street is judged in little time`() {
        let names = (0..<400).map { "lamp-\($0)" }
        var monitor = FaultMonitor(
            lamps: names.map { FaultLamp(name: $0, bus: "lamps") },
            feeders: [FaultFeeder(name: "f1", lamps: names)])
        var told = 0
        for second in 0..<600 {
            let now = BootInstant(nanoseconds: Int64(second) * 1_000_000_000)
            for index in stride(from: second % 30, to: 400, by: 30) {
                monitor.observe(lamp: LampObservation(lamp: names[index], at: now, answer: .silent))
            }
            told += monitor.tick(at: now).count
        }
        #expect(told == 1)
    }
}
