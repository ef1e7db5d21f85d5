import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

private let request = RTUFrame.checked([3, 4, 0, 0, 0, 2])
private let answer = RTUFrame.checked([3, 4, 4, 0x43, 0x66, 0, 0])
private let start = BootInstant(nanoseconds: 7_000_000_000)

@Suite struct `Frames that are overheard` {
    private func find(_ pieces: [[UInt8]], every gap: Duration = .milliseconds(5)) -> (FrameFinder, [HeardFrame]) {
        var finder = FrameFinder()
        var frames: [HeardFrame] = []
        var now = start
        for piece in pieces {
            now = now.advanced(by: gap)
            frames += finder.take(HeardBytes(at: now, bytes: piece))
        }
        frames += finder.settle(at: now.advanced(by: .seconds(1)))
        return (finder, frames)
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func `requests and answers are found however the bytes are cut`(_ size: Int) {
        let all = request + answer + request + answer
        let pieces = stride(from: 0, to: all.count, by: size).map { Array(all[$0..<min($0 + size, all.count)]) }
        let (finder, frames) = find(pieces)
        #expect(frames.map(\.bytes) == [request, answer, request, answer])
        #expect(frames.map(\.role) == [.request, .answer, .request, .answer])
        #expect(finder.garbage == 0)
    }

    @Test func `frames are found between noise, and a write is told from its answer by its place`() {
        let write = RTUFrame.checked([3, 6, 0, 1, 0, 2])
        let (finder, frames) = find([[0xFF, 0x00] + request + answer, [0x12] + write, write])
        #expect(frames.map(\.role) == [.request, .answer, .request, .answer])
        #expect(finder.garbage == 3)
    }

    @Test func `an exception, a broadcast and a function of a maker are frames`() {
        let broadcast = RTUFrame.checked([0, 6, 0, 1, 0, 2])
        let own = RTUFrame.checked([3, 0x42])
        let (_, frames) = find([request, RTUFrame.checked([3, 0x84, 2]), broadcast, own, own])
        #expect(frames.map(\.role) == [.request, .answer, .request, .request, .answer])
        #expect(frames.map(\.isByRule) == [true, true, true, false, false])
    }

    @Test func `half a frame is given up when the line is quiet`() {
        let (finder, frames) = find([Array(request.prefix(5)), request], every: .milliseconds(100))
        #expect(frames.map(\.bytes) == [request])
        #expect(finder.garbage == 5)
    }

    @Test func `random bytes are no frames by rule but for the chance of the check`() {
        var random = SplitMix(state: 11)
        let (finder, frames) = find(
            (0..<200).map { _ in (0..<50).map { _ in UInt8(truncatingIfNeeded: random.next()) } })
        #expect(frames.filter(\.isByRule).count <= 3)
        // Functions without a rule of length take the first right check for their end, by chance now and then.
        #expect(finder.garbage > 5_000)
    }

    @Test func `a bus is summed up by unit`() {
        var bus = OverheardBus()
        let (_, frames) = find(
            [request, answer, request, RTUFrame.checked([3, 0x84, 2]), request], every: .milliseconds(50))
        let lines = frames.map { bus.take($0, character: .milliseconds(1)) }
        #expect(lines[0] == "unit 3: read 2 input registers at 0x0000  [\(hex(request))]")
        #expect(lines[1] == "unit 3: 2 registers: 0x4366 0x0000 after 41 ms  [\(hex(answer))]")
        #expect(lines[3].hasPrefix("unit 3: exception 2 (illegal data address) after 45 ms"))
        let unit = bus.units[3]
        #expect(unit?.requests == 3)
        #expect(unit?.answers == 1)
        #expect(unit?.exceptions == 1)
        #expect(unit?.unanswered == 1)
        #expect(unit?.seen == [4: [0...1]])
    }
}

@Suite struct `The task sniff` {
    private func run(_ task: SniffTask, _ bench: FakeBench) -> TaskProgress {
        for _ in 0..<10_000 {
            let progress = task.step(bench)
            if case .again = progress { continue }
            return progress
        }
        return .failed("it never came to an end")
    }

    @Test func `the settings are those under which the bytes make sense, and nothing is sent`() throws {
        let bench = try FakeBench()
        let right = SerialSettings(baud: 19_200, parity: .even)
        bench.line = { settings, time in
            let tick = time.wholeMilliseconds
            guard tick % 100 == 0 || tick % 100 == 50 else { return [] }
            let frame = tick % 100 == 0 ? request : answer
            return settings == right ? frame : frame.map { $0 &* 3 ^ 0x55 }
        }
        let task = SniffTask(DriverNode(json: ["seconds": 60]))
        guard case .done(let node) = run(task, bench) else {
            Issue.record("it failed")
            return
        }
        #expect(node.json["settings"] == "19200 8E1")
        #expect(bench.asked.isEmpty)
        #expect(bench.tunings.last == .some(nil))
        #expect(bench.lines.contains { $0.contains("unit 3: 2 registers: 0x4366 0x0000") })
        guard case .array(let units)? = node.json["units"] else {
            Issue.record("no units")
            return
        }
        #expect(units.count == 1)
        #expect(units.first?["unit"] == 3)
    }

    @Test func `a silent line ends without a claim`() throws {
        let bench = try FakeBench()
        guard case .done(let node) = run(SniffTask(DriverNode(json: ["seconds": 10])), bench) else {
            Issue.record("it failed")
            return
        }
        #expect(node.json["settings"] == .null)
        #expect(node.json["frames"] == 0)
    }

    @Test func `a baud that is said is not doubted, and cancelling puts the line back`() throws {
        let bench = try FakeBench()
        let task = SniffTask(DriverNode(json: ["baud": 2400, "parity": "even"]))
        _ = task.step(bench)
        #expect(bench.tunings == [SerialSettings(baud: 2_400, parity: .even)])
        task.cancel(bench)
        #expect(bench.tunings.last == .some(nil))
    }

    @Test func `a baud that there is not is refused in words`() throws {
        guard case .failed(let why) = SniffTask(DriverNode(json: ["baud": 9601])).step(try FakeBench()) else {
            Issue.record("it was taken")
            return
        }
        #expect(why.hasPrefix("baud: "))
    }
}

@Suite struct `The task raw` {
    private func run(_ arguments: JSONValue, _ bench: FakeBench) -> TaskProgress {
        RawTask(DriverNode(json: arguments)).step(bench)
    }

    @Test func `a read shows registers, pairs and text`() throws {
        let bench = try FakeBench()
        bench.slave = { _, _ in .answer(.words([0x4366, 0x8000])) }
        guard case .done(let node) = run(["unit": 1, "function": 4, "at": 12, "count": 2], bench) else {
            Issue.record("it failed")
            return
        }
        #expect(bench.asked.first?.request == .read(table: .input, at: 12, count: 2))
        #expect(node.json["outcome"] == "answer")
        #expect(node.json["sent"] == .string(hex(RTUFrame.checked([1, 4, 0, 12, 0, 2]))))
        guard case .array(let pairs)? = node.json["pairs"] else { return }
        #expect(pairs.first?["float"] == "230.5")
    }

    @Test(
        arguments: [
            (["unit": 1, "function": 6, "at": 1, "values": [5]], "say write: true"),
            (["unit": 1, "function": 3], "the key at is missing"),
            (["unit": 300, "function": 3, "at": 0], "unit: "),
            (["unit": 1, "function": 3, "at": 0, "count": 126], "count: "),
            (["unit": 1, "function": 16, "at": 0, "values": ["x"], "write": true], "0: "),
            (["unit": 1, "function": 66], "say write: true"),
            (["unit": 1, "function": 3, "att": 0], "the key at is missing"),
            (["unit": 0, "function": 3, "at": 0], "unit 0 is all of them"),
            (["unit": 1, "function": 3, "bytes": "0G"], "bytes: "),
        ] as [(JSONValue, String)])
    func `what cannot or must not be sent is refused in words`(_ arguments: JSONValue, _ words: String) throws {
        let bench = try FakeBench()
        guard case .failed(let why) = run(arguments, bench) else {
            Issue.record("it was sent")
            return
        }
        #expect(why.contains(words))
        #expect(bench.asked.isEmpty)
    }

    @Test func `nothing is written on a read-only gateway, whatever was said`() throws {
        let bench = try FakeBench()
        bench.isReadOnly = true
        guard case .failed(let why) = run(["unit": 1, "function": 5, "at": 1, "values": [1], "write": true], bench)
        else {
            Issue.record("it was sent")
            return
        }
        #expect(why.contains("read-only"))
        #expect(bench.asked.isEmpty)
    }

    @Test(
        arguments: [
            (["function": 5, "at": 1, "values": [true]], .writeCoil(at: 1, on: true)),
            (["function": 6, "at": 1, "values": -2], .writeRegister(at: 1, value: 0xFFFE)),
            (["function": 15, "at": 1, "values": [1, 0, 1]], .writeCoils(at: 1, values: [true, false, true])),
            (["function": 16, "at": "0x0010", "values": [1, 2]], .writeRegisters(at: 16, values: [1, 2])),
            (["function": 17], .reportServerIdentifier),
            (["function": 22, "at": 4, "values": [1, 2]], .maskWrite(at: 4, and: 1, or: 2)),
            (
                ["function": 23, "at": 1, "count": 2, "write_at": 3, "values": [4]],
                .readWrite(at: 1, count: 2, writeAt: 3, values: [4])
            ),
            (["function": 43, "code": 2], .deviceIdentification(code: 2, object: 0)),
            (["function": 66], .custom(function: 66, data: [])),
            (["function": 3, "bytes": "00 0A 00 02"], .read(table: .holding, at: 10, count: 2)),
            (["function": 3, "bytes": "00 0A"], .custom(function: 3, data: [0, 10])),
        ] as [(JSONValue, ModbusRequest)])
    func `each function is made of its arguments`(_ arguments: JSONValue, _ request: ModbusRequest) throws {
        let bench = try FakeBench()
        guard case .object(let members) = arguments else { return }
        _ = run(.object(members + [.init("unit", 1), .init("write", true)]), bench)
        #expect(bench.asked.first?.request == request)
    }
}

/// Numbers that look random and are the same each time.
struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
