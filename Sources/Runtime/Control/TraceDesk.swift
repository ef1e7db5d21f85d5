public import Configuration
public import DriverProtocol
import Synchronization
import Telemetry

/// Who follows which bus. A driver's trace is on exactly while somebody follows it.
///
/// Thread-safe. Whoever reads too slowly loses records and is told how many; a bus never waits for a terminal.
final class TraceDesk: Sendable {
    struct Listener: Sendable {
        let number: UInt64
        let records: AsyncStream<DriverTraceRecord>
    }

    /// Records that wait for one listener: some seconds of the busiest network bus.
    private static let waiting = 2_048

    private struct State: Sendable {
        var listeners: [String: [UInt64: AsyncStream<DriverTraceRecord>.Continuation]] = [:]
        var last: UInt64 = 0
    }
    private let state = Mutex(State())
    private let masks: [String: HouseholdMask]

    init(configuration: GatewayConfiguration) {
        masks = Dictionary(
            uniqueKeysWithValues: configuration.buses.map {
                ($0.name, HouseholdMask(devices: configuration.devices(onBus: $0.name)))
            })
    }

    /// - Returns: the listener, and whether it is the bus's first: then its trace is to be turned on.
    func listen(to bus: String) -> (listener: Listener, isFirst: Bool) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: DriverTraceRecord.self, bufferingPolicy: .bufferingNewest(Self.waiting))
        return state.withLock { state in
            state.last += 1
            let isFirst = state.listeners[bus, default: [:]].isEmpty
            state.listeners[bus, default: [:]][state.last] = continuation
            return (Listener(number: state.last, records: stream), isFirst)
        }
    }

    /// - Returns: whether nobody follows the bus any more: then its trace is to be turned off.
    func leave(_ listener: Listener, bus: String) -> Bool {
        state.withLock { state in
            state.listeners[bus]?.removeValue(forKey: listener.number)?.finish()
            return state.listeners[bus]?.isEmpty ?? true
        }
    }

    /// Whether somebody follows the bus.
    func isFollowed(_ bus: String) -> Bool { state.withLock { !($0.listeners[bus]?.isEmpty ?? true) } }

    func take(_ record: DriverTraceRecord, of bus: String) {
        let listeners = state.withLock { Array(($0.listeners[bus] ?? [:]).values) }
        guard !listeners.isEmpty else { return }
        let shown = masks[bus]?.masked(record) ?? record
        for listener in listeners { listener.yield(shown) }
    }
}

/// Takes the values of household devices out of what crosses the wire: they show how people live.
///
/// What was asked stays (address, function, registers), as far as it is no write; what was answered keeps its length and its first two bytes.
public struct HouseholdMask: Sendable {
    private let household: Set<UInt32>
    /// Devices of the bus that are none.
    private let others: Set<UInt32>

    /// - Parameter devices: of one bus, in the order of the configuration, which is that of their indices.
    public init(devices: [DeviceConfiguration]) {
        var (household, others): (Set<UInt32>, Set<UInt32>) = ([], [])
        for (index, device) in devices.enumerated() {
            if device.privacy == .household { household.insert(UInt32(index)) } else { others.insert(UInt32(index)) }
        }
        self.household = household
        self.others = others
    }

    /// Whether anything on this bus is a household's.
    public var isNeeded: Bool { !household.isEmpty }

    /// Bytes of an RTU frame before its data: address and function code. The same count hides enough on other buses.
    private static let head = 2
    /// Address, function code, register and count: a whole request to read, without its checksum.
    private static let request = 6
    /// Modbus function codes that only read.
    private static let reading: ClosedRange<UInt8> = 1...4

    public func masked(_ record: DriverTraceRecord) -> DriverTraceRecord {
        guard isNeeded, !(record.hasDevice_p && others.contains(record.device)) else { return record }
        var bytes = [UInt8](record.data)
        let isRequest = record.sent && bytes.count > 1 && Self.reading.contains(bytes[1])
        if isRequest, bytes.count <= Self.request + 2 { return record }
        for index in bytes.indices.dropFirst(Self.head) { bytes[index] = 0 }
        var shown = record
        shown.data.removeAll()
        shown.data.append(contentsOf: bytes)
        shown.text = Self.notice(bytes.count)
        return shown
    }

    /// Instead of the decoded line.
    static func notice(_ count: Int) -> String { "a household's: the values of \(count) bytes are not shown" }

    /// How a masked record is known, for writers of captures.
    public static func isMasked(_ text: String) -> Bool { text.hasPrefix("a household's: ") }
}
