import DriverKit
import Telemetry
import Testing

private func at(_ milliseconds: Int64) -> BootInstant { BootInstant(nanoseconds: milliseconds * 1_000_000) }

@Suite struct `Deadline scheduler` {
    @Test func `of what is due the earliest deadline goes first`() {
        var scheduler = DeadlineScheduler<String>()
        scheduler.add("slow", device: 0, interval: .seconds(10), predicted: .zero, due: at(0))
        scheduler.add("fast", device: 1, interval: .seconds(1), predicted: .zero, due: at(5))
        #expect(scheduler.next(at: at(0)) == .run("slow"))
        #expect(scheduler.next(at: at(5)) == .run("fast"))
        scheduler.done("fast", at: at(10), took: .milliseconds(5))
        #expect(scheduler.next(at: at(10)) == .run("slow"))
        scheduler.done("slow", at: at(20), took: .milliseconds(5))
        #expect(scheduler.next(at: at(20)) == .wait(until: at(1_005)))
    }

    @Test func `intervals that passed are counted and skipped, not made up for`() {
        var scheduler = DeadlineScheduler<Int>()
        scheduler.add(1, device: 7, interval: .seconds(1), predicted: .zero, due: at(0))
        scheduler.done(1, at: at(3_500), took: .zero)
        #expect(scheduler.missedIntervals(device: 7) == 3)
        #expect(scheduler.next(at: at(3_500)) == .wait(until: at(4_000)))
    }

    @Test func `what is held is left out until it is released`() {
        var scheduler = DeadlineScheduler<Int>()
        scheduler.add(1, device: 0, interval: .seconds(1), predicted: .zero, due: at(0))
        scheduler.hold(1)
        #expect(scheduler.next(at: at(9_000)) == .wait(until: nil))
        scheduler.release(1, due: at(9_500))
        #expect(scheduler.next(at: at(9_000)) == .wait(until: at(9_500)))
        scheduler.postpone(1, to: at(9_700))
        #expect(scheduler.next(at: at(9_600)) == .wait(until: at(9_700)))
        #expect(scheduler.missedIntervals(device: 0) == 0)
    }

    @Test func `an overloaded bus reads everything less often and starves nothing`() {
        var scheduler = DeadlineScheduler<Int>()
        for item in 0..<10 {
            scheduler.add(item, device: UInt32(item), interval: .seconds(1), predicted: .milliseconds(200), due: at(0))
        }
        #expect(scheduler.predictedLoad > 1.9)
        var now = at(0)
        var counts = [Int](repeating: 0, count: 10)
        while now < at(60_000) {
            switch scheduler.next(at: now) {
            case .run(let item):
                now = now.advanced(by: .milliseconds(200))
                counts[item] += 1
                scheduler.done(item, at: now, took: .milliseconds(200))
            case .wait(let until): now = until ?? at(60_000)
            }
        }
        #expect(counts.allSatisfy { (25...35).contains($0) })
        #expect((0..<10).allSatisfy { scheduler.missedIntervals(device: UInt32($0)) > 20 })
    }

    @Test func `probes of failing devices take no more than their share`() {
        var budget = ProbeBudget(share: 0.05, from: at(0))
        #expect(budget.isDue(at: at(0)))
        budget.spent(.milliseconds(500), endingAt: at(500))
        #expect(!budget.isDue(at: at(9_999)))
        #expect(budget.isDue(at: at(10_000)))
    }

    @Test func `a back-off doubles up to its longest pause and starts anew after success`() {
        var backoff = Backoff(first: .seconds(1), longest: .seconds(5))
        var pauses: [Int64] = []
        for _ in 0..<5 {
            backoff.failed(at: at(0))
            pauses.append((backoff.notBefore?.nanoseconds ?? 0) / 1_000_000_000)
        }
        #expect(pauses == [1, 2, 4, 5, 5])
        backoff.succeeded()
        #expect(backoff.isDue(at: at(0)))
    }
}
