import DriverKit
import Glibc
import Synchronization
import Telemetry
import Testing

private actor Resident {
    nonisolated let thread: BusThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private var order: [Int] = []

    init(_ thread: BusThread) { self.thread = thread }

    func isAtHome() -> Bool { thread.isOnThread }

    func note(_ number: Int) { order.append(number) }

    func pause(until instant: BootInstant) async -> Bool {
        await thread.wait(until: instant)
        return thread.isOnThread
    }

    func rest(until instant: BootInstant) async { await thread.sleep(until: instant) }
    func noted() -> [Int] { order }
}

@Suite struct `Bus thread` {
    @Test func `an actor lives on its thread and comes back to it after a wait`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        #expect(await resident.isAtHome())
        #expect(await resident.pause(until: BootClock.now().advanced(by: .milliseconds(2))))
        #expect(!thread.isOnThread)
        thread.shutDown()
    }

    @Test func `a wait is not shorter than asked for`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        let until = BootClock.now().advanced(by: .milliseconds(20))
        _ = await resident.pause(until: until)
        #expect(BootClock.now() >= until)
        thread.shutDown()
    }

    @Test func `a wake ends a wait of an hour, also when it comes before the wait`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        thread.wake()
        #expect(await resident.pause(until: BootClock.now().advanced(by: .seconds(3_600))))
        thread.shutDown()
    }

    @Test func `a wake does not end a sleep`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        let until = BootClock.now().advanced(by: .milliseconds(20))
        thread.wake()
        async let slept: Void = resident.rest(until: until)
        thread.wake()
        await slept
        #expect(BootClock.now() >= until)
        thread.shutDown()
    }

    @Test func `other jobs of the actor run while one waits`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        async let waiting = resident.pause(until: BootClock.now().advanced(by: .seconds(3_600)))
        await resident.note(1)
        await resident.note(2)
        thread.wake()
        #expect(await waiting)
        #expect(await resident.noted() == [1, 2])
        thread.shutDown()
    }

    @Test func `shutting down ends waits and can be done twice`() async {
        let thread = BusThread(name: "test-bus")
        let resident = Resident(thread)
        async let waiting = resident.pause(until: BootClock.now().advanced(by: .seconds(3_600)))
        await resident.note(1)
        thread.wake()
        _ = await waiting
        thread.shutDown()
        thread.shutDown()
        #expect(!thread.isOnThread)
    }
}
