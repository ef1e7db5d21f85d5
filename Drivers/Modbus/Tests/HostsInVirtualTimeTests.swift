import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

private let profile = """
    driver: modbus
    status: verified
    numbers: {table: holding}
    limits: {max_registers: 60, gaps: readable}
    values:
      - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V}
      - {quantity: voltage, phase: L2, at: 2, as: u16, unit: V}
    """

/// Hosts on a network in virtual time: what ``NetworkShell`` does over sockets, without sockets.
private final class VirtualHosts {
    enum Kind: Sendable {
        case well
        /// Accepts and never answers.
        case silent
        /// Nothing listens.
        case refusing
        /// Nothing comes back at all.
        case vanished
    }

    /// An answer over a local network.
    static let latency: Duration = .milliseconds(5)

    let clock = VirtualClock()
    let notebook = Notebook()
    let engine: BusEngine
    private let kinds: [Kind]
    private var flights: [(work: Work, exchange: Exchange)?]
    private var timers: [BootInstant?]

    init(_ kinds: [Kind]) throws {
        self.kinds = kinds
        let devices = kinds.indices.map { "{host: \"192.0.2.\($0 + 1)\", address: 1}" }
        let message = try configure(profile, devices: devices, bus: "{response_timeout: 500ms}", port: "tcp")
        let configuration = BusConfiguration(message)
        let plan = NetworkPlan(
            hosts: configuration.links, devices: configuration.devices, options: configuration.options)
        try #require(plan.lanes.count == kinds.count)
        let now = clock.now
        engine = BusEngine(
            options: configuration.options, line: nil,
            lanes: plan.lanes.map { BusLane(host: $0.host, framing: $0.framing, configuration.options, from: now) },
            devices: plan.devices, outlet: notebook, clock: { [clock] in clock.now })
        flights = Array(repeating: nil, count: kinds.count)
        timers = Array(repeating: nil, count: kinds.count)
        engine.begin()
        for lane in kinds.indices { dispatch(lane) }
    }

    func run(_ duration: Duration) {
        let end = clock.now.advanced(by: duration)
        while true {
            let next =
                (flights.compactMap { $0?.exchange.ended } + timers.compactMap(\.self) + [engine.nextStates]
                + [engine.scheduler.nextDue].compactMap(\.self)).min() ?? end
            guard next < end else { break }
            clock.now = max(clock.now, next)
            engine.tellStatesIfDue(at: clock.now)
            for lane in kinds.indices {
                if let flight = flights[lane], flight.exchange.ended <= clock.now {
                    flights[lane] = nil
                    if case .gone = flight.exchange.outcome {} else { engine.connected(lane) }
                    engine.completed(flight.work, flight.exchange)
                    dispatch(lane)
                } else if flights[lane] == nil, let timer = timers[lane], timer <= clock.now {
                    timers[lane] = nil
                    dispatch(lane)
                }
            }
            for lane in engine.scheduler.takeWoken(at: clock.now) { dispatch(lane) }
        }
        clock.now = end
    }

    private func dispatch(_ lane: Int) {
        guard flights[lane] == nil else { return }
        let now = clock.now
        switch engine.next(lane: lane, at: now) {
        case .wait(let until): timers[lane] = until.map { max($0, now.advanced(by: .microseconds(1))) }
        case .exchange(let work):
            let (outcome, took): (Exchange.Outcome, Duration) =
                switch kinds[lane] {
                case .well: (registers(work.request), Self.latency)
                case .silent: (.silence, work.timeout)
                case .refusing: (.gone("connection refused"), .milliseconds(1))
                case .vanished: (.gone("no answer to the connection"), .seconds(3))
                }
            flights[lane] = (
                work,
                Exchange(
                    outcome: outcome, sent: [1] + work.request.bytes, received: [], began: now,
                    ended: now.advanced(by: took), silent: .zero)
            )
        }
    }

    /// When each of a device's points was read, by point.
    func polls(_ device: Int, _ point: Int) -> [BootInstant] {
        notebook.all.samples.filter {
            $0.device == UInt32(device) && $0.sample.point == point && $0.sample.quality == .good
        }.map(\.sample.acquired)
    }
}

@Suite struct `Fifty hosts of which five are dead` {
    static let seconds = 120

    @Test(arguments: [(5, 0, 0), (0, 5, 0), (0, 0, 5), (2, 2, 1)])
    func `the others lose no poll`(silent: Int, refusing: Int, vanished: Int) throws {
        // Between the others, so that one is not just the last of the list.
        let dead: [VirtualHosts.Kind] =
            Array(repeating: .silent, count: silent) + Array(repeating: .refusing, count: refusing)
            + Array(repeating: .vanished, count: vanished)
        let kinds = (0..<50).map { $0 % 10 == 3 ? dead[$0 / 10] : VirtualHosts.Kind.well }
        let bus = try VirtualHosts(kinds)
        bus.run(.seconds(Self.seconds))
        let states = bus.notebook.all.states
        for device in kinds.indices {
            let last = states.last { $0.device == UInt32(device) }
            guard kinds[device] == .well else {
                #expect(bus.polls(device, 0).isEmpty)
                #expect(last?.condition == .offline)
                continue
            }
            for point in 0..<2 {
                let polls = bus.polls(device, point)
                // Asked for the first time within the first second, and then each second.
                #expect(polls.count == Self.seconds, "device \(device) point \(point)")
                let gaps = zip(polls, polls.dropFirst()).map { $1.duration(since: $0) }
                // The round begins with the end of the first answer.
                let longest = Duration.seconds(1) + VirtualHosts.latency
                #expect(gaps.first == longest, "device \(device)")
                #expect(gaps.dropFirst().allSatisfy { $0 == .seconds(1) }, "device \(device): \(Set(gaps))")
            }
            #expect(last?.missedIntervals == 0 && last?.failures == 0)
        }
    }

    @Test func `a dead host is asked on, and one that is back loses nothing more`() throws {
        let bus = try VirtualHosts([.well, .silent])
        bus.run(.seconds(Self.seconds))
        let asked = bus.engine.devices[1].requests
        bus.run(.seconds(Self.seconds))
        #expect(bus.engine.devices[1].requests > asked)
        #expect(bus.polls(0, 0).count == 2 * Self.seconds)
    }
}
