import DriverProtocol
import Glibc
import SwiftProtobuf
import Synchronization
import Telemetry
import Testing

@testable import DriverKit

/// A driver that does nothing but say so.
private actor EchoDriver: BusDriver {
    static let identity = DriverIdentity(name: "echo", version: "1")
    nonisolated let thread: BusThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let outlet: any DriverOutlet

    init(thread: BusThread, outlet: any DriverOutlet) {
        self.thread = thread
        self.outlet = outlet
    }

    private var watched: Int32?
    private var poller: EventPoller?

    /// A port that is a number is a descriptor to be watched.
    func configure(_ configuration: DriverConfigure) -> DriverConfigured {
        watched = Int32(configuration.port)
        return DriverConfigured()
    }
    func start() throws(DriverStartFailure) -> String {
        if let watched, let poller = EventPoller() {
            poller.add(watched, token: 1, write: false)
            self.poller = poller
            thread.attach(poller)
        }
        return "echo port"
    }
    /// Tells each of its turns by one sample; its value: whether there was something to read.
    func turn() -> BootInstant {
        guard let poller, let watched else { return BootInstant(nanoseconds: .max) }
        let hasEvents = !poller.takeEvents().isEmpty
        var byte: UInt8 = 0
        if hasEvents { _ = read(watched, &byte, 1) }
        outlet.samples(
            device: 0, [Sample(point: 0, value: .flag(hasEvents), quality: .good, acquired: BootClock.now())])
        return BootInstant(nanoseconds: .max)
    }
    func query(_ query: DriverQuery) async -> DriverQueryDone {
        outlet.samples(
            device: query.device, [Sample(point: 0, value: .flag(true), quality: .good, acquired: BootClock.now())])
        return DriverQueryDone()
    }
    func command(_ command: DriverCommand) async -> DriverCommandDone {
        var done = DriverCommandDone()
        done.outcome = thread.isOnThread ? .applied : .failed
        return done
    }
    func portState() -> DriverPortState { DriverPortState(isOpen: true, detail: "", utilisationPermille: 0) }
    func statistics() -> DriverStatistics { DriverStatistics() }
    func trace(_ on: Bool) {}
    func stop() { thread.attach(nil) }
}

/// The runtime's end of two pipes.
private final class Peer: Sendable {
    private let toDriver: (read: Int32, write: Int32)
    private let fromDriver: (read: Int32, write: Int32)
    let ended = Latch()
    let status = Mutex<Int32?>(nil)
    private let decoder = Mutex(LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver))

    init() {
        func makePipe() -> (Int32, Int32) {
            var ends: [Int32] = [0, 0]
            precondition(pipe(&ends) == 0)
            return (ends[0], ends[1])
        }
        toDriver = makePipe()
        fromDriver = makePipe()
        let session = DriverSession(input: toDriver.read, output: fromDriver.write, name: "bus-test")
        let output = fromDriver.write
        NamedThread("session") { [self] in
            let result = session.run(EchoDriver.self, cutOff: { _ in })
            status.withLock { $0 = result }
            close(output)
            ended.open()
        }.detach()
    }

    func send(raw bytes: [UInt8]) { _ = write(toDriver.write, bytes, bytes.count) }

    func send(_ change: (inout DriverToDriver) -> Void, version: UInt32 = 1) throws {
        var message = DriverToDriver()
        message.version = version
        change(&message)
        send(raw: LengthDelimited.frame(try message.serializedBytes()))
    }

    func endInput() { close(toDriver.write) }

    /// The next message that is no heartbeat; nil at the end.
    func next() throws -> DriverFromDriver? {
        try decoder.withLock { decoder in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                while let bytes = try decoder.next() {
                    let message = try DriverFromDriver(serializedBytes: bytes)
                    if case .heartbeat? = message.message { continue }
                    return message
                }
                let count = read(fromDriver.read, &buffer, buffer.count)
                guard count > 0 else { return nil }
                decoder.append(buffer[..<count])
            }
        }
    }

    /// Waits for the end of the session.
    func finish() throws -> (status: Int32?, rest: [DriverFromDriver]) {
        var rest: [DriverFromDriver] = []
        while let message = try next() { rest.append(message) }
        _ = ended.wait(until: nil)
        close(fromDriver.read)
        close(toDriver.read)
        return (status.withLock { $0 }, rest)
    }
}

// One at a time: each blocks a thread of the pool on its pipe, and the pool must keep one for the driver to start on.
@Suite(.serialized) struct `Driver session` {
    @Test func `hello, configure, start, command and query are answered, on the bus thread`() throws {
        let peer = Peer()
        try peer.send { $0.hello = DriverRuntimeHello() }
        #expect(try peer.next()?.hello.name == "echo")
        try peer.send { $0.configure.request = 5 }
        #expect(try peer.next()?.configured.request == 5)
        try peer.send { $0.start = DriverStart() }
        #expect(try peer.next()?.started.port == "echo port")
        try peer.send { $0.command.request = 7 }
        let command = try peer.next()?.commandDone
        #expect(command?.request == 7)
        #expect(command?.outcome == .applied)
        try peer.send { $0.query.request = 6 }
        #expect(try peer.next()?.samples.flag == [true])
        #expect(try peer.next()?.queryDone.request == 6)
        try peer.send { $0.shutdown = DriverShutdown() }
        #expect(try peer.finish().status == 0)
        peer.endInput()
    }

    @Test(.timeLimit(.minutes(1)))
    func `bytes on a descriptor give the bus a turn at once, although nothing is due`() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let peer = Peer()
        try peer.send { $0.hello = DriverRuntimeHello() }
        #expect(try peer.next()?.hello.name == "echo")
        try peer.send { $0.configure.port = "\(ends[0])" }
        #expect(try peer.next()?.configured != nil)
        try peer.send { $0.start = DriverStart() }
        #expect(try peer.next()?.started.port == "echo port")
        #expect(try peer.next()?.samples.flag == [false])
        for _ in 1...3 {
            #expect(write(ends[1], "x", 1) == 1)
            var told = try peer.next()?.samples.flag
            while told == [false] { told = try peer.next()?.samples.flag }
            #expect(told == [true])
        }
        try peer.send { $0.shutdown = DriverShutdown() }
        #expect(try peer.finish().status == 0)
        peer.endInput()
    }

    @Test func `requests before configure and start are refused, not answered with nonsense`() throws {
        var stage = SessionStage()
        let now = BootClock.now()
        #expect(stage.refusalOfStart()?.message == "Start came before Configure")
        #expect(stage.refusal(of: DriverCommand(), at: now)?.outcome == .rejected)
        #expect(stage.refusal(of: DriverQuery(), at: now)?.failure == "not configured yet")
        stage.accept(DriverConfigure())
        #expect(stage.refusal(of: DriverQuery(), at: now)?.failure == "the port is not open yet")
        stage.isStarted = true
        #expect(stage.refusal(of: DriverQuery(), at: now) == nil)
        var late = DriverCommand()
        late.deadlineBootNs = 1
        #expect(stage.refusal(of: late, at: now)?.outcome == .expired)
        var readOnly = DriverConfigure()
        readOnly.readOnly = true
        stage.accept(readOnly)
        #expect(stage.refusal(of: DriverCommand(), at: now)?.reason == "the gateway is read-only")
    }

    @Test func `another protocol version ends the driver with status 2`() throws {
        let peer = Peer()
        try peer.send({ $0.hello = DriverRuntimeHello() }, version: 2)
        #expect(try peer.finish().status == 2)
        peer.endInput()
    }

    @Test func `a broken stream ends the driver with status 2`() throws {
        let peer = Peer()
        peer.send(raw: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
        #expect(try peer.finish().status == 2)
        peer.endInput()
    }

    @Test func `the end of input ends the driver in order`() throws {
        let peer = Peer()
        peer.endInput()
        #expect(try peer.finish().status == 0)
    }
}
