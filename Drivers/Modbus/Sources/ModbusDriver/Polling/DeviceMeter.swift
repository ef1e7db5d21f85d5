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

    /// An exchange, as small as it can be kept: several of each device are.
    struct Entry: Sendable {
        enum Outcome: Sendable {
            /// Registers; they stand in what was received, from this byte on.
            case words(from: UInt16, count: UInt16)
            case other(Exchange.Outcome)
        }

        let device: UInt32?
        let unit: UInt8
        let request: ModbusRequest
        private let compact: Outcome
        /// What was sent, and after it what was received.
        private let frames: [UInt8]
        private let sentLength: UInt16
        let ended: BootInstant
        private let tookNanoseconds: Int64
        /// Negative: unknown.
        private let latencyNanoseconds: Int64

        init(device: UInt32?, unit: UInt8, request: ModbusRequest, exchange: Exchange) {
            self.device = device
            self.unit = unit
            self.request = request
            frames = exchange.sent + exchange.received
            sentLength = UInt16(clamping: exchange.sent.count)
            ended = exchange.ended
            tookNanoseconds = exchange.took.wholeNanoseconds
            latencyNanoseconds = exchange.latency?.wholeNanoseconds ?? -1
            compact = Self.compact(exchange)
        }

        /// Where the answer's registers stand in its frame: after the header of Modbus TCP or the unit of RTU, function and length.
        private static func compact(_ exchange: Exchange) -> Outcome {
            guard case .answer(.words(let words)) = exchange.outcome else { return .other(exchange.outcome) }
            let data = 2 * words.count
            for (head, tail) in [(MBAPReceiver.headerLength + 2, 0), (3, 2)]
            where exchange.received.count == head + data + tail {
                return .words(from: UInt16(head), count: UInt16(words.count))
            }
            return .other(exchange.outcome)
        }

        var sent: ArraySlice<UInt8> { frames.prefix(Int(sentLength)) }
        var received: ArraySlice<UInt8> { frames.dropFirst(Int(sentLength)) }
        var took: Duration { .nanoseconds(tookNanoseconds) }
        var latency: Duration? { latencyNanoseconds < 0 ? nil : .nanoseconds(latencyNanoseconds) }

        var outcome: Exchange.Outcome {
            switch compact {
            case .other(let outcome): return outcome
            case .words(let from, let count):
                let data = Array(received.dropFirst(Int(from)))
                return .answer(.words((0..<Int(count)).map { UInt16(data[2 * $0]) << 8 | UInt16(data[2 * $0 + 1]) }))
            }
        }
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
