import Telemetry

/// The register at each period's end: the reading nearest the boundary, of whatever instant it really was.
struct RegisterWindow: Sendable, Hashable {
    /// Where the open period begins, in nanoseconds since 1970.
    var start: Int64
    var best: WindowSample?
    /// Why the last reading in this period had no value.
    var badReason: Quality.Reason?

    init(start: Int64) { self.start = start }

    /// Takes a sample; emits every period that ended before it and that nothing can improve any more.
    mutating func take(_ sample: WindowSample, rule: WindowRule, emit: (WindowValue) -> Void) {
        while true {
            let end = start + rule.length
            // A clock set back: what is closed is not opened again.
            if sample.utc < start { return }
            if sample.utc < end {
                offer(sample, end: end, rule: rule)
                return
            }
            if sample.utc <= end + rule.tolerance {
                offer(sample, end: end, rule: rule)
                // One that is not good may be followed by a better one while the tolerance lasts.
                if sample.quality.grade != .good { return }
            }
            close(rule: rule, otherwise: .communication, emit: emit)
        }
    }

    /// A reading without a value.
    mutating func takeBad(_ reason: Quality.Reason, utc: Int64, rule: WindowRule, emit: (WindowValue) -> Void) {
        while utc > start + rule.length + rule.tolerance { close(rule: rule, otherwise: reason, emit: emit) }
        if utc >= start { badReason = reason }
    }

    /// Closes the period and opens the next one.
    ///
    /// - Parameter otherwise: why there is no value when nothing else says so.
    mutating func close(rule: WindowRule, otherwise: Quality.Reason, emit: (WindowValue) -> Void) {
        let end = start + rule.length
        if let best {
            let isInTime = (best.utc - end).magnitude <= UInt64(rule.tolerance)
            let quality = best.quality.grade == .good && !isInTime ? .uncertain(.offPeriod) : best.quality
            emit(
                WindowValue(
                    kind: .register, start: start, value: best.value, quality: quality, utc: best.utc,
                    epoch: best.epoch, raw: best.raw))
        } else {
            emit(
                WindowValue(
                    kind: .register, start: start, value: nil, quality: .bad(badReason ?? otherwise), utc: end))
        }
        start = end
        best = nil
        badReason = nil
    }

    private mutating func offer(_ sample: WindowSample, end: Int64, rule: WindowRule) {
        // So near the beginning it is the register of the period before.
        guard sample.utc > start + rule.tolerance else { return }
        guard let best else {
            self.best = sample
            return
        }
        func rank(_ sample: WindowSample) -> Int {
            let isInTime = (sample.utc - end).magnitude <= UInt64(rule.tolerance)
            return isInTime ? (sample.quality.grade == .good ? 0 : 1) : 2
        }
        let (old, new) = (rank(best), rank(sample))
        if new < old || (new == old && (sample.utc - end).magnitude < (best.utc - end).magnitude) {
            self.best = sample
        }
    }
}
