import CLinux
import DriverProtocol
import Glibc
import Telemetry
import Testing

@testable import DriverKit

struct StreamOutletTests {
    private func sample(_ value: Int64) -> Sample {
        Sample(
            point: 0, value: .number(ExactDecimal(value)), quality: .good, acquired: BootInstant(nanoseconds: 1_000))
    }

    /// What the messages in a pipe are, in order; takes what is there and does not wait.
    private func waiting(_ descriptor: Int32) throws -> [String] {
        var decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 { buffer[..<count].withUnsafeBytes { decoder.append($0) } }
        var kinds: [String] = []
        while let block = try decoder.next({ SampleBlock(plain: $0, version: DriverProtocolLimits.version) }) {
            kinds.append(block.map { "samples of \($0.device)" } ?? "something else")
        }
        return kinds
    }

    @Test func `samples of a turn are held and go out together, before whatever is said after them`() throws {
        var ends: [Int32] = [0, 0]
        #expect(candela_pipe(&ends, true) == 0)
        defer { for end in ends { close(end) } }
        let outlet = StreamOutlet(descriptor: ends[1]) { Issue.record("\($0)") }
        outlet.samples(device: 1, [sample(1)])
        #expect(try waiting(ends[0]) == ["samples of 1"], "outside a turn nothing is held")
        outlet.hold()
        outlet.samples(device: 2, [sample(2)])
        outlet.samples(device: 3, [sample(3)])
        #expect(try waiting(ends[0]) == [])
        var state = DriverDeviceState()
        state.device = 3
        outlet.deviceState(state)
        #expect(try waiting(ends[0]) == ["samples of 2", "samples of 3", "something else"])
        outlet.samples(device: 4, [sample(4)])
        outlet.release()
        #expect(try waiting(ends[0]) == ["samples of 4"])
        outlet.samples(device: 5, [sample(5)])
        #expect(try waiting(ends[0]) == ["samples of 5"])
    }

    @Test func `what is held does not grow beyond its bound`() throws {
        var ends: [Int32] = [0, 0]
        #expect(candela_pipe(&ends, true) == 0)
        defer { for end in ends { close(end) } }
        let outlet = StreamOutlet(descriptor: ends[1]) { Issue.record("\($0)") }
        outlet.hold()
        var written: [String] = []
        for device in 1...20 where written.isEmpty {
            outlet.samples(device: UInt32(device), (0..<1_000).map { sample(Int64($0)) })
            written = try waiting(ends[0])
        }
        #expect((2...19).contains(written.count), "some were held, and not for long")
    }
}
