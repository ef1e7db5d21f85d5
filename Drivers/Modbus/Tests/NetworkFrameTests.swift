import Testing

@testable import ModbusDriver

@Suite struct `Network frames` {
    private static let answer: [UInt8] = [0, 7, 0, 0, 0, 5, 3, 4, 2, 0x12, 0x34]

    @Test func `a frame is found however the stream was cut`() {
        for cut in 0...Self.answer.count {
            var receiver = MBAPReceiver()
            receiver.append(Self.answer[..<cut])
            let early = receiver.next()
            #expect(cut == Self.answer.count || early == .incomplete)
            guard cut < Self.answer.count else { continue }
            receiver.append(Self.answer[cut...])
            #expect(
                receiver.next()
                    == .frame(transaction: 7, unit: 3, data: [4, 2, 0x12, 0x34], whole: Self.answer))
            #expect(receiver.next() == .incomplete)
        }
    }

    @Test func `two frames that came together are two frames`() {
        var receiver = MBAPReceiver()
        receiver.append(Self.answer + Self.answer)
        for _ in 0..<2 {
            guard case .frame(7, 3, _, _) = receiver.next() else {
                Issue.record("no frame")
                return
            }
        }
        #expect(receiver.next() == .incomplete)
    }

    @Test(arguments: [
        ([0, 1, 0, 9, 0, 5, 1, 3, 2, 0, 0], "protocol 9"), ([0, 1, 0, 0, 0, 1, 1], "announces 1 bytes"),
        ([0, 1, 0, 0, 1, 0, 1], "announces 256 bytes"),
    ])
    func `a header that cannot be is broken`(_ bytes: [UInt8], _ words: String) {
        var receiver = MBAPReceiver()
        receiver.append(bytes)
        guard case .broken(let what, _) = receiver.next() else {
            Issue.record("not broken")
            return
        }
        #expect(what.contains(words))
    }

    @Test func `a serial frame is found by the length it states and its check`() {
        let frame = RTUFrame.checked([3, 4, 2, 0x12, 0x34])
        for cut in 0..<frame.count {
            var receiver = RTUStreamReceiver()
            receiver.append(frame[..<cut])
            #expect(receiver.next() == .incomplete)
            receiver.append(frame[cut...])
            #expect(receiver.next() == .frame(transaction: nil, unit: 3, data: [4, 2, 0x12, 0x34], whole: frame))
        }
        var receiver = RTUStreamReceiver()
        receiver.append(frame.dropLast() + [frame[frame.count - 1] ^ 1])
        guard case .broken("a checksum error", _) = receiver.next() else {
            Issue.record("a broken check was taken")
            return
        }
    }

    @Test func `no sequence of bytes stops a receiver or makes it hold more than a frame or two`() {
        var seed = UInt64(20_261_121)
        func next() -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return seed >> 33
        }
        for _ in 0..<400 {
            var tcp = MBAPReceiver()
            var rtu = RTUStreamReceiver()
            for _ in 0..<4 {
                var bytes = next() % 3 == 0 ? Self.answer : (0..<(next() % 300)).map { _ in UInt8(next() & 0xFF) }
                if !bytes.isEmpty, next() % 2 == 0 { bytes[Int(next()) % bytes.count] ^= UInt8(next() & 0xFF) }
                tcp.append(bytes)
                rtu.append(bytes)
                var rounds = 0
                while tcp.next() != .incomplete { rounds += 1 }
                while rtu.next() != .incomplete { rounds += 1 }
                #expect(rounds <= 700)
                #expect(tcp.pending.count <= 600 && rtu.pending.count <= 2 * RTUFrame.longest)
            }
        }
    }
}
