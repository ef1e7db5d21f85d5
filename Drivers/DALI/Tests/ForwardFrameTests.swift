import Telemetry
import Testing

@testable import DALIDriver

@Suite struct ForwardFrameTests {
    @Test(arguments: [
        (ForwardFrame.directArcPower(ShortAddress(1)!, level: 127), [0x02, 0x7F] as [UInt8], "A1 DAPC 127"),
        (.gear(ShortAddress(5)!, .queryActualLevel), [0x0B, 0xA0], "A5 QUERY ACTUAL LEVEL"),
        (.gear(ShortAddress(63)!, .off), [0x7F, 0x00], "A63 OFF"),
        (.special(.enableDeviceType, 6), [0xC1, 0x06], "ENABLE DEVICE TYPE 6"),
        (ForwardFrame(bits: 24, data: 0xFFFE1D), [0xFF, 0xFE, 0x1D], "24 bits FF FE 1D"),
        (ForwardFrame(bits: 17, data: 0x1_0203), [0x81, 0x01, 0x80], "17 bits 81 01 80"),
    ])
    func `a frame is bytes, first bit first, and words`(_ frame: ForwardFrame, _ bytes: [UInt8], _ text: String) {
        #expect(frame.bytes == bytes)
        #expect(frame.description == text)
        #expect(ForwardFrame(bits: frame.bits, bytes: bytes) == frame)
    }

    @Test func `only 64 short addresses exist`() {
        #expect(ShortAddress(0) != nil && ShortAddress(63) != nil)
        #expect(ShortAddress(64) == nil && ShortAddress(-1) == nil)
    }

    @Test func `air time is that of the standard's table`() {
        func milliseconds(_ request: DALIRequest, _ answered: Bool) -> Double {
            AirTime.of(request, answered: answered).inSeconds * 1000
        }
        let query = DALIRequest(ForwardFrame(bits: 16, data: 0x03A0), priority: .configuration, expectsReply: true)
        #expect(abs(milliseconds(query, false) - 31.2) < 0.1)
        #expect(abs(milliseconds(query, true) - 46.7) < 0.1)
        let twice = DALIRequest(ForwardFrame(bits: 16, data: 0x0325), isSentTwice: true, priority: .configuration)
        #expect(abs(milliseconds(twice, false) - 59.4) < 0.1)
        let long = DALIRequest(ForwardFrame(bits: 24, data: 0), priority: .configuration)
        #expect(abs(milliseconds(long, false) - 37.8) < 0.1)
        #expect(abs(milliseconds(long, true) - 53.3) < 0.1)
    }
}
