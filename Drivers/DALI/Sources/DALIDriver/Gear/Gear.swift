internal import DriverProtocol
internal import Telemetry

/// One control gear: what the configuration says of it, what it told us, and how it has been answering.
struct Gear {
    /// Polls without an answer until a gear counts as offline. One lost frame is noise, three are a fault.
    static let missesUntilOffline = 3
    /// Answers that can be read until one that cannot is forgotten: a single one is noise.
    static let strayCollisions = 3
    /// The same for many: a new address is seen a few polls after it was given.
    static let mostCollisions = 9

    struct Point {
        let kind: LampPoint
        let interval: Duration
        /// Not reported again before this moment by polling.
        var due = BootInstant(nanoseconds: .min)
        /// As it was last reported; nil before the first report.
        var quality: Quality?
    }

    let index: UInt32
    let name: String
    let address: ShortAddress
    /// From the configuration; nil: ask the gear.
    let configuredCurve: ArcPowerCurve?
    /// Index of the fade time for commands that bring none; nil: leave the gear's own alone.
    let configuredFade: UInt8?
    var points: [Point]

    // What the gear told; forgotten when another one may have taken its place.
    var curve: ArcPowerCurve?
    var minimum: UInt8?
    var maximum: UInt8?
    var fade: UInt8?
    /// Its mains or its answers were away: what is known still serves for reading, and is asked anew before a level depends on it.
    var isCurveDoubted = false
    var areLimitsDoubted = false

    /// What the configuration wants to stand in the gear's own memory.
    let settings: GearSettings
    /// What stands there, and who the gear is.
    var keeping = GearKeeping()
    /// Its feeder is off, as far as the runtime knows: silence is no fault.
    private(set) var isUnpowered = false

    /// What the runtime keeps of it across restarts.
    private(set) var remembered: [UInt8]?

    var lastStatus: GearStatus?
    private(set) var condition = DriverDeviceState.Condition.unknown
    private(set) var detail = ""
    private(set) var misses = 0
    private(set) var requests: UInt64 = 0
    private(set) var failures: UInt64 = 0
    private(set) var lastAnswer: BootInstant?
    /// Rises with each answer that nobody can read and falls with each that can be read: two gear at one address are sometimes
    /// read, because they say the same at the same moment.
    private var collisions = 0

    init(
        index: UInt32, name: String, address: ShortAddress, curve: ArcPowerCurve?, fade: UInt8?, points: [Point],
        settings: GearSettings = GearSettings()
    ) {
        self.index = index
        self.name = name
        self.address = address
        configuredCurve = curve
        configuredFade = fade
        self.points = points
        self.settings = settings
        self.curve = curve
    }

    /// How often the gear is polled: as often as its most wanted point.
    var interval: Duration { points.filter(\.kind.isPolled).map(\.interval).min() ?? .seconds(60) }
    var isOffline: Bool { condition == .offline }
    var isIdentified: Bool { curve != nil && minimum != nil && maximum != nil }

    /// The gear's own limits, or the widest there are while nobody knows them.
    var limits: ClosedRange<UInt8> {
        let low = max(1, min(minimum ?? 1, ArcPowerCurve.full))
        return low...max(low, min(maximum ?? ArcPowerCurve.full, ArcPowerCurve.full))
    }

    /// Another gear may sit at the address, or the same one with other settings: everything is asked anew.
    mutating func forget() {
        curve = configuredCurve
        minimum = nil
        maximum = nil
        fade = nil
        isCurveDoubted = false
        areLimitsDoubted = false
        keeping.doubt()
    }

    /// It was away and is back, perhaps with other settings or as another gear. What was known serves until it is asked anew.
    mutating func doubt() {
        isCurveDoubted = configuredCurve == nil && curve != nil
        areLimitsDoubted = minimum != nil || maximum != nil
        fade = nil
        keeping.doubt()
    }

    /// Several polls in a row went unanswered, by this gear and not by the whole bus.
    var wasSilent: Bool { misses >= Self.missesUntilOffline }

    /// Known from before, its state not heard since this driver began or its mains returned, and not so silent that nothing is
    /// expected of it. Gear that nobody knows gets its light first: that it had no mains before it was installed is no news.
    var isUnread: Bool { lastStatus == nil && remembered != nil && !wasSilent && !isUnpowered }

    // MARK: memory

    /// Key of what is remembered: curve (0 logarithmic, 1 linear), and where they are known lowest level, highest level.
    static let memoryKey = "gear"

    /// Takes in what an earlier run of the driver learned, so that a restart costs the bus one frame a lamp and not four.
    /// Anything malformed is ignored and asked anew.
    mutating func recall(_ bytes: [UInt8]) {
        guard let first = bytes.first, first <= 1 else { return }
        let isWhole = bytes.count == 3 && bytes[1] >= 1 && bytes[1] <= bytes[2] && bytes[2] <= ArcPowerCurve.full
        guard isWhole || bytes.count == 1 else { return }
        curve = configuredCurve ?? (first == 1 ? .linear : .logarithmic)
        if isWhole {
            minimum = bytes[1]
            maximum = bytes[2]
        }
        remembered = bytes
    }

    /// What is to be remembered now, if it is news. The curve is known first, and is what the next start's orders need.
    mutating func newMemory() -> [UInt8]? {
        guard let curve else { return nil }
        var bytes: [UInt8] = [curve == .linear ? 1 : 0]
        if let minimum, let maximum, minimum <= maximum {
            bytes += [minimum, maximum]
        } else if remembered?.first == bytes[0] {
            return nil
        }
        guard bytes != remembered else { return nil }
        remembered = bytes
        return bytes
    }

    // MARK: health

    mutating func answered(at now: BootInstant) {
        requests += 1
        misses = 0
        lastAnswer = now
        collisions = max(0, collisions - 1)
        if collisions > Self.strayCollisions { return tellCollision() }
        condition = .online
        detail = isStranger ? strangerText : ""
    }

    private var strangerText: String {
        let found = keeping.identity.map(\.description) ?? "unknown"
        let expected = expectedIdentity.map(\.description) ?? "unknown"
        return "\(address): gear \(found) answers where \(expected) belongs"
    }

    /// It did not answer, or not intelligibly.
    ///
    /// - Returns: whether it has just gone offline.
    mutating func missed(_ sentence: String) -> Bool {
        // Nobody expects an answer of a gear without mains. It is not counted: a request without a failure would be an answer.
        guard !isUnpowered else { return false }
        requests += 1
        failures += 1
        misses += 1
        detail = sentence
        guard misses >= Self.missesUntilOffline else {
            if condition != .offline { condition = .failing }
            return false
        }
        return goOffline(sentence)
    }

    /// Two gear answered at once: somebody is there, and nobody knows who. It is no failure to answer.
    mutating func collided(at now: BootInstant) {
        requests += 1
        misses = 0
        lastAnswer = now
        collisions = min(Self.mostCollisions, collisions + Self.strayCollisions)
        tellCollision()
    }

    private mutating func tellCollision() {
        condition = .failing
        detail = "\(address): two or more control gear answer at once; give each its own address"
    }

    /// - Returns: whether it was not offline before.
    mutating func goOffline(_ sentence: String) -> Bool {
        detail = sentence
        defer { condition = .offline }
        return condition != .offline
    }

    /// Its feeder went off: it is not asked any more, and says nothing.
    mutating func losePower() {
        isUnpowered = true
        misses = 0
        condition = .unknown
        detail = "no mains: its feeder is off"
    }

    /// Its feeder came on, or it answered.
    mutating func regainPower() {
        isUnpowered = false
        misses = 0
        lastStatus = nil
        if condition == .unknown { detail = "" }
        doubt()
    }

    // MARK: samples

    /// Points that one query answers, as samples. A good value is reported whenever it is due; a bad one once, on the change.
    ///
    /// - Parameter all: everything, for somebody who asked. It changes nothing about what polling reports next.
    mutating func samples(
        _ kinds: (LampPoint) -> Bool, at now: BootInstant, all: Bool, _ read: (LampPoint) -> (Value?, Quality)
    ) -> [Sample] {
        var samples: [Sample] = []
        for position in points.indices where kinds(points[position].kind) {
            let (value, quality) = read(points[position].kind)
            if !all {
                let isNews = points[position].quality != quality
                let isGood = quality.grade == .good
                guard isNews || (isGood && points[position].due <= now) else { continue }
                // Half a poll early is on time: a poll may come early after a late one, and the next would be far too late.
                if isGood {
                    points[position].due = now.advanced(by: points[position].interval - interval / 2)
                }
                points[position].quality = quality
            }
            samples.append(Sample(point: position, value: value, quality: quality, acquired: now))
        }
        return samples
    }

    mutating func samples(status: GearStatus, at now: BootInstant, all: Bool = false) -> [Sample] {
        samples({ $0.isOfStatus }, at: now, all: all) { point in
            guard case .status(let bit) = point.source else { return (nil, .bad(.configuration)) }
            return (.flag(status.contains(bit)), .good)
        }
    }

    /// - Parameter level: 255 (MASK) while the gear starts up or its lamp has failed: it has no level then.
    mutating func samples(level: UInt8, at now: BootInstant, all: Bool = false) -> [Sample] {
        let curve = curve ?? .logarithmic
        return samples({ $0.isOfLevel }, at: now, all: all) { _ in
            guard level <= ArcPowerCurve.full else { return (nil, .bad(.deviceReported)) }
            return (.number(curve.percent(level: level)), .good)
        }
    }

    /// Every point, or those of one query, as bad.
    mutating func samples(
        bad reason: Quality.Reason, at now: BootInstant, all: Bool = false,
        where kinds: (LampPoint) -> Bool = { _ in true }
    ) -> [Sample] {
        samples(kinds, at: now, all: all) { _ in (nil, .bad(reason)) }
    }

    /// Whether a poll must send the query for these points now.
    func isDue(_ kinds: (LampPoint) -> Bool, at now: BootInstant) -> Bool {
        points.contains { kinds($0.kind) && ($0.due <= now || $0.quality?.grade != .good) }
    }

    func levelText(_ level: UInt8) -> String {
        guard level <= ArcPowerCurve.full else { return "MASK (starting up, or no working lamp)" }
        return "level \(level) (\((curve ?? .logarithmic).percent(level: level)) %)"
    }
}
