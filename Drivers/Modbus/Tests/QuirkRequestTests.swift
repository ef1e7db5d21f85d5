import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// What meters do to requests: sizes, holes, alignment, timing (the same list of quirks, by number).
@Suite struct `Quirks of requests` {
    @Test func `3 the fallback ladder of a product that takes less than its document says`() throws {
        let bench = try QuirkBench(
            QuirksLines.values("quantity: voltage, phase: L1, at: 0, as: f32, unit: V"),
            head: "limits: {max_registers: 60, shrink_to: [20, 10, 2]}")
        #expect(bench.problems.isEmpty)
        #expect(bench.profile.limits.shrinkTo == [20, 10, 2])
    }

    @Test(arguments: [("error", false), ("zeros", true), ("readable", true), ("unknown", false)])
    func `4 holes are read across only where that is known to work`(_ gaps: String, _ isMerged: Bool) throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: voltage, phase: L1, at: 0, as: u16, unit: V",
                "quantity: voltage, phase: L2, at: 4, as: u16, unit: V"),
            head: "limits: {gaps: \(gaps)}")
        let device = try ProfileBench(bench.profile).device
        #expect(device.plan.blocks(device.points).count == (isMerged ? 1 : 2))
    }

    @Test func `5 an odd number of registers is no value of a product that takes even requests`() throws {
        let bench = try QuirkBench(
            QuirksLines.values("quantity: voltage, phase: L1, at: 0, as: u16, unit: V"),
            head: "limits: {even_only: true}")
        #expect(bench.problems == ["u16 takes an odd number of registers, but this product takes even requests only"])
    }

    @Test func `6 a total and its fraction, and a group, are one request however little fits in`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: water_volume, at: 8, as: i32, plus: {at: 12, as: f32}, unit: m3",
                "quantity: voltage, phase: L1, at: 20, as: u16, unit: V, group: a",
                "quantity: voltage, phase: L2, at: 24, as: u16, unit: V, group: a"),
            head: "limits: {max_registers: 6, gaps: error}")
        #expect(bench.problems.isEmpty)
        let device = try ProfileBench(bench.profile).device
        let blocks = device.plan.blocks(device.points).map { "\($0.address)+\($0.count)" }
        #expect(blocks.sorted() == ["20+5", "8+6"])
    }

    @Test func `7 what must be read alone is a request of its own`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: voltage, phase: L1, at: 0x0A, as: u16, unit: V",
                "quantity: model_code, at: 0x0B, as: u16, alone: true",
                "quantity: voltage, phase: L2, at: 0x0C, as: u16, unit: V"))
        let device = try ProfileBench(bench.profile).device
        var plan = device.plan
        plan.refused = []
        let same = device.points.map { DevicePoint(index: $0.index, value: $0.value, interval: .seconds(1)) }
        #expect(plan.blocks(same).map(\.count) == [1, 1, 1])
    }

    @Test func `8 pause, time-out and latency of a product`() throws {
        let limits = try QuirkBench(
            QuirksLines.values("quantity: voltage, phase: L1, at: 0, as: u16, unit: V"),
            head: "limits: {pause: 100ms, timeout: 800ms, latency: 5ms}"
        ).profile.limits
        #expect(limits.pause == .milliseconds(100) && limits.timeout == .milliseconds(800))
        #expect(limits.latency == .milliseconds(5))
    }

    @Test func `9 10 what leaves the factory`() throws {
        let profile = try QuirkBench(
            QuirksLines.values("quantity: voltage, phase: L1, at: 0, as: u16, unit: V"),
            head: "serial: {baud: 2400, parity: even, unit_id: 33}\ntcp: {port: 502, unit_id: 255}"
        ).profile
        #expect(profile.serial?.words == "2400 8E1" && profile.factoryUnit == 33)
        #expect(profile.network == ModbusProfile.Network(port: 502, unit: 255))
    }

    @Test func `27 a counter starts again at its declared width, in its unit`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: active_energy_import, at: 0, as: u32, scale: 0.01, unit: kW.h, rollover: by_width",
                "quantity: active_energy_export, at: 2, as: u32, scale: 0.01, unit: kW.h, rollover: 100000000"))
        let device = try ProfileBench(bench.profile).device
        #expect(device.descriptors[0].rollover == ExactDecimal(mantissa: 4_294_967_296, exponent: -2))
        #expect(device.descriptors[1].rollover == ExactDecimal(1_000_000))
    }

    @Test func `34 a register that resets is never part of a request`() throws {
        let bench = try QuirkBench(
            QuirksLines.values(
                "quantity: voltage, phase: L1, at: 0, as: u16, unit: V",
                "quantity: voltage, phase: L2, at: 4, as: u16, unit: V"),
            head: "limits: {gaps: readable}\nnever_read: [2]")
        let device = try ProfileBench(bench.profile).device
        #expect(device.plan.blocks(device.points).count == 2)
        let wrong = try QuirkBench(
            QuirksLines.values("quantity: voltage, phase: L1, at: 2, as: u16, unit: V"),
            head: "never_read: [0x0002-0x0003]")
        #expect(wrong.problems == ["voltage.L1 at 0x0002 lies in never_read"])
    }
}
