import Telemetry
import Testing

struct ReadingTests {
    private func reading(period: ReadingPeriod? = nil, raw: [UInt8] = []) -> Reading {
        Reading(
            device: "feeder-a", point: "active_energy_import", n: 7, acquired: BootInstant(nanoseconds: 1),
            value: .number(ExactDecimal(5)), unit: "kW.h", quality: .good, keep: .billing, epoch: 2, period: period,
            raw: raw)
    }

    @Test func `readings of one content are equal, whoever made their identity`() {
        let period = ReadingPeriod(start: 900, end: 1800, kind: .register)
        #expect(reading() == reading())
        #expect(reading(period: period, raw: [1, 2]) == reading(period: period, raw: [1, 2]))
        #expect(Set([reading(period: period), reading(period: period)]).count == 1)
        #expect(reading(period: period) != reading())
        #expect(reading(raw: [1]) != reading(raw: [2]))
        #expect(reading().isPlain && !reading(raw: [1]).isPlain)
        #expect(reading(period: period).period == period && reading(raw: [1]).raw == [1])
    }

    @Test func `a reading is small, for a gateway holds tens of thousands`() {
        #expect(MemoryLayout<Reading>.size <= 56)
        #expect(MemoryLayout<Value?>.size <= 16)
    }

    @Test func `an identity gives its place only to the book that noted it`() {
        let identity = PointIdentity(device: "d", point: "p", unit: "W", keep: .telemetry)
        #expect(identity.place(in: 1) == nil)
        identity.note(place: 70_000, in: 1)
        #expect(identity.place(in: 1) == 70_000)
        #expect(identity.place(in: 2) == nil)
        identity.note(place: 0, in: 2)
        #expect(identity.place(in: 2) == 0)
        #expect(identity.place(in: 1) == nil)
    }

    @Test(arguments: [
        ("plain", true), ("with \"quotes\"", false), ("back\\slash", false), ("tab\t", false), ("ä", true),
    ])
    func `names that JSON must escape are known`(name: String, isPlain: Bool) {
        #expect(PointIdentity(device: name, point: "p", unit: "", keep: .telemetry).isPlainText == isPlain)
        #expect(PointIdentity(device: "d", point: name, unit: "", keep: .telemetry).isPlainText == isPlain)
    }
}

struct ShortestDecimalTests {
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

    private func same(_ a: ExactDecimal?, _ b: ExactDecimal?) -> Bool {
        a?.mantissa == b?.mantissa && a?.exponent == b?.exponent
    }

    @Test func `a float's shortest decimal is what its text says, digit for digit`() {
        var dice = Dice(state: 9)
        var wrong: [Float] = []
        for _ in 0..<50_000 {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: dice.next()))
            guard value.isFinite else { continue }
            if !same(ExactDecimal(shortest: value), ExactDecimal(value.description)) { wrong.append(value) }
        }
        // Those of measurements, found another way: random digits before the point, ties between two decimals, and the borders of that way.
        for _ in 0..<50_000 {
            let (a, b) = (Int(truncatingIfNeeded: dice.next() >> 40), Int(truncatingIfNeeded: dice.next() >> 61))
            for value in [Float(a), Float(a) / 4, -Float(a) / 8, Float(a) / 1_000, Float(a) / Float(1 << (2 * b))]
            where !same(ExactDecimal(shortest: value), ExactDecimal(value.description)) { wrong.append(value) }
        }
        for value: Float in [
            0x1p24, (0x1p24 as Float).nextDown, 0x1p-10, (0x1p-10 as Float).nextDown, 1_678_175.25, 3_158.40625,
            0, -0.0, 1, -1, 100, 230.1, 0.001, 1e16, 1.5e20, 16_777_216, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude,
        ]
        where !same(ExactDecimal(shortest: value), ExactDecimal(value.description)) { wrong.append(value) }
        #expect(wrong.isEmpty)
        #expect(ExactDecimal(shortest: Float.nan) == nil && ExactDecimal(shortest: -Float.infinity) == nil)
    }

    @Test func `a double's shortest decimal is what its text says, digit for digit`() {
        var dice = Dice(state: 10)
        var wrong: [Double] = []
        for _ in 0..<50_000 {
            let value = Double(bitPattern: dice.next())
            guard value.isFinite else { continue }
            if !same(ExactDecimal(shortest: value), ExactDecimal(value.description)) { wrong.append(value) }
        }
        for value: Double in [
            0, -0.0, 9_007_199_254_740_992, 1e17, .leastNonzeroMagnitude, 1.7976931348623157e308, 1_234_567.875, 1e-7,
        ]
        where !same(ExactDecimal(shortest: value), ExactDecimal(value.description)) { wrong.append(value) }
        #expect(wrong.isEmpty)
    }

    @Test func `the approximation is the nearest double`() {
        var dice = Dice(state: 12)
        for _ in 0..<20_000 {
            let number = ExactDecimal(
                mantissa: .random(in: -(1 << 55)...(1 << 55), using: &dice),
                exponent: .random(in: -25...25, using: &dice))
            #expect(number.approximation == Double("\(number.mantissa)e\(number.exponent)"))
        }
    }
}
