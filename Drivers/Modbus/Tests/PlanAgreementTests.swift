import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// A serial line with its true times, in virtual time: characters, silences, and what the slaves take.
private final class TimedLink: ModbusLink {
    let title = "timed line"
    let isOpen = true
    let survivesLateAnswers = false
    let clock: VirtualClock
    let settings: SerialSettings
    let latency: Duration
    private var free: BootInstant

    init(_ clock: VirtualClock, _ settings: SerialSettings, latency: Duration) {
        self.clock = clock
        self.settings = settings
        self.latency = latency
        free = clock.now
    }

    var silence: Duration { settings.silence }
    func wireTime(bytes: Int) -> Duration { settings.time(characters: bytes) }
    func open() throws(LinkFailure) {}
    func close() {}

    func exchange(_ request: ModbusRequest, unit: UInt8, timeout: Duration, pause: Duration) -> Exchange {
        let called = clock.now
        // Part of the silence after the last frame may be over already.
        let waited = max(.zero, free.duration(since: called))
        clock.pass(waited)
        let sent = [unit] + request.bytes + [0, 0]
        let received = [UInt8](repeating: 0, count: 1 + request.answerLength + 2)
        clock.pass(settings.time(characters: sent.count + received.count) + latency)
        free = clock.now.advanced(by: silence)
        return Exchange(
            outcome: registers(request), sent: sent, received: received, began: called, ended: clock.now,
            silent: waited,
            rested: silence - min(waited, silence), latency: latency)
    }
}

@Suite struct `Plan and bus` {
    private static func profile(_ latency: Int) -> String {
        """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error, latency: \(latency)ms}
        values:
          - {quantity: voltage, phase: L1, at: 1, as: u32, unit: V}
          - {quantity: voltage, phase: L2, at: 3, as: u32, unit: V}
          - {quantity: current, phase: L1, at: 100, as: u32, unit: A}
          - {quantity: active_energy_import, at: 200, as: u64, unit: kW.h, counter: true}
        """
    }

    @Test(arguments: [(9_600, 4, 25), (19_200, 8, 12), (2_400, 1, 60), (115_200, 12, 5)])
    func `the load that a plan states is the load that the bus measures, within three percent`(
        _ baud: Int, _ devices: Int, _ latency: Int
    ) throws {
        let message = try configure(
            Self.profile(latency), devices: (1...devices).map { "{address: \($0)}" }, bus: "{baud: \(baud)}")
        let configuration = BusConfiguration(message)
        try #require(configuration.devices.count == devices)
        let planned = BusPlan(configuration).load
        let clock = VirtualClock()
        let link = TimedLink(clock, configuration.options.serial, latency: .milliseconds(latency))
        let engine = BusEngine(
            options: configuration.options, links: [link], devices: configuration.devices, outlet: Notebook(),
            clock: { clock.now })
        engine.begin()
        func run(_ duration: Duration) {
            let end = clock.now.advanced(by: duration)
            while clock.now < end {
                let next = engine.turn()
                if next > clock.now { clock.now = min(next, end) }
            }
        }
        // The first contacts are no part of the round.
        run(.seconds(10))
        _ = engine.statistics()
        run(.seconds(120))
        let sums = engine.statistics()
        let window = Double(sums.windowUs)
        let occupied: UInt64 = sums.dataUs + sums.waitingUs + sums.silenceUs
        let load = Double(occupied) / window
        let data = Double(sums.dataUs) / window
        #expect(sums.sickUs == 0)
        #expect(planned.total < 0.95, "the round fits into the bus")
        let difference = load / planned.total - 1
        #expect(difference.magnitude <= 0.03, "planned \(planned), measured \(load)")
        let inData = data / planned.data - 1
        #expect(inData.magnitude <= 0.03, "planned \(planned.data), measured \(data)")
    }
}
