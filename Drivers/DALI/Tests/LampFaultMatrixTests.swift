import DriverProtocol
import FieldSimulator
import Lighting
import Telemetry
import Testing

@testable import DALIDriver

/// What can be wrong with a gear, against every fault rule: the real driver on simulated gear, an hour of virtual time each.
struct LampFaultMatrixTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let trait: GearPersonality?
        /// Exactly what is told, and by when it began after what brings it to light, in seconds.
        let told: [FaultKind: Int]
        var light = Light.fault
        var isMetered = false
        var testDescription: String { (trait?.rawValue ?? "sound") + (isMetered ? ", metered" : "") }

        /// What brings it to light.
        enum Light: Sendable {
            /// Its own beginning, at full light.
            case fault
            /// The step to half the light.
            case dimmed
            /// The step to dark.
            case off
            /// The moment from which it draws a fifth less than its level explains: heat comes slowly.
            case weakened
        }
    }

    static let poll = Int(FaultStreet.poll.components.seconds)
    static let reading = Int(FaultStreet.reading.components.seconds)
    /// The gear's own meter is read so often.
    static let powerReading = Int(LampPoint.energyInterval.components.seconds)
    static let load = 600 + 60 + 2 * reading

    static let rows: [Row] = [
        Row(trait: nil, told: [:]),
        Row(trait: nil, told: [:], isMetered: true),
        Row(trait: .dali1, told: [:]),
        Row(trait: .slowAnswers, told: [:]),
        Row(trait: .slowAnswers, told: [:], isMetered: true),
        Row(trait: .slowStart, told: [:]),
        // An answer that comes too late is none; it hears all the same.
        Row(trait: .lateAnswers, told: [.communicationFailure: 6 * poll]),
        // It hears nothing of being dimmed either: its feeder's power tells so.
        Row(trait: .silent, told: [.communicationFailure: 6 * poll, .feederLoadHigh: 900 + load]),
        Row(trait: .lampOpen, told: [.lampFailure: 2 * poll]),
        Row(trait: .lampOpen, told: [.lampFailure: 2 * poll], isMetered: true),
        Row(trait: .lampShort, told: [.lampFailure: 2 * poll]),
        Row(trait: .gearFailure, told: [.gearFailure: 2 * poll]),
        Row(trait: .cycling, told: [.cycling: 3 * 600 + poll]),
        Row(trait: .cycling, told: [.cycling: 3 * 600 + poll], isMetered: true),
        Row(trait: .flickering, told: [.cycling: 2100]),
        Row(trait: .ignoresDimming, told: [.dimmingFailure: 60 + 2 * poll], light: .dimmed),
        Row(trait: .concealsDimming, told: [.feederLoadHigh: load], light: .dimmed),
        Row(trait: .ignoresOff, told: [.dayBurner: 300 + poll], light: .off),
        Row(trait: .concealsBurning, told: [.feederLoadHigh: load], light: .off),
        Row(trait: .partlyDark, told: [.feederLoadLow: load]),
        Row(trait: .partlyDark, told: [.lampPowerLow: 600 + 2 * powerReading], isMetered: true),
        Row(trait: .strongerLamp, told: [.feederLoadHigh: load]),
        Row(trait: .strongerLamp, told: [.lampPowerHigh: 600 + 2 * powerReading], isMetered: true),
        // A third of one lamp's power is less than half of the smallest lamp: only its own meter sees it.
        Row(trait: .derating, told: [:]),
        Row(trait: .derating, told: [.lampPowerLow: 600 + 2 * powerReading], light: .weakened, isMetered: true),
        // What makes commissioning hard is no fault of a lamp that has its address.
        Row(trait: .duplicateRandom, told: [:]),
        Row(trait: .keepsRandom, told: [:]),
        Row(trait: .noVerify, told: [:]),
        Row(trait: .noRandomQuery, told: [:]),
        Row(trait: .deafAfterReset, told: [:]),
    ]

    @Test(arguments: rows) func `exactly its own faults are told, in time`(row: Row) throws {
        // The oddities of commissioning are what a gear is made with, everything else befalls it.
        let isMadeSo = row.trait.map { Self.oddities.contains($0) } ?? false
        let street = try FaultStreet(
            isMetered: row.isMetered, suspectAs: isMadeSo ? Set([row.trait].compactMap(\.self)) : [])
        street.order(0)
        street.run(.seconds(300))
        street.order(100)
        street.run(.seconds(300))
        #expect(street.words.isEmpty)
        var moments: [BootInstant] = [street.now]
        if let trait = row.trait { street.trouble(trait) }
        var weakened: BootInstant?
        if row.trait == .derating || row.isMetered && row.told.values.contains(where: { $0 > 2 * Self.powerReading }) {
            // Heat comes slowly, and a gear's own meter is read every quarter of an hour.
            for _ in 0..<360 {
                street.run(.seconds(10))
                if weakened == nil, street.suspectPower < 0.8 * 42 { weakened = street.now }
            }
        } else {
            street.run(.seconds(row.told[.cycling] == nil ? 900 : 2100))
        }
        moments.append(street.now)
        street.order(50)
        street.run(.seconds(900))
        moments.append(street.now)
        street.order(0)
        street.run(.seconds(900))
        let raised = street.told.filter { $0.isActive == true }
        #expect(Set(street.told.map(\.kind)) == Set(row.told.keys), "\(street.words)")
        #expect(Set(raised.map(\.id)).count == raised.count, "raised more than once: \(street.words)")
        let begun =
            switch row.light {
            case .fault: moments[0]
            case .dimmed: moments[1]
            case .off: moments[2]
            case .weakened: try #require(weakened)
            }
        for (kind, within) in row.told {
            let change = try #require(raised.first { $0.kind == kind }, "\(kind) was never told: \(street.words)")
            let took = change.at.duration(since: begun)
            // Order and poll need bus time, and the rules are asked once in a second.
            #expect(took > .zero && took <= .seconds(within + 2), "\(kind.rawValue) after \(took)")
            let isFeeder = kind == .feederLoadHigh || kind == .feederLoadLow
            #expect(change.subject.name == (isFeeder ? FaultStreet.feeder : FaultStreet.suspect))
        }
    }

    static let oddities: Set<GearPersonality> = [
        .duplicateRandom, .keepsRandom, .noVerify, .noRandomQuery, .deafAfterReset,
    ]

    @Test func `two gear at one address are told as that and not as a gear that does not answer`() throws {
        let street = try FaultStreet(hasTwin: true)
        street.order(0)
        street.run(.seconds(300))
        street.order(100)
        street.run(.seconds(900))
        #expect(street.words.isEmpty, "\(street.words)")
        let state = street.field.outlet.all.states.last { $0.device == 2 }
        #expect(state?.detail.contains("give each its own address") == true, "\(state?.detail ?? "")")
    }

    /// What a feeder's switch can have; by when it is told after it began, in seconds.
    enum Switch: String, CaseIterable, Sendable {
        case sound, welded, dead, interrupted

        var told: [FaultKind: Int] {
            switch self {
            case .sound: [:]
            case .welded: [.contactorStuckOn: 60 + reading + 2 * poll]
            case .dead: [.contactorStuckOff: 60 + 2 * reading]
            case .interrupted: [.supplyLoss: 60 + 2 * poll + 2 * reading]
            }
        }
    }

    @Test(arguments: Switch.allCases) func `a feeder's switch has exactly its own faults, in time`(_ trouble: Switch) throws {
        let street = try FaultStreet(hasContactor: true)
        street.order(100)
        street.run(.seconds(300))
        var begun = street.now
        switch trouble {
        case .sound, .welded:
            // The day: nobody wants light, and the cabinet goes off.
            street.order(0)
            street.run(.seconds(120))
            begun = street.now
            street.turnContactor(false, follows: trouble == .sound)
        case .dead: street.energize(false)
        case .interrupted:
            street.energize(false)
            street.run(.seconds(30))
            begun = street.now
            street.energize(true)
        }
        street.run(.seconds(600))
        let told = street.told
        #expect(Set(told.map(\.kind)) == Set(trouble.told.keys), "\(street.words)")
        for (kind, within) in trouble.told {
            let change = try #require(told.first { $0.kind == kind && $0.isActive != false })
            let took = change.at.duration(since: begun)
            #expect(took > .zero && took <= .seconds(within + 2), "\(kind.rawValue) after \(took)")
            #expect(change.subject.name == FaultStreet.feeder)
        }
    }
}
