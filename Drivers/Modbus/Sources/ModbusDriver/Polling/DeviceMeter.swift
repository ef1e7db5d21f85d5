internal import DriverProtocol
internal import Telemetry

/// What became of the exchanges with one device since the start, and the newest of them.
struct DeviceMeter: Sendable {
    var answers: UInt64 = 0
    var timeouts: UInt64 = 0
    var brokenFrames: UInt64 = 0
    var exceptions: UInt64 = 0
    var busNanoseconds: Int64 = 0
    var ring = ExchangeRing()
    /// The ring as it was at the first failure, kept until the device has been well for a while.
    var frozen: FrozenRing?

    mutating func count(_ exchange: Exchange) {
        busNanoseconds += (exchange.took + exchange.rested).wholeNanoseconds
        switch exchange.outcome {
        case .answer(.exception):
            answers += 1
            exceptions += 1
        case .answer: answers += 1
        case .silence, .gone: timeouts += 1
        case .broken: brokenFrames += 1
        }
    }
}

struct FrozenRing: Sendable {
    let exchanges: [ExchangeRing.Entry]
    let since: BootInstant
}

/// The newest exchanges, for people who ask afterwards what happened.
struct ExchangeRing: Sendable {
    /// Of a whole bus.
    static let ofBus = 64
    /// Of one device of a bus with few devices...
    static let ofDevice = 64
    /// ...and of one with many: a thousand devices must not cost megabytes for it.
    static let ofOneOfMany = 4
    static let many = 64

    struct Entry: Sendable {
        let device: UInt32?
        let unit: UInt8
        let request: ModbusRequest
        let exchange: Exchange
    }

    private var entries: [Entry] = []
    private var next = 0
    private let capacity: Int

    init(capacity: Int = ofOneOfMany) { self.capacity = capacity }

    mutating func append(_ entry: Entry) {
        if entries.count < capacity {
            if entries.isEmpty { entries.reserveCapacity(min(capacity, Self.ofOneOfMany)) }
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % capacity
        }
    }

    /// Oldest first.
    var all: [Entry] { Array(entries[next...] + entries[..<next]) }
}
