import DriverProtocol
import FoundationEssentials
import Telemetry
import Testing

@testable import Supervision

@Suite struct PartsTests {
    private let start = BootInstant(nanoseconds: 100_000_000_000)

    @Test func `a burst is no flood, a lasting flow is`() {
        var limits = SupervisionLimits()
        limits.messagesPerSecond = 100
        var burst = FloodMeter(limits: limits)
        for _ in 0..<500 { #expect(burst.count(bytes: 10, at: start) == nil) }
        #expect(burst.count(bytes: 10, at: start) == .messageFlood(perSecond: 100, limit: 100))
        var calm = FloodMeter(limits: limits)
        for step in 0..<3_000 {
            #expect(calm.count(bytes: 10, at: start.advanced(by: .milliseconds(10 * step))) == nil)
        }
    }

    @Test func `many bytes are a flood too`() {
        var limits = SupervisionLimits()
        limits.bytesPerSecond = 1_000
        var meter = FloodMeter(limits: limits)
        #expect(meter.count(bytes: 5_000, at: start) == nil)
        #expect(meter.count(bytes: 1, at: start) == .byteFlood(perSecond: 1_000, limit: 1_000))
    }

    @Test func `log lines are cut, cleaned and rationed`() {
        var limits = SupervisionLimits()
        limits.logLineBytes = 8
        limits.logLinesPerSecond = 1
        var lines = LogLines(limits: limits)
        let text = "good\r\n\nr\u{1B}[31m\nfar too long a line\nhalf"
        #expect(lines.append(Array(text.utf8)[...], at: start) == ["good", "r [31m", "far too  ... (cut)"])
        #expect(lines.end(at: start) == ["half"])
        var rationed = LogLines(limits: limits)
        let passed = rationed.append(Array(repeating: Array("x\n".utf8), count: 25).flatMap { $0 }[...], at: start)
        #expect(passed.count == 10)
        let later = rationed.append(Array("y\n".utf8)[...], at: start.advanced(by: .seconds(1)))
        #expect(later == ["15 lines of the driver were left out: it logs more than 1 a second", "y"])
    }

    @Test func `a driver learns nothing of the gateway's environment`() {
        let gateway = ["HOME": "/root", "AWS_SECRET": "x", "TZ": "Europe/Berlin", "LD_PRELOAD": "/x.so"]
        #expect(DriverLaunch.environment { gateway[$0] } == ["PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=Europe/Berlin"])
    }

    @Test func `an inbox is full at its limit and says when there is room`() async {
        var limits = SupervisionLimits()
        limits.inboxMessages = 4
        let inbox = DriverInbox(limits: limits)
        await confirmation { room in
            for _ in 0..<4 {
                #expect(!inbox.isFull {})
                inbox.post(message: DriverFromDriver(), bytes: 10, process: 1)
            }
            #expect(inbox.isFull { room() })
            inbox.post(.tick)
            for _ in 0..<5 { _ = await inbox.next() }
        }
        #expect(!inbox.isFull {})
    }

    @Test func `samples handed over together count as the messages they were`() async {
        var limits = SupervisionLimits()
        limits.inboxMessages = 4
        let inbox = DriverInbox(limits: limits)
        let block = SampleBlock(device: 0, samples: [], highestPoint: -1)
        inbox.post(samples: [block, block, block], bytes: 30, process: 1)
        #expect(!inbox.isFull {})
        inbox.post(samples: [block], bytes: 10, process: 1)
        await confirmation { room in
            #expect(inbox.isFull { room() })
            guard case .samples(let blocks, process: 1)? = await inbox.next() else {
                Issue.record("the samples come first")
                return
            }
            #expect(blocks.count == 3)
        }
        #expect(!inbox.isFull {})
    }

    @Test func `what is remembered replaces, is forgotten when empty, and is bounded`() {
        var configure = DriverConfigure()
        var memory = DriverMemory()
        memory.key = "refused"
        memory.value = .init([1])
        #expect(DriverMemories.merge(memory, into: &configure))
        memory.value = .init([2])
        #expect(DriverMemories.merge(memory, into: &configure))
        #expect(configure.memories.map { Array($0.value) } == [[2]])
        memory.value = .init(repeating: 0, count: DriverMemories.byteLimit + 1)
        #expect(!DriverMemories.merge(memory, into: &configure))
        memory.value = .init()
        #expect(DriverMemories.merge(memory, into: &configure))
        #expect(configure.memories.isEmpty)
    }

    @Test(arguments: [
        ("other request", "answers request"), ("unknown device", "was not asked"), ("twice", "twice"),
        ("empty point", "empty name"), ("same point", "two points named"),
    ])
    func `an answer that refers to what is not there is refused`(fault: String, message: String) {
        var configure = DriverConfigure()
        configure.request = 1
        configure.devices = [DriverDevice()]
        var answer = DriverConfigured()
        answer.request = fault == "other request" ? 2 : 1
        var device = DriverDeviceDescription()
        var point = DriverPointDescription()
        point.name = fault == "empty point" ? "" : "voltage"
        device.points = fault == "same point" ? [point, point] : [point]
        device.index = fault == "unknown device" ? 5 : 0
        answer.devices = fault == "twice" ? [device, device] : [device]
        #expect(ConfiguredCheck.fault(in: answer, to: configure)?.contains(message) == true)
    }
}
