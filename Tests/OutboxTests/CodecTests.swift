import Telemetry
import Testing

@testable import Outbox

/// The same numbers each time, so that a failure can be looked at again.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

struct CodecTests {
    private func encode(_ readings: [Reading]) -> (bytes: [UInt8], dictionary: SeriesDictionary) {
        var dictionary = SeriesDictionary()
        let indices = readings.map { dictionary.index(of: $0) }
        return (ReadingCodec.encode(readings, indices: indices, dictionary: dictionary), dictionary)
    }

    private func randomReadings(_ dice: inout Dice) -> [Reading] {
        (0..<Int.random(in: 1...200, using: &dice)).map { _ in
            let value: Value? =
                switch Int.random(in: 0...5, using: &dice) {
                case 0: nil
                case 1: .flag(.random(using: &dice))
                case 2: .text(String(repeating: "ä", count: .random(in: 0...5, using: &dice)))
                case 3:
                    .number(
                        ExactDecimal(
                            mantissa: .random(in: .min ... .max, using: &dice),
                            exponent: .random(in: -400...400, using: &dice)))
                default: .number(ExactDecimal(mantissa: .random(in: -999...999, using: &dice), exponent: -1))
                }
            return Reading(
                device: "d\(Int.random(in: 0...5, using: &dice))", point: "p\(Int.random(in: 0...9, using: &dice))",
                n: .random(in: 0 ... .max, using: &dice),
                acquired: BootInstant(nanoseconds: Int64.random(in: .min ... .max, using: &dice) / 1_000 * 1_000),
                value: value,
                unit: ["W", ""][.random(in: 0...1, using: &dice)],
                quality: Quality(
                    grade: Quality.Grade.allCases.randomElement(using: &dice) ?? .good,
                    reason: Quality.Reason.allCases.randomElement(using: &dice) ?? .none),
                keep: KeepClass.allCases.randomElement(using: &dice) ?? .billing,
                epoch: Bool.random(using: &dice) ? 0 : .random(in: 0 ... .max, using: &dice),
                period: Int.random(in: 0...3, using: &dice) > 0
                    ? nil
                    : ReadingPeriod(
                        start: .random(in: -1_000...4_000_000_000, using: &dice),
                        end: .random(in: -1_000...4_000_000_000, using: &dice),
                        kind: ReadingPeriod.Kind.allCases.randomElement(using: &dice) ?? .register),
                raw: Int.random(in: 0...3, using: &dice) > 0
                    ? [] : (0...4).map { _ in .random(in: 0...255, using: &dice) })
        }
    }

    @Test func `what the first version stored is still read`() throws {
        let known = Reading(
            device: "d", point: "p", n: 1, acquired: BootInstant(nanoseconds: 5_000),
            value: .number(ExactDecimal(mantissa: 25, exponent: -1)), unit: "W", quality: .good, keep: .telemetry)
        var dictionary = SeriesDictionary()
        _ = dictionary.index(of: known)
        // count; series as expected; n 1; 5 microseconds; a good number; exponent as expected; mantissa 25.
        let stored: [UInt8] = [1, 0, 0, 2, 10, 0, 0, 0, 0, 50]
        #expect(try ReadingCodec.decode(stored, format: 1, dictionary: dictionary) == [known])
        #expect(throws: DecodingFailure.self) {
            try ReadingCodec.decode(stored, format: 2, dictionary: dictionary)
        }
        #expect(throws: DecodingFailure.self) {
            try ReadingCodec.decode(stored, format: 3, dictionary: dictionary)
        }
    }

    @Test func `one memory of predictions serves batch after batch`() throws {
        var dice = Dice(state: 5)
        var prediction = ReadingPrediction()
        for round in 0..<50 {
            let readings = randomReadings(&dice)
            var dictionary = SeriesDictionary()
            let indices = readings.map { dictionary.index(of: $0) }
            // The numbers by which it tells batches apart begin again some time.
            if round == 25 { for _ in 0..<65_530 { prediction.begin(dictionary) } }
            let alone = ReadingCodec.encode(readings, indices: indices, dictionary: dictionary)
            let together = ReadingCodec.encode(
                readings, indices: indices, dictionary: dictionary, prediction: &prediction)
            #expect(alone == together)
            #expect(
                try ReadingCodec.decode(
                    together, format: ReadingCodec.format, dictionary: dictionary, prediction: &prediction) == readings)
        }
    }

    @Test func `a dictionary that grows is told by parts`() throws {
        var dictionary = SeriesDictionary()
        for index in 0..<10 { _ = dictionary.index(of: reading("d\(index % 3)", "p\(index)")) }
        let first = dictionary.encoded()
        for index in 10..<25 { _ = dictionary.index(of: reading("d\(index % 4)", "p\(index)")) }
        var again = try SeriesDictionary(decoding: first)
        try again.append(decoding: dictionary.encoded(from: 10))
        #expect(again.series == dictionary.series)
        #expect(again.devices == dictionary.devices)
        #expect(again.deviceOf == dictionary.deviceOf)
        // Another object of the same content is found too.
        #expect(dictionary.index(of: reading("d1", "p1")) == 1)
        #expect(again.index(of: reading("d1", "p1")) == 1)
        #expect(throws: DecodingFailure.self) { try again.append(decoding: dictionary.encoded(from: 10)) }
    }

    @Test func `random readings come back as they were, form of the numbers and all`() throws {
        var dice = Dice(state: 42)
        for _ in 0..<300 {
            let readings = randomReadings(&dice)
            let (bytes, dictionary) = encode(readings)
            let again = try SeriesDictionary(decoding: dictionary.encoded())
            let decoded = try ReadingCodec.decode(bytes, dictionary: again)
            #expect(decoded == readings)
            #expect(decoded.map { $0.value?.description } == readings.map { $0.value?.description })
        }
    }

    /// 20 devices of 20 points each, read twice; the points of a device share a stamp, every stamp has its jitter.
    private func steady(_ value: (Int, Int, inout Dice) -> ExactDecimal) -> [Reading] {
        var dice = Dice(state: 7)
        var counters = [UInt64](repeating: 100_000, count: 20)
        return (0..<2).flatMap { round in
            (0..<20).flatMap { device in
                let time =
                    Int64(round) * 1_000_000_000 + Int64(device) * 50_000_000 + .random(in: 0...3_000_000, using: &dice)
                return (0..<20).map { point in
                    counters[device] += 1
                    return Reading(
                        device: "meter-\(device)", point: "quantity_\(point)", n: counters[device],
                        acquired: BootInstant(nanoseconds: 86_400_000_000_000 + time),
                        value: .number(value(device * 20 + point, round, &dice)), unit: "W", quality: .good,
                        keep: .telemetry)
                }
            }
        }
    }

    @Test func `a steady reading takes at most six bytes`() {
        let integers = encode(
            steady { series, _, dice in
                ExactDecimal(mantissa: 2_300 + Int64(series * 37) + .random(in: -20...20, using: &dice), exponent: -1)
            })
        let floats = encode(
            steady { series, _, dice in
                let value = Float(230 + series) + Float.random(in: -0.5...0.5, using: &dice)
                return ExactDecimal(shortest: value) ?? .zero
            })
        let (scaled, binary) = (Double(integers.bytes.count) / 800, Double(floats.bytes.count) / 800)
        print("bytes per reading: scaled registers \(scaled), float registers \(binary)")
        #expect(scaled <= 6)
        #expect(binary <= 6)
    }

    @Test func `damaged readings give an error or other readings, never a crash`() throws {
        var dice = Dice(state: 3)
        for _ in 0..<40 {
            let (bytes, dictionary) = encode(randomReadings(&dice))
            for length in [0, 1, bytes.count / 2, bytes.count - 1] {
                #expect(throws: DecodingFailure.self) {
                    try ReadingCodec.decode(Array(bytes.prefix(length)), dictionary: dictionary)
                }
            }
            for _ in 0..<100 {
                var broken = bytes
                for _ in 0..<Int.random(in: 1...4, using: &dice) {
                    broken[.random(in: 0..<broken.count, using: &dice)] = .random(in: 0...255, using: &dice)
                }
                _ = try? ReadingCodec.decode(broken, dictionary: dictionary)
            }
        }
        let noise = (0..<4_096).map { _ in UInt8.random(in: 0...255, using: &dice) }
        for start in 0..<1_000 {
            _ = try? ReadingCodec.decode(Array(noise[start...]), dictionary: SeriesDictionary())
            _ = try? SeriesDictionary(decoding: Array(noise[start...]))
            _ = try? ContentCodec.decode([1] + noise[start...])
            _ = try? ContentCodec.decode([2] + noise[start...])
            #expect(Span.decode(Array(noise[start...])) == nil)
        }
    }

    @Test func `events and results come back as they were`() throws {
        let detail: JSONValue = [
            "a": nil, "b": true, "c": .number(ExactDecimal(mantissa: 12_345_67, exponent: -2)), "d": ["x", ["y": -1]],
        ]
        let events = [
            Event(
                id: "e1", kind: "gap", device: "lamp-001", point: "level", severity: .alarm, active: true,
                detail: detail,
                occurred: BootInstant(nanoseconds: -5)),
            event("restart"),
        ]
        #expect(try ContentCodec.decode(ContentCodec.encode(events: events)) == .events(events))
        let results = [
            CommandResult(
                id: "c", device: "lamp-001", status: .verified, reason: nil, value: .flag(true), unit: "%",
                finished: BootInstant(nanoseconds: 9)),
            CommandResult(
                id: "c", device: "lamp-002", status: .failed, reason: "silence", value: .number(.zero), unit: nil,
                finished: BootInstant(nanoseconds: 10)),
        ]
        #expect(try ContentCodec.decode(ContentCodec.encode(results: results)) == .results(results))
    }

    @Test func `a detail nested without end is kept as text`() throws {
        var deep: JSONValue = 1
        for _ in 0..<100 { deep = .array([deep]) }
        let stored = ContentCodec.encode(events: [
            Event(kind: "deep", severity: .info, detail: deep, occurred: BootInstant(nanoseconds: 0))
        ])
        guard case .events(let events) = try ContentCodec.decode(stored) else { throw TestFailure("no events") }
        #expect(events[0].detail.description.contains("[[[1]]]"))
    }

    @Test func `ranges behave as the set they stand for`() {
        var dice = Dice(state: 11)
        var ranges = SequenceRanges()
        var model: Set<UInt64> = []
        var table: [UInt64: UInt64] = [:]
        for _ in 0..<2_000 {
            let first = UInt64.random(in: 1...500, using: &dice)
            let last = first + UInt64.random(in: 0...3, using: &dice)
            let change = ranges.insert(first...last)
            for row in change.removed { table[row] = nil }
            if let added = change.added { table[added.lowerBound] = added.upperBound }
            model.formUnion(first...last)
            let probe = UInt64.random(in: 1...510, using: &dice)
            #expect(ranges.contains(probe) == model.contains(probe))
            #expect(ranges.firstMissing(from: probe) == (probe...).first { !model.contains($0) })
            #expect(table == Dictionary(uniqueKeysWithValues: ranges.ranges.map { ($0.lowerBound, $0.upperBound) }))
        }
    }

    @Test func `the checksum is CRC-32C`() {
        // RFC 3720, appendix B.4, and the check value of the catalogue.
        #expect(Checksum.of(Array(repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(Checksum.of(Array("123456789".utf8)) == 0xE306_9283)
    }
}
