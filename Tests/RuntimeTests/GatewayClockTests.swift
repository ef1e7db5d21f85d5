import Synchronization
import Telemetry
import Testing

@testable import Runtime

/// Clocks that a test sets.
final class FakeClocks: SystemClocks, Sendable {
    struct State {
        var boot: Int64 = 60_000_000_000
        var wall = CivilTime(year: 2026, month: 11, day: 21, hour: 12).instant
        var discipline: Duration?
        var battery: UTCInstant?
    }

    let state: Mutex<State>

    init(_ state: State = State()) { self.state = Mutex(state) }

    func bootTime() -> BootInstant { BootInstant(nanoseconds: state.withLock { $0.boot }) }
    func wallTime() -> UTCInstant { state.withLock { $0.wall } }
    func disciplineError() -> Duration? { state.withLock { $0.discipline } }
    func batteryClock() -> UTCInstant? { state.withLock { $0.battery } }

    /// Time goes on; the wall clock too, wrong by `drift` parts per million.
    func pass(_ span: Duration, drift: Double = 0) {
        state.withLock {
            $0.boot += span.wholeNanoseconds
            let skew = Int64(Double(span.wholeNanoseconds) * drift / 1e6)
            $0.wall = $0.wall.advanced(by: .nanoseconds(span.wholeNanoseconds + skew))
        }
    }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
}

struct GatewayClockTests {
    func clock(_ clocks: FakeClocks, _ sources: Set<String> = ["ntp", "rtc"]) -> GatewayClock {
        GatewayClock(policy: ClockPolicy(sources: sources), clocks: clocks, boot: "boot-b")
    }

    @Test func `a kernel that is disciplined is synchronised, with its own error`() {
        let clocks = FakeClocks()
        clocks.change { $0.discipline = .milliseconds(12) }
        let status = clock(clocks).status()
        #expect(status.quality == .synchronised)
        #expect(status.source == "ntp")
        #expect(status.error == .milliseconds(12))
    }

    @Test func `ninety days without network stay in holdover for lighting at 20 ppm, and a year and a half does not`() {
        let clocks = FakeClocks()
        clocks.change { $0.discipline = .milliseconds(10) }
        let clock = clock(clocks)
        #expect(clock.status().quality == .synchronised)
        clocks.change { $0.discipline = nil }
        clocks.pass(.seconds(90 * 86_400), drift: 20)
        let later = clock.status()
        #expect(later.quality == .holdover)
        // 90 days at 20 ppm are 155.52 s.
        #expect(later.error == .seconds(155) + .milliseconds(530))
        clocks.pass(.seconds(460 * 86_400), drift: 20)
        #expect(clock.status().quality == .unsynchronised)
    }

    @Test func `1970 is never trusted, whatever claims to be right`() {
        let clocks = FakeClocks()
        clocks.change {
            $0.wall = UTCInstant(seconds: 100)
            $0.discipline = .zero
            $0.battery = UTCInstant(seconds: 100)
        }
        #expect(clock(clocks, ["ntp", "rtc", "system"]).status().quality == .unsynchronised)
    }

    @Test func `a battery clock that agrees is holdover; one that differs, or an unwanted one, is nothing`() {
        let clocks = FakeClocks()
        clocks.change { $0.battery = $0.wall.advanced(by: .seconds(2)) }
        #expect(clock(clocks).status().quality == .holdover)
        #expect(clock(clocks).status().source == "rtc")
        #expect(clock(clocks, ["ntp"]).status().quality == .unsynchronised)
        clocks.change { $0.battery = $0.wall.advanced(by: .seconds(-60)) }
        #expect(clock(clocks).status().quality == .unsynchronised)
    }

    @Test func `readings taken before the clock was set get right times once it is, in the same boot`() throws {
        let clocks = FakeClocks()
        clocks.change { $0.wall = UTCInstant(seconds: 60) }
        let clock = clock(clocks)
        let taken = clock.now()
        #expect(clock.utc(taken) == nil)
        clocks.pass(.seconds(300))
        clocks.change {
            $0.wall = CivilTime(year: 2026, month: 11, day: 21, hour: 14).instant
            $0.discipline = .milliseconds(5)
        }
        let named = try #require(clock.utc(taken))
        #expect(named.time == CivilTime(year: 2026, month: 11, day: 21, hour: 13, minute: 55).instant)
        #expect(named.quality == .synchronised)
    }

    @Test func `of another boot only what that boot left behind is known`() {
        let clocks = FakeClocks()
        clocks.change { $0.discipline = .zero }
        let clock = clock(clocks)
        #expect(clock.utc(BootInstant(nanoseconds: 5), boot: "boot-a") == nil)
        clock.recall(offsets: ["boot-a": 1_000_000_000_000], lastKnown: nil)
        #expect(clock.utc(BootInstant(nanoseconds: 5), boot: "boot-a")?.time.nanoseconds == 1_000_000_000_005)
        #expect(clock.utc(BootInstant(nanoseconds: 5), boot: "boot-c") == nil)
    }
}
