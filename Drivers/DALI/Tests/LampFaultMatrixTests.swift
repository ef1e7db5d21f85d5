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
        }
    }

    static let poll = Int(FaultStreet.poll.components.seconds)
    static let reading = Int(FaultStreet.reading.components.seconds)
    static let load = 600 + 60 + 2 * reading

    static let rows: [Row] = [
        Row(trait: nil, told: [:]),
        Row(trait: nil, told: [:], isMetered: true),
        Row(trait: .dali1, told: [:]),
        Row(trait: .slowAnswers, told: [:]),
        Row(trait: .slowAnswers, told: [:], isMetered: true),
        Row(trait: .slowStart, told: [:]),
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
    ]

    @Test(arguments: rows) func `exactly its own faults are told, in time`(row: Row) throws {
        let street = try FaultStreet(isMetered: row.isMetered)
        street.order(0)
        street.run(.seconds(300))
        street.order(100)
        street.run(.seconds(300))
        #expect(street.words.isEmpty)
        var moments: [BootInstant] = [street.now]
        if let trait = row.trait { street.trouble(trait) }
        street.run(.seconds(row.told[.cycling] == nil ? 900 : 2100))
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
}
