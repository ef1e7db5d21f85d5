import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// The real engine and the real framing of an interface on the field simulator's interface, bus, gear and sensors: in process
/// and in virtual time, so that a night takes seconds.
final class SimulatedBus: EngineField {
    let clock = VirtualClock()
    let outlet = RecordingOutlet()
    let bus: LampBus
    let channel: SimulatedChannel
    let engine: BusEngine
    let gearDescriptions: [GearDescription]
    private var stored = 0
    private var agenda: [(at: BootInstant, action: () -> Void)] = []
    private var nextRequest: UInt64 = 1

    /// - Parameters:
    ///   - devices: as the driver is configured; nil: one device per gear that has a short address, with the gear's name, its
    ///     index in `gear`; of gear that share an address only the first.
    ///   - interval: of every device, milliseconds.
    ///   - interface: one of ``LampInterface``.
    ///   - profilePoints: of the profile; nil: ``Configuration/points``.
    init(
        gear: [GearDescription], sensors: [SensorDescription] = [], seed: UInt64 = 1, interface: String = "luba",
        memories: [DriverMemory] = [], devices: [DriverDevice]? = nil, interval: UInt64 = 10_000,
        options: [String: String] = [:], busOptions: [String: String] = [:], profilePoints: [String]? = nil,
        readOnly: Bool = false
    ) {
        gearDescriptions = gear
        bus = LampBus(name: "lamps", gear: gear, sensors: sensors, seed: seed, at: clock.now)
        let session = (LampInterface(rawValue: interface) ?? .luba).gateway(bus: bus)
        channel = SimulatedChannel(session, clock: clock, summary: "simulated \(interface)")
        let (clock, channel) = (clock, channel)
        engine = BusEngine(
            world: DALIWorld(
                now: { clock.now },
                open: { (_, _) throws(SerialPortError) -> any DALIChannel in
                    try channel.open()
                    return channel
                }), outlet: outlet)
        channel.beforeWaiting = { [unowned self] in self.agenda.first?.at }
        channel.afterWaiting = { [unowned self] in self.runAgenda() }
        var message = Configuration.message(
            devices ?? Self.devices(gear, options: options, interval: interval),
            options: busOptions.merging(["interface": interface]) { own, _ in own },
            profile: profilePoints.map { Configuration.profile($0) } ?? Configuration.profile(), readOnly: readOnly)
        message.memories = memories
        let answer = engine.configure(message)
        #expect(answer.diagnostics.isEmpty)
    }

    /// Devices for gear that have a short address of their own.
    static func devices(
        _ gear: [GearDescription], options: [String: String] = [:], interval: UInt64 = 10_000
    ) -> [DriverDevice] {
        var seen: Set<UInt8> = []
        var devices: [DriverDevice] = []
        for (index, one) in gear.enumerated() {
            guard let address = one.shortAddress, seen.insert(address).inserted else { continue }
            devices.append(
                Configuration.device(
                    UInt32(index), address: Int(address), name: one.name, options: options, interval: interval))
        }
        return devices
    }

    /// `count` gear `lamp-01`, `lamp-02`... with the short addresses from `first`.
    static func lamps(_ count: Int, first: UInt8 = 0, _ change: (Int, inout GearDescription) -> Void = { _, _ in })
        -> [GearDescription]
    {
        (0..<count).map { index in
            let number = index + 1 < 10 ? "0\(index + 1)" : "\(index + 1)"
            var gear = GearDescription(name: "lamp-\(number)", shortAddress: first + UInt8(index))
            change(index, &gear)
            return gear
        }
    }

    @discardableResult
    func start() throws -> String { try engine.start() }

    /// Something happens in the field at this moment of virtual time.
    func at(_ moment: BootInstant, _ action: @escaping () -> Void) {
        let place = agenda.firstIndex { $0.at > moment } ?? agenda.count
        agenda.insert((moment, action), at: place)
    }

    func after(_ duration: Duration, _ action: @escaping () -> Void) { at(clock.now.advanced(by: duration), action) }

    /// Turns as the kit would make them, for this long.
    func run(for duration: Duration) { _ = run(atMost: duration) { false } }

    /// Turns until `isDone` or for at most `limit`; whether it is done.
    @discardableResult
    func run(atMost limit: Duration, until isDone: () -> Bool) -> Bool {
        let end = clock.now.advanced(by: limit)
        while !isDone() {
            guard clock.now < end else { return false }
            runAgenda()
            let next = min(engine.turn(), end)
            store()
            if next > clock.now { channel.wait(until: next) }
        }
        return true
    }

    /// The runtime has on disk what it was handed before this turn.
    private func store() {
        let memories = outlet.all.memories
        for memory in memories.dropFirst(stored) { engine.stored(device: memory.device, key: memory.key) }
        stored = memories.count
    }

    private func runAgenda() {
        while let first = agenda.first, first.at <= clock.now {
            agenda.removeFirst()
            first.action()
        }
    }

    // MARK: What a runtime would send

    /// Begins a task; its steps and its end come to the outlet under this request.
    @discardableResult
    func begin(_ name: String, _ arguments: DriverNode = Configuration.map([:] as [String: String])) -> UInt64 {
        var task = DriverTask()
        task.request = nextRequest
        nextRequest += 1
        task.name = name
        task.arguments = arguments
        engine.tasks?.add(task)
        return task.request
    }

    /// Runs a task to its end; nil when it takes longer than `limit`.
    func perform(
        _ name: String, _ arguments: DriverNode = Configuration.map([:] as [String: String]), atMost limit: Duration
    ) -> DriverTaskDone? {
        let request = begin(name, arguments)
        var done: DriverTaskDone? { outlet.all.tasksDone.first { $0.request == request } }
        run(atMost: limit) { done != nil }
        return done
    }

    // MARK: What is on the bus

    /// The gear with this name.
    func gear(_ name: String) -> ControlGear {
        guard let gear = bus.gear(named: name) else { preconditionFailure("no gear \(name) on the bus") }
        return gear
    }

    /// Forward frames of the driver since a moment.
    func frames(since: BootInstant = BootInstant(nanoseconds: 0)) -> [LoggedFrame] {
        bus.log.filter { $0.origin == .master && $0.at >= since }
    }
}

/// The simulator's interface as the driver's channel: reading waits in virtual time.
final class SimulatedChannel: DALIChannel {
    let session: any PortSession
    let clock: VirtualClock
    let summary: String
    /// The port has vanished.
    var isGone = false
    private(set) var openings = 0
    /// A moment at which the world changes and that no wait may pass over.
    var beforeWaiting: () -> BootInstant? = { nil }
    var afterWaiting: () -> Void = {}
    private var arrived: [UInt8] = []

    init(_ session: any PortSession, clock: VirtualClock, summary: String) {
        self.session = session
        self.clock = clock
        self.summary = summary
    }

    func open() throws(SerialPortError) {
        try checkGone()
        arrived = []
        openings += 1
    }

    func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        try checkGone()
        arrived += session.advance(to: clock.now)
        while arrived.isEmpty, clock.now < deadline {
            step(until: deadline)
            try checkGone()
        }
        defer { arrived = [] }
        return arrived
    }

    func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        try checkGone()
        session.receive(bytes, at: clock.now)
    }

    /// Lets the field live on while the driver has nothing to do.
    func wait(until deadline: BootInstant) {
        while clock.now < deadline { step(until: deadline) }
    }

    private func step(until deadline: BootInstant) {
        clock.advance(to: [deadline, session.nextDeadline, beforeWaiting()].compactMap { $0 }.min() ?? deadline)
        afterWaiting()
        arrived += session.advance(to: clock.now)
    }

    private func checkGone() throws(SerialPortError) {
        if isGone { throw SerialPortError(code: .gone, path: summary, description: "\(summary) is gone") }
    }
}
