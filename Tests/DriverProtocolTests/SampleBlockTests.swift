import DriverProtocol
import SwiftProtobuf
import Telemetry
import Testing

struct SampleBlockTests {
    /// The same numbers each time.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    private func samples(_ dice: inout Dice, onlyNumbers: Bool) -> [Sample] {
        (0..<Int.random(in: 1...60, using: &dice)).map { _ in
            let value: Value? =
                switch Int.random(in: 0...(onlyNumbers ? 3 : 5), using: &dice) {
                case 0: nil
                case 4: .flag(.random(using: &dice))
                case 5: .text("x")
                default:
                    .number(
                        ExactDecimal(
                            mantissa: .random(in: .min ... .max, using: &dice),
                            exponent: .random(in: -400...400, using: &dice)))
                }
            return Sample(
                point: .random(in: 0...300, using: &dice), value: value,
                quality: Bool.random(using: &dice) ? .good : .bad(.communication),
                acquired: BootInstant(nanoseconds: .random(in: 0...(1 << 60), using: &dice)))
        }
    }

    private func message(_ samples: [Sample]) throws -> [UInt8] {
        var message = DriverFromDriver()
        message.version = 1
        message.samples = DriverSamples(device: 77, samples: samples)
        return try message.serializedBytes()
    }

    private func plain(_ bytes: [UInt8], version: UInt32 = 1) -> SampleBlock? {
        bytes.withUnsafeBytes { SampleBlock(plain: $0, version: version) }
    }

    @Test func `samples read straight from the wire are those that the general decoder finds`() throws {
        var dice = Dice(state: 21)
        for _ in 0..<300 {
            let rows = samples(&dice, onlyNumbers: true)
            let block = try #require(plain(try message(rows)))
            #expect(block.device == 77)
            #expect(block.samples == rows)
            #expect(block.highestPoint == rows.map(\.point).max())
            #expect(try SampleBlock(DriverSamples(device: 77, samples: rows)) == block)
        }
    }

    @Test func `a frame of samples is the general encoder's, and what it cannot say it leaves alone`() throws {
        var dice = Dice(state: 8)
        for _ in 0..<200 {
            let rows = samples(&dice, onlyNumbers: true).filter { $0.value != nil }
            guard !rows.isEmpty else { continue }
            let frame = try #require(SampleFrame.bytes(device: 77, samples: rows[...], version: 1))
            #expect(frame == LengthDelimited.frame(try message(rows)))
        }
        let at = BootInstant(nanoseconds: 5)
        for sample in [
            Sample(point: 0, value: nil, quality: .bad(.communication), acquired: at),
            Sample(point: 0, value: .flag(true), quality: .good, acquired: at),
            Sample(point: 0, value: .number(.zero), quality: .good, acquired: at, raw: [1]),
        ] {
            #expect(SampleFrame.bytes(device: 0, samples: [sample], version: 1) == nil)
        }
    }

    @Test func `flags, texts, registers and other messages are left to the general decoder`() throws {
        let at = BootInstant(nanoseconds: 5)
        for value in [Value.flag(true), .text("A1")] {
            #expect(plain(try message([Sample(point: 0, value: value, quality: .good, acquired: at)])) == nil)
        }
        #expect(
            plain(
                try message([Sample(point: 0, value: .number(.zero), quality: .good, acquired: at, raw: [1, 2])]))
                == nil)
        var heartbeat = DriverFromDriver()
        heartbeat.version = 1
        heartbeat.heartbeat = DriverHeartbeat()
        #expect(plain(try heartbeat.serializedBytes()) == nil)
        let number = try message([Sample(point: 0, value: .number(.zero), quality: .good, acquired: at)])
        #expect(plain(number) != nil)
        #expect(plain(number, version: 2) == nil)
    }

    @Test func `a message cut short or damaged is never taken for samples that it does not hold`() throws {
        var dice = Dice(state: 4)
        for _ in 0..<40 {
            let bytes = try message(samples(&dice, onlyNumbers: true))
            for length in 0..<bytes.count { #expect(plain(Array(bytes.prefix(length))) == nil) }
            for _ in 0..<100 {
                var broken = bytes
                broken[.random(in: 0..<broken.count, using: &dice)] = .random(in: 0...255, using: &dice)
                guard let block = plain(broken) else { continue }
                // What it accepts, the general decoder reads the same way.
                let general = try DriverFromDriver(serializedBytes: broken)
                #expect(try SampleBlock(general.samples) == block)
            }
        }
    }

    @Test func `columns of different length are refused by both readers`() throws {
        var message = DriverFromDriver()
        message.version = 1
        message.samples.point = [0, 1]
        message.samples.mantissa = [1, 2]
        message.samples.exponent = [0]
        #expect(plain(try message.serializedBytes()) == nil)
        #expect(throws: SampleColumnsError.self) { try SampleBlock(message.samples) }
        message.samples.exponent = [0, 0, 0]
        #expect(plain(try message.serializedBytes()) == nil)
        #expect(throws: SampleColumnsError.self) { try SampleBlock(message.samples) }
    }
}

struct SharedPointsTests {
    private func description(_ index: UInt32, _ names: [String]) -> DriverDeviceDescription {
        var device = DriverDeviceDescription()
        device.index = index
        device.usable = true
        device.points = names.map { name in
            var point = DriverPointDescription()
            point.name = name
            return point
        }
        return device
    }

    @Test func `a thousand devices of one profile fit a message and have their points again`() throws {
        var configured = DriverConfigured()
        let names = (0..<40).map { "voltage.ch\($0).L1" }
        configured.devices = (0..<1_000).map { description($0, $0 == 500 ? ["level"] : names) }
        let whole = configured
        configured.sharePoints()
        let bytes: [UInt8] = try configured.serializedBytes()
        #expect(bytes.count < DriverProtocolLimits.fromDriver / 4)
        var received = try DriverConfigured(serializedBytes: bytes)
        #expect(received.resolveSharedPoints() == nil)
        #expect(received == whole)
    }

    @Test func `a reference to a device that does not stand before is a fault`() {
        var configured = DriverConfigured()
        var second = description(1, [])
        second.pointsOf = 0
        configured.devices = [second, description(0, ["level"])]
        #expect(configured.resolveSharedPoints()?.contains("device 1") == true)
    }

    @Test func `points and a reference together are a fault`() {
        var configured = DriverConfigured()
        var second = description(1, ["level"])
        second.pointsOf = 0
        configured.devices = [description(0, ["level"]), second]
        #expect(configured.resolveSharedPoints() != nil)
    }
}
