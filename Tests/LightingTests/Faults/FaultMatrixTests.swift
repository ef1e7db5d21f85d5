import Lighting
import Telemetry
import Testing

/// One night and its morning for each thing that can be wrong: exactly its own faults are told, in time, and no other.
struct FaultMatrixTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let trouble: StreetLamp.Trouble
        /// Exactly what is told.
        let kinds: Set<FaultKind>
        /// From the fault on, in seconds: the time of its rule, one poll, and where it starts with the night.
        let within: Int
        var begins = Begins.atNight
        var isMetered = false

        enum Begins: Sendable {
            /// An hour after dusk.
            case atNight
            /// When the lamps are ordered off.
            case atDawn
        }

        var testDescription: String { name }
    }

    static let poll = Street.pollEvery

    static let rows: [Row] = [
        Row(name: "sound", trouble: .none, kinds: [], within: 0),
        Row(name: "sound, metered", trouble: .none, kinds: [], within: 0, isMetered: true),
        Row(name: "lamp failure", trouble: .lampFailure, kinds: [.lampFailure], within: 2 * poll),
        Row(
            name: "lamp failure, metered", trouble: .lampFailure, kinds: [.lampFailure], within: 2 * poll,
            isMetered: true),
        Row(name: "gear failure", trouble: .gearFailure, kinds: [.gearFailure], within: 2 * poll),
        Row(name: "silent", trouble: .silent, kinds: [.communicationFailure], within: 6 * poll),
        Row(name: "every third answer lost", trouble: .everyThirdLost, kinds: [], within: 0),
        Row(name: "burns by day", trouble: .stuckOn, kinds: [.dayBurner], within: 300 + poll, begins: .atDawn),
        Row(
            name: "burns by day and denies it", trouble: .liesAndBurns, kinds: [.dayBurner], within: 300 + poll,
            begins: .atDawn, isMetered: true),
        Row(name: "cycling", trouble: .cycling, kinds: [.cycling], within: 3 * 600 + poll),
        Row(
            name: "loose contact", trouble: .looseContact, kinds: [.cycling, .supplyLoss], within: 3 * 900 + 60 + poll),
        Row(name: "does not dim", trouble: .stuckAtForty, kinds: [.dimmingFailure], within: 60 + 2 * poll),
        Row(name: "a minimum it tells of", trouble: .highMinimum, kinds: [], within: 0),
        Row(name: "draws little", trouble: .drawsLittle, kinds: [.feederLoadLow], within: 600 + 2 * poll),
        Row(
            name: "draws little, metered", trouble: .drawsLittle, kinds: [.lampPowerLow], within: 600 + 2 * poll,
            isMetered: true),
        Row(name: "draws much", trouble: .drawsMuch, kinds: [.feederLoadHigh], within: 600 + 2 * poll),
        Row(
            name: "draws much, metered", trouble: .drawsMuch, kinds: [.lampPowerHigh], within: 600 + 2 * poll,
            isMetered: true),
        Row(name: "secretly dark", trouble: .secretlyDark, kinds: [.feederLoadLow], within: 600 + 2 * poll),
        Row(name: "slow fades", trouble: .slowFade, kinds: [], within: 0),
    ]

    @Test(arguments: rows)
    func `exactly the faults of a lamp's trouble are told, in time`(row: Row) throws {
        var street = Street(contactor: true, isMetered: row.isMetered)
        street.order(0)
        street.run(.seconds(1800))
        if row.trouble == .slowFade { street.trouble(.slowFade) }
        street.order(100, fade: .seconds(2))
        street.run(.seconds(3600))
        if row.begins == .atNight { street.trouble(row.trouble) }
        var begun = street.now
        street.run(.seconds(3600))
        street.order(60, fade: .seconds(16))
        street.run(.seconds(1800))
        street.order(15, fade: .seconds(90))
        street.run(.seconds(1800))
        street.order(0, fade: .seconds(2))
        if row.begins == .atDawn {
            street.trouble(row.trouble)
            begun = street.now
        }
        street.run(.seconds(3600))
        #expect(Set(street.told.map(\.kind)) == row.kinds, "\(street.words)")
        for kind in row.kinds where kind.isCondition {
            let began = try #require(street.began(kind), "\(kind) was never told")
            let took = began.duration(since: begun)
            #expect(took <= .seconds(row.within), "\(kind.rawValue) after \(took)")
            #expect(took > .zero)
        }
        for change in street.told where ![.feederLoadLow, .feederLoadHigh].contains(change.kind) {
            #expect(change.subject == .lamp("lamp-3"), "\(street.words)")
        }
        let raised = street.told.filter { $0.isActive == true }.map(\.id)
        #expect(Set(raised).count == raised.count, "raised more than once: \(street.words)")
    }

    static let ending: [(trouble: StreetLamp.Trouble, kind: FaultKind, percent: Double, after: Int, within: Int)] = [
        (.lampFailure, .lampFailure, 100, 300, 2 * poll),
        (.gearFailure, .gearFailure, 100, 300, 2 * poll),
        (.silent, .communicationFailure, 100, 600, 5 * poll),
        (.stuckOn, .dayBurner, 0, 900, poll),
        (.cycling, .cycling, 100, 3600, 3600 + poll),
        (.stuckAtForty, .dimmingFailure, 100, 300, poll),
        (.secretlyDark, .feederLoadLow, 100, 1200, 60 + 2 * poll),
    ]

    @Test(arguments: ending)
    func `a fault ends once, in time, when its trouble is over`(
        row: (trouble: StreetLamp.Trouble, kind: FaultKind, percent: Double, after: Int, within: Int)
    ) throws {
        var street = Street(contactor: true)
        street.order(row.percent)
        street.run(.seconds(600))
        street.trouble(row.trouble)
        street.run(.seconds(row.after))
        #expect(street.monitor.active.map(\.kind) == [row.kind])
        street.trouble(.none)
        let over = street.now
        street.run(.seconds(row.within))
        #expect(street.monitor.active.isEmpty, "\(street.words)")
        street.run(.seconds(1800))
        #expect(street.told.map(\.kind) == [row.kind, row.kind], "\(street.words)")
        #expect(street.told.map(\.isActive) == [true, false])
        #expect(street.told[0].id == street.told[1].id)
        #expect(street.told[1].at > over)
    }

    @Test func `an open lamp that is repaired by day stays reported until it burns`() {
        var street = Street()
        street.order(100)
        street.run(.seconds(600))
        street.trouble(.lampFailure)
        street.run(.seconds(600))
        street.order(0)
        street.trouble(.none)
        street.run(.seconds(3600))
        #expect(street.words == ["+lamp_failure lamp-3"])
        street.order(100)
        street.run(.seconds(120))
        #expect(street.words == ["+lamp_failure lamp-3", "-lamp_failure lamp-3"])
    }

    @Test func `evidence says what was ordered, what was seen, since when and the limits`() throws {
        var street = Street()
        street.order(0)
        street.trouble(.stuckOn)
        street.run(.seconds(600))
        let change = try #require(street.told.first)
        #expect(change.kind == .dayBurner)
        #expect(change.detail["commanded_percent"]?.number == .zero)
        #expect(change.detail["on"] == true)
        #expect(change.detail["level_percent"]?.number == ExactDecimal(100))
        #expect(change.detail["limit_seconds"]?.number == ExactDecimal(300))
        #expect(change.detail["feeder"]?.text == "f1")
        let event = change.event
        #expect(event.kind == EventKind.dayBurner)
        #expect(event.device == "lamp-3")
        #expect(event.active == true)
        #expect(event.id == "day_burner:lamp-3")
        let active = try #require(street.monitor.active.first)
        #expect(active.evidence.hasPrefix("commanded_percent 0, commanded_seconds "))
    }
}
