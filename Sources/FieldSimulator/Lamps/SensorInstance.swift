/// One instance of a control device: what it measures, its timers, and when it reports.
///
/// Timers are counted as their parts of the standard count them: report timers in seconds, dead times in 50 ms, the hold timer
/// of an occupancy sensor in 10 s. Times are nanoseconds.
struct SensorInstance: Sendable {
    static let second: Int64 = 1_000_000_000
    static let deadtimeUnit: Int64 = 50_000_000
    /// Illuminance has ten bits.
    static let brightest = 1023.0

    /// Bits of the event filter of an occupancy sensor (IEC 62386-303).
    private enum Occupancy {
        static let occupied: UInt8 = 1 << 0
        static let vacant: UInt8 = 1 << 1
        static let again: UInt8 = 1 << 2
        static let movement: UInt8 = 1 << 3
        static let noMovement: UInt8 = 1 << 4
    }

    let kind: SensorDescription.Kind
    var isEnabled = true
    var priority: UInt8 = 4
    /// The primary group and two more; 255: none.
    var groups: [UInt8] = [255, 255, 255]
    var scheme: UInt8
    var filter: UInt8
    var reportTimer: UInt8
    var deadtime: UInt8
    var holdTimer: UInt8 = 90
    /// Percent of the last report, and at the least so many units.
    var hysteresis: UInt8 = 5
    var leastHysteresis: UInt8 = 10
    /// Illuminance, or 1 for occupied.
    private(set) var value = 0
    private(set) var moves = false
    /// CATCH MOVEMENT: the next movement is reported although the filter says otherwise.
    var catches = false
    /// Low bytes of the value for QUERY INPUT VALUE LATCH.
    var latched: [UInt8] = []

    private var reported: Int?
    private var lastEvent: Int64?
    private var lastSign: Int64
    private var holdEnds: Int64?
    private var pending: [UInt16] = []
    private var pendingSince: Int64 = 0

    init(_ kind: SensorDescription.Kind, scheme: UInt8, at now: Int64) {
        self.kind = kind
        self.scheme = scheme
        filter = kind == .light ? 1 : Occupancy.occupied | Occupancy.vacant | Occupancy.again
        reportTimer = kind == .light ? 30 : 20
        deadtime = kind == .light ? 30 : 2
        lastSign = now
    }

    mutating func setLight(_ share: Double, at now: Int64) {
        value = Int((min(1, max(0, share)) * Self.brightest).rounded())
        guard filter & 1 != 0, let reported else { return }
        let step = max(Double(leastHysteresis), Double(reported) * Double(hysteresis) / 100)
        if abs(Double(value - reported)) >= step, pending.isEmpty {
            pending = [UInt16(value)]
            pendingSince = now
        }
    }

    mutating func setMovement(_ moves: Bool, at now: Int64) {
        guard moves != self.moves else { return }
        self.moves = moves
        if moves {
            holdEnds = nil
            let wasVacant = value == 0
            value = 1
            defer { catches = false }
            if wasVacant, filter & Occupancy.occupied != 0 {
                queue(occupancy(again: false), at: now)
            } else if catches || filter & Occupancy.movement != 0 {
                queue(occupancy(again: false), at: now)
            }
        } else {
            holdEnds = now + max(Self.second, Int64(holdTimer) * 10 * Self.second)
            if filter & Occupancy.noMovement != 0 { queue(occupancy(again: false), at: now) }
        }
    }

    /// CANCEL HOLD TIMER: vacant at once.
    mutating func cancelHold(at now: Int64) { if holdEnds != nil { holdEnds = now } }

    private mutating func queue(_ information: UInt16, at now: Int64) {
        if pending.isEmpty { pendingSince = now }
        pending.append(information)
    }

    /// Bit 0 movement, 1 occupied, 2 a repetition, 3 the sensor sees movement rather than presence.
    private func occupancy(again: Bool) -> UInt16 {
        (moves ? 1 : 0) | (value == 1 ? 1 << 1 : 0) | (again ? 1 << 2 : 0) | 1 << 3
    }

    /// The event filter lets reports through that come again while nothing changes.
    private var repeats: Bool { kind == .light ? filter & 1 != 0 : filter & Occupancy.again != 0 }

    /// When ``takeEvent(at:)`` should be called; nil while there is nothing to come.
    var due: Int64? {
        var times: [Int64] = []
        if let holdEnds { times.append(holdEnds) }
        if isEnabled {
            if !pending.isEmpty {
                times.append(
                    max(pendingSince, lastEvent.map { $0 + Int64(deadtime) * Self.deadtimeUnit } ?? pendingSince))
            } else if repeats, reportTimer > 0 {
                times.append(lastSign + Int64(reportTimer) * Self.second)
            }
        }
        return times.min()
    }

    /// The information of an event that is due; nil when something was due that is no event.
    mutating func takeEvent(at now: Int64) -> UInt16? {
        if let ends = holdEnds, ends <= now {
            holdEnds = nil
            value = 0
            if filter & Occupancy.vacant != 0 { queue(occupancy(again: false), at: ends) }
            return nil
        }
        guard isEnabled else { return nil }
        lastEvent = now
        lastSign = now
        if kind == .light {
            pending = []
            reported = value
            return UInt16(value)
        }
        return pending.isEmpty ? occupancy(again: true) : pending.removeFirst()
    }

    /// QUERY INPUT VALUE: the value from the top bit on, repeated to fill the last byte; the rest waits in the latch.
    mutating func readValue() -> UInt8 {
        guard kind == .light else {
            latched = []
            return (value == 1 ? 0xAA : 0) | (moves ? 0x55 : 0)
        }
        let bits = UInt16(value) << 6 | UInt16(value) >> 4
        latched = [UInt8(bits & 0xFF)]
        return UInt8(bits >> 8)
    }
}
