import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `The RTU line` {
    static let timing = SerialTiming(baud: 9600, parity: .even)

    func line(paced: Bool = true, _ devices: [ModbusDevice]) -> RTULine {
        RTULine(timing: Self.timing, paced: paced, devices: devices)
    }

    func request(_ unit: UInt8) -> [UInt8] { ModbusCRC.appended(to: [unit] + readRequest(3, 23296, 2)) }

    @Test func `the check is the standard's`() {
        // The worked example of many manuals: 01 03 00 00 00 0A has the check C5 CD.
        #expect(ModbusCRC.appended(to: [1, 3, 0, 0, 0, 10]) == hex("01 03 00 00 00 0A C5 CD"))
    }

    @Test func `an answer comes after the wire time of the request, the silence and the latency, byte by byte`() throws
    {
        let line = line([try device("abb-b23")])
        line.receive(request(1), at: second(0))
        let pieces = drain(line, from: second(0))
        let character = 11.0 / 9600
        let start = 8 * character + 3.5 * character + 0.020
        let end = start + 9 * character
        let first = try #require(pieces.first)
        let last = try #require(pieces.last)
        #expect(first.at > start && first.at < start + 2 * character)
        #expect(abs(last.at - end) < 0.0001)
        let answer = pieces.flatMap(\.bytes)
        #expect(answer.count == 9)
        #expect(ModbusCRC.isRight(answer))
    }

    @Test func `a request in two pieces is one request`() throws {
        let line = line([try device("abb-b23")])
        let bytes = request(1)
        line.receive(Array(bytes[..<3]), at: second(0))
        line.receive(Array(bytes[3...]), at: second(0.005))
        #expect(drain(line, from: second(0.005)).flatMap(\.bytes).count == 9)
    }

    @Test func `a pause of more than 3.5 characters breaks a frame and nobody answers`() throws {
        let line = line([try device("abb-b23")])
        let bytes = request(1)
        line.receive(Array(bytes[..<3]), at: second(0))
        line.receive(Array(bytes[3...]), at: second(0.05))
        #expect(drain(line, from: second(0.05)).isEmpty)
        #expect(line.counts.brokenFrames == 2)
    }

    @Test func `a wrong check, an absent unit and a silent device bring no answer and stop nobody else`() throws {
        let silent = try device("abb-b23", unit: 1, name: "one")
        silent.faults.silent = true
        let line = line([silent, try device("abb-b23", unit: 2, name: "two")])
        var broken = request(2)
        broken[7] ^= 1
        for (index, bytes) in [broken, request(9), request(1)].enumerated() {
            let at = second(Double(index))
            line.receive(bytes, at: at)
            #expect(drain(line, from: at, for: 0.9).isEmpty)
        }
        line.receive(request(2), at: second(5))
        #expect(drain(line, from: second(5)).flatMap(\.bytes).count == 9)
    }

    @Test func `a broken check is broken in exactly so many answers`() throws {
        let meter = try device("abb-b23")
        meter.faults.brokenChecks = 2
        let line = line([meter])
        let checks = (0..<3).map { index in
            let at = second(Double(index))
            line.receive(request(1), at: at)
            return ModbusCRC.isRight(drain(line, from: at, for: 0.9).flatMap(\.bytes))
        }
        #expect(checks == [false, false, true])
    }

    @Test func `a late answer arrives after the master has given up, and a request into it spoils both`() throws {
        let meter = try device("abb-b23")
        meter.faults.late = 500_000_000
        let line = line([meter])
        line.receive(request(1), at: second(0))
        let late = drain(line, from: second(0))
        #expect((late.first?.at ?? 0) > 0.5)
        line.receive(request(1), at: second(2))
        _ = drain(line, from: second(2), for: 0.535)
        line.receive(request(1), at: second(2.536))
        let spoiled = drain(line, from: second(2.536), for: 0.4).flatMap(\.bytes)
        #expect(line.counts.collisions == 1)
        #expect(!ModbusCRC.isRight(spoiled))
    }

    @Test func `a request that comes too early after an answer is counted`() throws {
        let line = line([try device("abb-b23")])
        line.receive(request(1), at: second(0))
        let end = try #require(drain(line, from: second(0)).last).at
        line.receive(request(1), at: second(end + 0.001))
        _ = drain(line, from: second(end + 0.001))
        line.receive(request(1), at: second(1))
        #expect(line.counts.earlyRequests == 1)
    }

    @Test func `an adapter with an echo gives every request back before its answer`() throws {
        let line = line([try device("abb-b23")])
        line.echoes = true
        line.receive(request(1), at: second(0))
        let bytes = drain(line, from: second(0)).flatMap(\.bytes)
        #expect(Array(bytes.prefix(8)) == request(1))
        #expect(bytes.count == 8 + 9 && ModbusCRC.isRight(Array(bytes.dropFirst(8))))
        line.receive(request(9), at: second(20))
        #expect(drain(line, from: second(20)).flatMap(\.bytes) == request(9), "nobody answers, and the echo is there")
        #expect(line.counts.collisions == 0)
    }

    @Test func `another unit answers first, with a frame of its own and other values`() throws {
        let meter = try device("abb-b23")
        meter.faults.foreign = 1
        let line = line([meter])
        line.receive(request(1), at: second(0))
        let bytes = drain(line, from: second(0)).flatMap(\.bytes)
        let (stranger, own) = (Array(bytes.prefix(9)), Array(bytes.dropFirst(9)))
        #expect(stranger.first == 2 && ModbusCRC.isRight(stranger))
        #expect(own.first == 1 && ModbusCRC.isRight(own) && own.count == 9)
        #expect(own[3..<7] != stranger[3..<7])
        line.receive(request(1), at: second(20))
        #expect(drain(line, from: second(20)).flatMap(\.bytes).count == 9, "once")
    }

    @Test func `devices of another baud rate hear broken frames and say nothing`() throws {
        let line = line([try device("abb-b23")])
        line.isMismatched = true
        line.receive(request(1), at: second(0))
        #expect(drain(line, from: second(0)).isEmpty)
        #expect(line.counts.brokenFrames == 1)
        line.isMismatched = false
        line.receive(request(1), at: second(20))
        #expect(drain(line, from: second(20)).flatMap(\.bytes).count == 9)
    }

    @Test func `a broadcast is done by all and answered by none`() throws {
        let modules = [try device("cabinet-io", unit: 1, name: "a"), try device("cabinet-io", unit: 2, name: "b")]
        let line = line(modules)
        line.receive(ModbusCRC.appended(to: [0, 6, 0, 1, 0, 42]), at: second(0))
        #expect(drain(line, from: second(0)).isEmpty)
        #expect(modules.map { $0.ask(readRequest(3, 1, 1)) } == [.data([2, 0, 42]), .data([2, 0, 42])])
    }

    @Test func `without wire timing an answer needs only the device's latency`() throws {
        let line = line(paced: false, [try device("abb-b23")])
        line.receive(request(1), at: second(0))
        let pieces = drain(line, from: second(0))
        #expect(pieces.count == 1)
        #expect(abs((pieces.first?.at ?? 0) - 0.020) < 0.0001)
    }

    @Test func `above 19200 baud the silence is 1.75 ms`() {
        #expect(SerialTiming(baud: 115_200).silence == 1_750_000)
        #expect(SerialTiming(baud: 9600, parity: .even).silence == 4_010_415)
    }

    @Test func `random noise never crashes the line and never gets an answer`() throws {
        var random = SeededGenerator(seed: 99)
        let line = line([try device("abb-b23")])
        for round in 0..<500 {
            let noise = (0..<Int(random.next() % 300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let at = second(Double(round) * 2)
            line.receive(noise, at: at)
            #expect(drain(line, from: at, for: 1.9).isEmpty)
        }
    }
}

@Suite struct `Modbus TCP` {
    func message(_ transaction: UInt8, unit: UInt8) -> [UInt8] {
        [0, transaction, 0, 0, 0, 6, unit] + readRequest(3, 23296, 2)
    }

    @Test func `several requests in one piece and one request in many are served alike`() throws {
        let session = ModbusTCPSession(devices: [try device("abb-b23")])
        session.receive(message(1, unit: 1) + message(2, unit: 1), at: second(0))
        for byte in message(3, unit: 1) { session.receive([byte], at: second(0)) }
        let answers = drain(session, from: second(0)).flatMap(\.bytes)
        #expect(answers.count == 3 * 13)
        #expect([answers[1], answers[14], answers[27]] == [1, 2, 3])
    }

    @Test func `a unit that is not there answers exception 11 and a silent one nothing`() throws {
        let meter = try device("abb-b23")
        let session = ModbusTCPSession(devices: [meter])
        session.receive(message(1, unit: 9), at: second(0))
        #expect(drain(session, from: second(0)).flatMap(\.bytes) == [0, 1, 0, 0, 0, 3, 9, 0x83, 11])
        meter.faults.silent = true
        session.receive(message(2, unit: 1), at: second(0))
        #expect(drain(session, from: second(0)).isEmpty)
    }

    @Test func `what is no Modbus breaks the connection`() throws {
        let session = ModbusTCPSession(devices: [try device("abb-b23")])
        session.receive(Array("GET / HTTP/1.1\r\n".utf8), at: second(0))
        #expect(session.isBroken)
    }
}
