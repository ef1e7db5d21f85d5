import Telemetry
import Testing

@Suite struct LengthDelimitedTests {
    @Test(arguments: [1, 2, 3, 7, 64, 1000])
    func `messages come out whole however the stream is cut`(piece: Int) throws {
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 127), Array(repeating: 8, count: 128), [9, 9]]
        let stream = messages.flatMap { LengthDelimited.frame($0) }
        var decoder = LengthDelimited.Decoder(limit: 200)
        var received: [[UInt8]] = []
        var position = 0
        while position < stream.count {
            decoder.append(stream[position..<min(position + piece, stream.count)])
            position += piece
            while let message = try decoder.next() { received.append(message) }
        }
        #expect(received == messages)
        #expect(decoder.pending == 0)
    }

    @Test func `a length over the limit is refused before its bytes arrive`() {
        var decoder = LengthDelimited.Decoder(limit: 100)
        decoder.append([101])
        #expect(throws: LengthDelimited.Failure.tooLong(length: 101, limit: 100)) { try decoder.next() }
        #expect(throws: LengthDelimited.Failure.tooLong(length: 101, limit: 100)) { try decoder.next() }
    }

    @Test(arguments: [
        Array(repeating: UInt8(0xFF), count: 11), Array(repeating: 0x80, count: 12),
        // 2^64: the bit beyond the 64th must not vanish and leave a length of 0.
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02],
    ])
    func `bytes that are no length are refused`(bytes: [UInt8]) {
        var decoder = LengthDelimited.Decoder(limit: 100)
        decoder.append(bytes)
        #expect(throws: LengthDelimited.Failure.self) { try decoder.next() }
    }

    @Test func `half a length waits for the rest`() throws {
        var decoder = LengthDelimited.Decoder(limit: 1000)
        decoder.append([0x80])
        #expect(try decoder.next() == nil)
        decoder.append([0x01])
        #expect(try decoder.next() == nil)
        decoder.append(Array(repeating: 5, count: 128))
        #expect(try decoder.next()?.count == 128)
    }
}
