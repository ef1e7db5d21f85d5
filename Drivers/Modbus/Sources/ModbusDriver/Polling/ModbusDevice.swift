internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// One device as it was configured, and what is known of it since.
struct ModbusDevice {
    /// Before a device that answered once is taken for dead. Three is what the field's own tools use: one broken frame
    /// is noise, three in a row are not.
    static let missesUntilOffline = 3
    /// Pause between two probes of one offline device: a device that comes back within seconds is found within seconds...
    static let firstProbe: Duration = .seconds(1)
    /// ...and a dead one is not asked more often than this.
    static let longestProbe: Duration = .seconds(10)

    let index: UInt32
    let name: String
    let unit: UInt8
    /// Which of the bus's links leads to it.
    let link: Int
    let profileIdentity: String
    var points: [DevicePoint]
    let descriptors: [PointDescriptor]
    let timeout: Duration
    let pause: Duration

    var plan: RequestPlan
    var decoder: DeviceDecoder
    /// Until the device has said where its registers are.
    var discovery: SunSpecDiscovery?
    var blocks: [RegisterBlock] = []
    /// Rises with each new plan, so that what the scheduler holds of an old one is recognised.
    var planNumber = 0
    /// Refused blocks that are being taken apart, by block.
    var bisections: [Int: Bisection] = [:]

    var condition = DriverDeviceState.Condition.unknown
    var hasAnswered = false
    var misses = 0
    var requests: UInt64 = 0
    var failures: UInt64 = 0
    var lastAnswer: BootInstant?
    var lastFailure = ""
    /// Intervals that passed while it was offline.
    var offlineSince: BootInstant?
    var probe = Backoff(first: firstProbe, longest: longestProbe)

    var isOffline: Bool { condition == .offline }

    /// The shortest thing to ask, to see whether anyone is there.
    var probeBlock: RegisterBlock? {
        blocks.min { $0.count < $1.count }.map { block in
            let point = block.points.compactMap { index in points.first { $0.index == index } }
                .min { $0.value.width < $1.value.width }
            guard let point else { return block }
            return RegisterBlock(
                table: block.table, address: point.value.address, count: point.value.width, points: [point.index],
                interval: block.interval)
        }
    }

    func state(missed: UInt64) -> DriverDeviceState {
        var state = DriverDeviceState()
        state.device = index
        state.condition = condition
        state.detail = lastFailure
        state.requests = requests
        state.failures = failures
        state.lastAnswerBootNs = UInt64(max(0, lastAnswer?.nanoseconds ?? 0))
        state.missedIntervals = missed
        return state
    }
}
