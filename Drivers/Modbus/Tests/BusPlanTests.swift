import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Bus plan` {
    static func plan(
        baud: Int = 9_600, devices: Int = 1, registers: Int = 60, every interval: Duration = .seconds(1)
    ) -> BusPlan {
        var serial = SerialSettings()
        serial.baud = baud
        return BusPlan(
            serial: serial, turnaround: .zero, sickShare: 0.05,
            devices: (1...devices).map { number in
                BusPlan.Device(
                    name: "meter-\(number)", address: "address \(number)", latency: .milliseconds(30),
                    isLatencyAssumed: false, pause: .zero, timeout: .milliseconds(500),
                    requests: [
                        BusPlan.Request(
                            words: "\(registers) input registers", sent: 8, answered: 5 + 2 * registers,
                            interval: interval)
                    ])
            })
    }

    @Test func `a request costs its characters, the answer's latency and 3.5 characters of silence`() {
        let plan = Self.plan()
        // 133 characters of 10 bits at 9600 baud, 30 ms, 3.5 characters.
        let expected = 133.0 * 10 / 9_600 + 0.030 + 3.5 * 10 / 9_600
        #expect(abs(plan.load.total - expected) < 0.000_01)
        #expect(abs(plan.load.data - 133.0 * 10 / 9_600) < 0.000_01)
    }

    @Test func `intervals that fit are not late, and those that do not are named with what they get`() throws {
        #expect(PlanSimulation(plan: Self.plan(devices: 5)).late().isEmpty)
        // Ten times 172 ms each second is 1.7 times what the bus has.
        let late = PlanSimulation(plan: Self.plan(devices: 10)).late()
        // Whose deadline happens to be the nearest may be served in time; nobody else can be.
        #expect((9...10).contains(late.count))
        let worst = try #require(late.first)
        #expect((1.5...2.6).contains(worst.achieved.inSeconds))
    }

    @Test func `a higher baud rate carries what a low one cannot`() {
        let plan = Self.plan(devices: 10)
        #expect(plan.load.total > 1)
        #expect(plan.recommendedBaud == 38_400)
        #expect(PlanSimulation(plan: Self.plan(baud: 38_400, devices: 10)).late().isEmpty)
        #expect(Self.plan(devices: 40).recommendedBaud == nil, "the latency alone takes the whole time")
    }

    @Test func `the return of a device is bounded by the probes of all that are dead`() {
        let plan = Self.plan(devices: 32)
        #expect(plan.returnTime(dead: [plan.devices[0]]) == .seconds(10))
        // 31 time-outs of 500 ms in 5 % of the time.
        #expect(abs(plan.returnTime(dead: Array(plan.devices.dropLast())).inSeconds - 310) < 0.1)
    }

    @Test func `readings of a quarter hour are taken one after the other`() {
        var plan = Self.plan(devices: 3)
        #expect(plan.boundarySpread == .zero)
        let one = plan.duration(plan.devices[0].requests[0], of: plan.devices[0])
        plan = BusPlan(
            serial: plan.serial, turnaround: .zero, sickShare: 0.05,
            devices: plan.devices.map { device in
                BusPlan.Device(
                    name: device.name, address: device.address, latency: device.latency, isLatencyAssumed: false,
                    pause: .zero, timeout: device.timeout,
                    requests: device.requests.map {
                        BusPlan.Request(
                            words: $0.words, sent: $0.sent, answered: $0.answered, interval: .seconds(900),
                            isBoundary: true)
                    })
            })
        #expect(plan.boundarySpread == one * 3)
    }
}
