import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Memory banks of the simulated gear` {
    func bench(_ traits: Set<GearPersonality> = [], isD4i: Bool = true) -> GearBench {
        GearBench {
            $0.isD4i = isD4i
            $0.personality = traits
            $0.identification = 0x1234_5678
        }
    }

    func read(_ bench: GearBench, _ bank: UInt8, _ offset: Int, _ count: Int) -> [UInt8?] {
        bench.send("C3 \(String(bank, radix: 16)),A3 \(String(offset, radix: 16))")
        return (0..<count).map { _ in bench.send("03 C5") }
    }

    func number(_ bench: GearBench, _ bank: UInt8, _ offset: Int, _ count: Int) -> Int {
        read(bench, bank, offset, count).reduce(0) { $0 << 8 | Int($1 ?? 0) }
    }

    func write(_ bench: GearBench, _ bank: UInt8, _ offset: Int, _ bytes: [UInt8]) -> [UInt8?] {
        bench.send("C3 \(String(bank, radix: 16)),A3 \(String(offset, radix: 16)),03 81 x2")
        return bytes.map { bench.send("C7 \(String($0, radix: 16))") }
    }

    /// Last location of every bank (lamps/dali_memory_banks.csv).
    @Test(
        arguments: [
            (0, 0x1A), (1, 0x77), (202, 0x0F), (203, 0x0F), (204, 0x0F), (205, 0x1C), (206, 0x20), (207, 0x07),
        ] as [(UInt8, Int)])
    func `a bank ends where the standard says`(_ bank: UInt8, _ last: Int) {
        let bench = bench()
        #expect(number(bench, bank, 0, 1) == last)
        let edge = read(bench, bank, last, 2)
        #expect(edge[0] != nil)
        #expect(edge[1] == nil)
    }

    @Test func `identity is GTIN and number, and the first edition's is shorter with a checksum`() {
        let new = bench()
        #expect(number(new, 0, 3, 6) == 9_900_000_004_242)
        #expect(number(new, 0, 0x0B, 8) == 0x1234_5678)
        #expect(read(new, 0, 1, 1) == [nil])
        #expect(number(new, 0, 2, 1) == 207)
        let old = bench([.dali1])
        #expect(number(old, 0, 0, 1) == 0x0E)
        #expect(number(old, 0, 0x0B, 4) == 0x1234_5678)
        #expect(read(old, 0, 0x0F, 1) == [nil])
        #expect(read(old, 202, 0, 1) == [nil])
        let sum = read(old, 0, 1, 14).reduce(UInt8(0)) { $0 &+ ($1 ?? 0) }
        #expect(sum == 0)
        #expect(old.send("03 97") == 1)
        #expect(old.send("03 A8") == nil)
        #expect(old.send("C1 06,03 FF") == nil)
    }

    @Test func `a latched bank stands still until it is released`() {
        let bench = bench()
        bench.send("02 FE")
        #expect(write(bench, 202, 2, [0xAA]) == [0xAA])
        let latched = number(bench, 202, 5, 6)
        bench.wait(36_000)
        #expect(number(bench, 202, 5, 6) == latched)
        #expect(number(bench, 202, 2, 1) == 0xAA)
        _ = write(bench, 202, 2, [0xFF])
        // Ten hours of 42 W.
        #expect(abs(number(bench, 202, 5, 6) - latched - 420) <= 1)
    }

    @Test func `luminaire data can be written only when it is unlocked, and never the identity`() {
        let bench = bench()
        #expect(write(bench, 1, 3, [1]) == [nil])
        #expect(write(bench, 1, 2, [0x55]) == [0x55])
        #expect(write(bench, 1, 3, [1, 2]) == [1, 2])
        #expect(read(bench, 1, 3, 2) == [1, 2])
        #expect(write(bench, 0, 3, [1]) == [nil])
        #expect(write(bench, 202, 5, [1]) == [nil])
        bench.gear.setMains(false, at: bench.now)
        bench.gear.setMains(true, at: bench.now)
        bench.wait(2)
        #expect(read(bench, 1, 2, 2) == [0xFF, 1])
        #expect(write(bench, 1, 3, [9]) == [nil])
    }

    @Test func `luminaire data is that of part 251`() {
        let bench = bench()
        #expect(number(bench, 1, 0x11, 2) == 3)
        #expect(number(bench, 1, 0x15, 2) == 42)
        #expect(number(bench, 1, 0x19, 2) == 198)
        #expect(number(bench, 1, 0x20, 1) == 70)
        #expect(number(bench, 1, 0x21, 2) == 4000)
        let text = read(bench, 1, 0x3C, 4).compactMap { $0 }
        #expect(String(decoding: text, as: UTF8.self) == "lamp")
    }

    @Test func `power, apparent power and load power hang together`() {
        let bench = bench()
        bench.send("02 FE")
        let (active, apparent, load) = (
            number(bench, 202, 0x0C, 4), number(bench, 203, 0x0C, 4), number(bench, 204, 0x0C, 4)
        )
        #expect(active == 420)
        #expect(apparent == 442)
        #expect(load == 378)
        #expect(number(bench, 202, 0x0B, 1) == 0xFF)
    }

    @Test func `starts and hours are counted and the resettable ones can be set`() {
        let bench = bench()
        bench.send("02 FE")
        let (starts, seconds) = (number(bench, 206, 7, 3), number(bench, 206, 0x0E, 4))
        for _ in 0..<3 {
            bench.send("02 00")
            bench.wait(3600)
            bench.send("02 FE")
            bench.wait(3600)
        }
        #expect(number(bench, 206, 7, 3) == starts + 3)
        #expect(abs(number(bench, 206, 0x0E, 4) - seconds - 10_800) < 10)
        #expect(write(bench, 206, 4, [0, 0, 0]) == [0, 0, 0])
        bench.send("02 00,02 FE")
        #expect(number(bench, 206, 4, 3) == 1)
        #expect(number(bench, 206, 7, 3) == starts + 4)
        let gearStarts = number(bench, 205, 8, 3)
        bench.gear.setMains(false, at: bench.now)
        bench.wait(10)
        bench.gear.setMains(true, at: bench.now)
        bench.wait(2)
        #expect(number(bench, 205, 8, 3) == gearStarts + 1)
    }

    @Test func `what is not measured is MASK and what cannot be told now is TMASK`() {
        let bench = bench()
        bench.send("02 FE")
        #expect(number(bench, 206, 0x12, 2) == 540)
        #expect(number(bench, 206, 0x20, 1) == 0xFF)
        #expect(number(bench, 205, 0x15, 2) == 0xFFFF)
        #expect(number(bench, 205, 0x0B, 2) == 2300)
        #expect(number(bench, 205, 0x0E, 1) == 95)
        bench.send("02 00")
        #expect(number(bench, 206, 0x12, 2) == 0xFFFE)
        #expect(number(bench, 206, 0x14, 2) == 0)
    }

    @Test func `failures are told and counted once for each time they begin`() {
        let bench = bench()
        for _ in 0..<2 {
            bench.gear.set(.lampOpen, true, at: bench.now)
            bench.wait(5)
            bench.gear.set(.lampOpen, false, at: bench.now)
        }
        bench.gear.set(.lampShort, true, at: bench.now)
        #expect(read(bench, 206, 0x16, 6) == [1, 3, 1, 1, 0, 2])
        bench.gear.set(.gearFailure, true, at: bench.now)
        #expect(read(bench, 205, 0x0F, 2) == [1, 1])
        #expect((bench.send("03 90") ?? 0) & 0b11 == 0b11)
    }
}
