import Glibc
import Telemetry
import Testing

@testable import ModbusDriver

/// Bytes at random, and right frames with something wrong in them, into everything that reads frames. `CANDELA_FUZZ_SECONDS` sets how long;
/// `CANDELA_FUZZ_SEED` where the numbers begin.
@Suite struct `Frames at random` {
    static let seconds = getenv("CANDELA_FUZZ_SECONDS").flatMap { Int(String(cString: $0)) } ?? 2
    static let seed = getenv("CANDELA_FUZZ_SEED").flatMap { UInt64(String(cString: $0)) } ?? 1

    @Test func `no bytes crash or hang a receiver, and none but a right answer is taken for one`() {
        var random = SplitMix(state: Self.seed)
        let end = time(nil) + Self.seconds
        var rounds = 0
        repeat {
            for _ in 0..<100 { round(&random) }
            rounds += 100
        } while time(nil) < end
        print("frames at random: \(rounds) rounds from seed \(Self.seed)")
    }

    private func round(_ random: inout SplitMix) {
        let request = request(&random)
        let unit = UInt8(1 + random.next() % 247)
        let sent = RTUFrame.checked([unit] + request.bytes)
        let bytes = heard(&random, unit, request, sent)
        _ = ModbusRequest(bytes: bytes)
        _ = try? ModbusAnswer(bytes, to: request)
        _ = RTUReceiver.strays(bytes, lastUnit: unit)
        let start = BootInstant(nanoseconds: 1_000_000_000)
        let echoes: [RTUReceiver.Echo] = [.possible, .expected, .absent]
        var receiver = RTUReceiver(
            unit: unit, request: request, sent: sent, deadline: start.advanced(by: .milliseconds(200)),
            byteTimeout: .milliseconds(60), quiet: .milliseconds(20), echo: echoes[Int(random.next() % 3)])
        var finder = FrameFinder()
        var now = start
        var rest = bytes[...]
        var steps = 0
        while true {
            steps += 1
            guard steps < 5_000 else {
                Issue.record("a receiver does not come to an end with \(hex(bytes))")
                return
            }
            switch receiver.step(at: now) {
            case .done(let result):
                if case .frame(let frame) = result {
                    #expect(frame.first == unit && RTUFrame.isRight(frame) && frame[1] & 0x7F == request.function)
                }
                return
            case .wait(let until, let missing):
                #expect(missing >= 1 && until > now)
                now = now.advanced(by: .milliseconds(Int64(random.next() % 30)))
                if rest.isEmpty {
                    now = max(now, until)
                } else {
                    let count = Int(1 + random.next() % 40)
                    let piece = Array(rest.prefix(count))
                    rest = rest.dropFirst(count)
                    receiver.take(piece, at: now)
                    for frame in finder.take(HeardBytes(at: now, bytes: piece)) {
                        #expect(RTUFrame.isRight(frame.bytes))
                    }
                }
            }
        }
    }

    private func request(_ random: inout SplitMix) -> ModbusRequest {
        let at = UInt16(truncatingIfNeeded: random.next())
        let count = Int(1 + random.next() % 120)
        switch random.next() % 9 {
        case 0: return .read(table: .holding, at: at, count: count)
        case 1: return .read(table: .coil, at: at, count: count)
        case 2: return .writeRegister(at: at, value: at)
        case 3: return .writeRegisters(at: at, values: [at, at])
        case 4: return .reportServerIdentifier
        case 5: return .deviceIdentification(code: 1, object: 0)
        case 6: return .maskWrite(at: at, and: 1, or: 2)
        case 7: return .custom(function: 0x42, data: [])
        default: return .read(table: .input, at: at, count: count)
        }
    }

    private func heard(_ random: inout SplitMix, _ unit: UInt8, _ request: ModbusRequest, _ sent: [UInt8]) -> [UInt8] {
        func noise(_ count: UInt64) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        var bytes: [UInt8]
        switch random.next() % 4 {
        case 0: return noise(random.next() % 600)
        case 1: bytes = sent
        case 2: bytes = RTUFrame.checked([unit, request.function | 0x80, 2])
        default:
            let length = max(0, request.answerLength - 2)
            bytes = RTUFrame.checked(
                [unit, request.function, UInt8(truncatingIfNeeded: length)] + noise(UInt64(length)))
        }
        if random.next() % 2 == 0, !bytes.isEmpty {
            bytes[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8)
        }
        if random.next() % 3 == 0 { bytes = noise(random.next() % 6) + bytes }
        if random.next() % 3 == 0 { bytes += noise(random.next() % 300) }
        if random.next() % 5 == 0 { bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))) }
        return bytes
    }
}
