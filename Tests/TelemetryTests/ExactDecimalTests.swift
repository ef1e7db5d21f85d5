import Telemetry
import Testing

/// The same numbers in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct ExactDecimalTests {
    @Test(arguments: [
        ("0", "0"), ("-0", "0"), ("12345.67", "12345.67"), ("-0.5", "-0.5"), ("230.10", "230.1"), ("1e3", "1000"),
        ("2.5E-7", "0.00000025"), ("+7", "7"), ("100", "100"), ("0.000", "0"), ("1e+16", "10000000000000000"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
        ("100000000000000000000", "100000000000000000000"), ("0.0000000000000000000000000001", "1e-28"), ("5.", "5"),
    ])
    func `a text is read exactly and written as a JSON number`(text: String, expected: String) throws {
        let number = try #require(ExactDecimal(text))
        #expect(ExactDecimal(expected) == number)
        let again = try #require(ExactDecimal(number.description))
        #expect(again == number)
        if expected.utf8.count < 22 {
            #expect(ExactDecimal(expected)?.description == expected || number == ExactDecimal(expected))
        }
        #expect(try JSONValue(parsing: number.description).number == number)
    }

    @Test(arguments: [
        "", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1,5", " 1", "1 ", "NaN", "inf", "9223372036854775808",
        "12345678901234567890.5", "1e10000", "1e-99999999999", "--1", "١",
    ])
    func `what is no exact decimal is refused`(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test func `a float register gives back the same 32 bits`() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let value = Float(bitPattern: UInt32.random(in: .min ... .max, using: &random))
            guard value.isFinite else { continue }
            let exact = try #require(ExactDecimal(shortest: value))
            #expect(Float(exact.description)?.bitPattern == value.bitPattern || value == 0)
        }
        #expect(ExactDecimal(shortest: Float(230.1))?.description == "230.1")
        #expect(ExactDecimal(shortest: Float.nan) == nil)
        #expect(ExactDecimal(shortest: Float.infinity) == nil)
    }

    @Test func `a double register gives back the same 64 bits`() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: UInt64.random(in: .min ... .max, using: &random))
            guard value.isFinite else { continue }
            let exact = try #require(ExactDecimal(shortest: value))
            #expect(Double(exact.description)?.bitPattern == value.bitPattern || value == 0)
        }
        #expect(ExactDecimal(shortest: Double.leastNonzeroMagnitude) == ExactDecimal("5e-324"))
    }

    @Test func `equal numbers are equal, and hash alike, in every form`() {
        let a = ExactDecimal(mantissa: 2300, exponent: -1)
        let b = ExactDecimal(mantissa: 23, exponent: 1)
        #expect(a == b)
        #expect(Set([a, b, ExactDecimal(230)]).count == 1)
        #expect(a.normalized.mantissa == 23)
        #expect(ExactDecimal(mantissa: 0, exponent: 500) == .zero)
    }

    @Test func `the order agrees with integers and holds where digits do not fit one scale`() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            let (x, y) = (
                Int64.random(in: -9999...9999, using: &random), Int64.random(in: -9999...9999, using: &random)
            )
            let places = Int32.random(in: -3...3, using: &random)
            #expect(
                (ExactDecimal(mantissa: x, exponent: places) < ExactDecimal(mantissa: y, exponent: places)) == (x < y))
        }
        let huge = ExactDecimal(mantissa: 1, exponent: 300)
        let tiny = ExactDecimal(mantissa: 1, exponent: -300)
        #expect(tiny < huge)
        #expect(huge.negated < tiny)
        #expect(huge.negated < tiny.negated)
        #expect(!(huge < tiny))
        // A double would take these two for one.
        let long = try #require(ExactDecimal("922337203685477580.7"))
        let longer = try #require(ExactDecimal("9223372036854775807"))
        #expect(long < longer)
        #expect(try #require(ExactDecimal("9007199254740993")) > ExactDecimal(9_007_199_254_740_992))
    }

    @Test func `sums, differences and products are exact or nil, never rounded`() {
        #expect(ExactDecimal("0.1")?.adding(ExactDecimal(mantissa: 2, exponent: -1)) == ExactDecimal("0.3"))
        #expect(ExactDecimal("12345.67")?.subtracting(ExactDecimal(12345)) == ExactDecimal("0.67"))
        #expect(
            ExactDecimal(1234567).multiplied(by: ExactDecimal(mantissa: 1, exponent: -2)) == ExactDecimal("12345.67"))
        #expect(ExactDecimal(.max).adding(ExactDecimal(1)) == nil)
        #expect(ExactDecimal(.max).multiplied(by: ExactDecimal(3)) == nil)
        #expect(ExactDecimal(mantissa: 1, exponent: 30).adding(ExactDecimal(1)) == nil)
        #expect(ExactDecimal(.min).subtracting(ExactDecimal(.min)) == .zero)
        let long = ExactDecimal(mantissa: 3_000_000_000_000_000_000, exponent: -18)
        #expect(long.multiplied(by: ExactDecimal(mantissa: 4000, exponent: 0)) == ExactDecimal(12000))
        #expect(long.adding(ExactDecimal(90_000_000)) == ExactDecimal(90_000_003))
    }

    @Test(arguments: [Int32.min, -400, 0, 400, Int32.max])
    func `no exponent a peer may send brings arithmetic down`(exponent: Int32) {
        let number = ExactDecimal(mantissa: 10, exponent: exponent)
        #expect(number == number)
        _ = number.description
        _ = number.scaled(byPowerOfTen: exponent)
        _ = number.multiplied(by: number)
        _ = number.adding(ExactDecimal(1))
        _ = number.approximation
        _ = number.integer
        #expect((number < ExactDecimal(1)) == (exponent < 0))
        _ = ExactDecimal(mantissa: .min, exponent: exponent).magnitude
    }

    @Test func `a number knows whether it is an integer`() {
        #expect(ExactDecimal("60.0")?.integer == 60)
        #expect(ExactDecimal("60.5")?.integer == nil)
        #expect(ExactDecimal("1e30")?.integer == nil)
        #expect(ExactDecimal(mantissa: 6, exponent: 1).integer == 60)
    }
}
