internal import Telemetry

/// What asking costs on a link, to decide between one long request and two short ones.
struct LinkCost: Sendable, Hashable {
    /// A device's answer comes after this where neither its profile nor experience says more: most meters take 20 to 50 ms.
    static let assumedLatency: Duration = .milliseconds(30)
    /// Bytes of a read request and of its answer beside the registers (Modbus over Serial Line V1.02: address and check included).
    static let bytesAround = 8 + 5

    /// One byte on the wire.
    let byte: Duration
    /// What every exchange costs beside its bytes and the device's latency: silences and turnaround.
    let overhead: Duration

    /// A network: what fits into one request costs nothing more.
    static let network = LinkCost(byte: .zero, overhead: .zero)

    init(byte: Duration, overhead: Duration) {
        self.byte = byte
        self.overhead = overhead
    }

    init(_ settings: SerialSettings, turnaround: Duration) {
        byte = settings.time(characters: 1)
        overhead = settings.silence + turnaround
    }

    /// Wire time of so many bytes.
    func time(bytes: Int) -> Duration { byte * bytes }

    /// A whole exchange that reads registers (or bits).
    func exchange(dataBytes: Int, latency: Duration, pause: Duration) -> Duration {
        time(bytes: Self.bytesAround + dataBytes) + overhead + latency + pause
    }

    /// Bytes that cost as much as a request of their own; everything that a request can hold where bytes cost nothing.
    func bytesWorthARequest(latency: Duration, pause: Duration) -> Int {
        guard byte > .zero else { return Int(UInt8.max) }
        let nanoseconds = exchange(dataBytes: 0, latency: latency, pause: pause).wholeNanoseconds
        return Int(nanoseconds / max(1, byte.wholeNanoseconds))
    }
}
