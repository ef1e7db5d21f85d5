public import Telemetry

/// One control device with its instances (IEC 62386-103, light -304, occupancy -303): the state machine, no bus.
///
/// Its instances report by event messages of 24 bits when ``events(at:)`` is called after ``nextDeadline``. Not thread-safe.
public final class ControlDevice {
    static let mask: UInt8 = 255
    /// Quiescent mode ends by itself, as a search does.
    static let quiescentTime: Int64 = 15 * 60 * 1_000_000_000

    public let description: SensorDescription
    public var isSilent = false
    public internal(set) var shortAddress: UInt8?
    /// Bit n: member of device group n.
    public internal(set) var groups: UInt32 = 0
    var instances: [SensorInstance]
    var dtr: (UInt8, UInt8, UInt8) = (0, 0, 0)
    var randomAddress: UInt32 = ControlGear.noRandomAddress
    var searchAddress: UInt32 = ControlGear.noRandomAddress
    var searchState = ControlGear.SearchState.disabled
    var searchEnds: Int64 = 0
    var quiescentEnds: Int64 = 0
    var writeEnabled = false
    var powerCycleSeen = true
    var notifiesPowerCycle = false
    var firstOfTwo: (frame: [UInt8], at: Int64)?
    var random: SeededGenerator
    let identification: UInt64

    public init(_ description: SensorDescription, seed: UInt64, at now: BootInstant) {
        self.description = description
        shortAddress = description.shortAddress
        instances = description.instances.map {
            SensorInstance($0, scheme: description.eventScheme, at: now.nanoseconds)
        }
        var random = SeededGenerator(seed: SeededGenerator.seed(seed, "device " + description.name))
        let drawn = random.next() & 0x00FF_FFFF_FFFF
        identification = description.identification ?? drawn
        self.random = random
    }

    /// Sends no events: a commissioning is under way.
    public func isQuiescent(at now: BootInstant) -> Bool { now.nanoseconds < quiescentEnds }

    // MARK: What the sensors see

    /// What every light instance sees, 0 to 1 of its range.
    public func setLight(_ share: Double, at now: BootInstant) {
        for index in instances.indices where instances[index].kind == .light {
            instances[index].setLight(share, at: now.nanoseconds)
        }
    }

    /// Somebody moves in front of every occupancy instance, or no longer does.
    public func setMovement(_ moves: Bool, at now: BootInstant) {
        for index in instances.indices where instances[index].kind == .occupancy {
            instances[index].setMovement(moves, at: now.nanoseconds)
        }
    }

    /// What an instance measures: illuminance of 1023, or 1 for occupied and 0 for vacant.
    public func value(ofInstance number: Int) -> Int? {
        instances.indices.contains(number) ? instances[number].value : nil
    }

    // MARK: Events

    /// When an instance has something to report, nanoseconds.
    var nextDeadline: Int64? {
        guard !isSilent else { return nil }
        return instances.compactMap(\.due).map { max($0, quiescentEnds) }.min()
    }

    /// Event messages that are due, three bytes each.
    func events(at now: BootInstant) -> [[UInt8]] {
        guard !isSilent, !isQuiescent(at: now) else { return [] }
        var messages: [[UInt8]] = []
        for index in instances.indices {
            while let due = instances[index].due, due <= now.nanoseconds {
                guard let information = instances[index].takeEvent(at: now.nanoseconds) else { continue }
                messages.append(message(information, of: index))
            }
        }
        return messages
    }

    /// An event message in the instance's scheme (IEC 62386-103:2022, 7.2.2): bit 16 is 0, bits 9 to 0 the information.
    private func message(_ information: UInt16, of number: Int) -> [UInt8] {
        let instance = instances[number]
        let type = UInt32(instance.kind.rawValue)
        let own = UInt32(number)
        let short = shortAddress.map(UInt32.init)
        let group = (0..<32).first { groups & 1 << UInt32($0) != 0 }.map(UInt32.init)
        let primary = instance.groups[0] == Self.mask ? nil : UInt32(instance.groups[0])
        let bits: UInt32 =
            switch (instance.scheme, short, group, primary) {
            case (1, .some(let short), _, _): short << 17 | type << 10
            case (2, .some(let short), _, _): short << 17 | 1 << 15 | own << 10
            case (3, _, .some(let group), _): 1 << 23 | group << 17 | type << 10
            case (4, _, _, .some(let primary)): 1 << 23 | 1 << 22 | primary << 17 | type << 10
            default: 1 << 23 | type << 17 | 1 << 15 | own << 10
            }
        return GearMemory.bytes(UInt64(bits | UInt32(information & 0x3FF)), 3)
    }
}
