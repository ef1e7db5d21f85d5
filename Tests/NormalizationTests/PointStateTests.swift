import Telemetry
import Testing

@testable import Normalization

struct PointStateTests {
    @Test func `the state of a point stays small, for a gateway has tens of thousands`() {
        #expect(MemoryLayout<PointState>.stride <= 24)
    }

    @Test func `every quality that was reported is known again, and only a change is reported`() {
        var problems: [PointProblem] = []
        let rule = PointRule(
            device: "d", point: PointDescriptor(name: "p", kind: .gauge, unit: "V"), options: PointOptions(),
            rating: nil, isDuplicate: false, problems: &problems)
        for grade in Quality.Grade.allCases {
            for reason in Quality.Reason.allCases {
                let quality = Quality(grade: grade, reason: reason)
                var state = PointState()
                var reported: PointState.Reported?
                #expect(state.latestAcquired == nil && state.latestQuality == nil)
                func accept(_ quality: Quality, _ second: Int64) -> Bool {
                    state.accept(
                        .flag(true), quality: quality, at: BootInstant(nanoseconds: second), rule: rule,
                        reported: &reported)
                }
                #expect(accept(quality, 1))
                // Bad is said once; what has no threshold is otherwise reported each time.
                #expect(accept(quality, 2) == (grade != .bad), "\(quality)")
                #expect(accept(.bad(reason == .stale ? .communication : .stale), 3))
                #expect(accept(quality, 4))
                #expect(state.latestQuality == quality && state.latestAcquired == BootInstant(nanoseconds: 4))
            }
        }
    }
}
