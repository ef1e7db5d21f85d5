internal import Telemetry

/// What a serial bus will be asked to do, worked out from the configuration alone: before anyone drives out.
struct BusPlan: Sendable {
    /// One request of a device's round.
    struct Request: Sendable, Hashable {
        /// "60 input registers from 0x0000", for people.
        let words: String
        /// Characters on the wire with address and checksum.
        let sent: Int
        let answered: Int
        let interval: Duration
        /// Besides the interval: due at each multiple of this (a quarter hour).
        var boundary: Duration?
    }

    struct Device: Sendable, Hashable {
        let name: String
        let address: String
        /// From the end of a request to the first character of the answer.
        let latency: Duration
        /// Neither profile nor configuration state it.
        let isLatencyAssumed: Bool
        /// Silence before each request, beyond the line's.
        let pause: Duration
        let timeout: Duration
        let requests: [Request]
    }

    let serial: SerialSettings
    let turnaround: Duration
    let sickShare: Double
    let devices: [Device]

    /// Where a profile says nothing: most meters answer within 20 to 50 ms.
    static let assumedLatency: Duration = .milliseconds(30)
    /// Above this, one retried request makes others late.
    static let comfortableLoad = 0.7

    // MARK: shares

    /// Seconds of bus time per second, by cause.
    struct Load: Sendable, Hashable {
        var data = 0.0
        var waiting = 0.0
        var silence = 0.0
        var total: Double { data + waiting + silence }

        static func + (a: Load, b: Load) -> Load {
            Load(data: a.data + b.data, waiting: a.waiting + b.waiting, silence: a.silence + b.silence)
        }
    }

    /// Bus time of one request: both frames, the device's latency, and the silence that must follow.
    func duration(_ request: Request, of device: Device) -> Duration {
        data(request) + device.latency + silence(device)
    }

    private func data(_ request: Request) -> Duration { serial.time(characters: request.sent + request.answered) }
    private func silence(_ device: Device) -> Duration { serial.silence + turnaround + device.pause }

    func load(_ device: Device) -> Load {
        device.requests.reduce(Load()) { sum, request in
            let rate = Self.rate(request)
            return sum
                + Load(
                    data: data(request).inSeconds * rate, waiting: device.latency.inSeconds * rate,
                    silence: silence(device).inSeconds * rate)
        }
    }

    var load: Load { devices.reduce(Load()) { $0 + load($1) } }

    /// Requests per second.
    private static func rate(_ request: Request) -> Double {
        1 / request.interval.inSeconds + (request.boundary.map { 1 / $0.inSeconds } ?? 0)
    }

    // MARK: a dead device

    /// What the others lose to dead devices, at most.
    var lostToDeadDevices: Double { sickShare }

    /// The misses before a device is taken for dead, all its time-outs long.
    func costUntilOffline(_ device: Device) -> Duration {
        let longest = device.requests.map { serial.time(characters: $0.sent) }.max() ?? .zero
        return (longest + device.timeout + silence(device)) * ModbusDevice.missesUntilOffline
    }

    /// A device that comes back is in its normal round within this, while these are dead.
    func returnTime(dead: [Device]) -> Duration {
        let probes = dead.reduce(Duration.zero) { $0 + $1.timeout }
        return max(ModbusDevice.longestProbe, .nanoseconds(Int64(probes.inSeconds / max(sickShare, 0.001) * 1e9)))
    }

    // MARK: other speeds

    struct Alternative: Sendable, Hashable {
        let baud: Int
        let load: Double
    }

    /// The same round at each usual baud rate.
    var alternatives: [Alternative] {
        [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200].map { baud in
            var serial = serial
            serial.baud = baud
            let plan = BusPlan(serial: serial, turnaround: turnaround, sickShare: sickShare, devices: devices)
            return Alternative(baud: baud, load: plan.load.total)
        }
    }

    /// The slowest rate at which everything is comfortable: a long or bad cable carries slow bits better.
    var recommendedBaud: Int? { alternatives.first { $0.load <= Self.comfortableLoad }?.baud }

    // MARK: boundaries

    /// How long after a quarter hour the last reading due at it is taken: they are read one after the other.
    var boundarySpread: Duration {
        devices.reduce(.zero) { sum, device in
            sum + device.requests.filter { $0.boundary != nil }.reduce(.zero) { $0 + duration($1, of: device) }
        }
    }
}
