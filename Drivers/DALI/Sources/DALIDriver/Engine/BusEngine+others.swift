internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// What crossed the bus, for the ring, and what others than us did on it.
    func hear(_ record: DALIConnection.Record) {
        guard case .event(let event) = record else { return }
        let now = world.now()
        if case .foreignFrame(let frame) = event {
            ringBuffer.append(
                DALITraceEntry(
                    at: now, took: .zero, request: nil, outcome: nil, received: frame.bytes,
                    text: "another controller: \(frame)"))
            if frame.bits == 16 { heardGearFrame(frame, at: now) } else { sensors?.heard(frame, at: now) }
        }
    }

    /// The newest exchanges, oldest first.
    var ring: [DALITraceEntry] { ringBuffer.all }

    func remember(_ request: DALIRequest, _ outcome: DALIOutcome, took: Duration) {
        if request.setsRegister { registerUses += 1 }
        var received: [UInt8] = []
        let words: String
        switch outcome {
        case .none: words = request.expectsReply ? "no answer" : "sent"
        case .reply(let value):
            received = [value]
            words = "answer \(value) (\(hexadecimal([value])))"
        case .collision: words = "unreadable answer: two or more gear at once"
        case .error(let failure): words = failure.description
        }
        ringBuffer.append(
            DALITraceEntry(
                at: world.now(), took: took, request: request, outcome: outcome, received: received,
                text: "\(request.frame): \(words)"))
    }

    private func heardGearFrame(_ frame: ForwardFrame, at now: BootInstant) {
        let (first, second) = (UInt8(truncatingIfNeeded: frame.data >> 8), UInt8(truncatingIfNeeded: frame.data))
        if SpecialCommand(rawValue: first)?.isTransferRegister == true { registerUses += 1 }
        guard let address = GearAddress(firstByte: first), first & 1 == 0 || second <= 0x1F else { return }
        // A level by somebody else: its lamps are read soon, so that the head-end sees it before their next poll.
        for position in gear.indices where reaches(address, gear[position]) && scheduler.contains(position) {
            guard !gear[position].isUnpowered else { continue }
            let soon = now.advanced(by: Self.foreignLook)
            if let due = scheduler.due(position), due > soon { scheduler.release(position, due: soon) }
        }
        guard lastForeign.map({ now.duration(since: $0) >= Self.foreignPause }) ?? true else { return }
        lastForeign = now
        tell(
            "other_controller", severity: 1, "another controller sends levels on this bus: \(frame)", of: nil, at: now)
    }

    private func reaches(_ address: GearAddress, _ one: Gear) -> Bool {
        switch address {
        case .short(let short): short == one.address
        case .group(let number): one.keeping.groups.map { $0 >> UInt16(number) & 1 == 1 } ?? true
        case .broadcast: true
        case .broadcastUnaddressed: false
        }
    }
}

extension SpecialCommand {
    var isTransferRegister: Bool {
        self == .dataTransferRegister0 || self == .dataTransferRegister1 || self == .dataTransferRegister2
    }
}

extension DALIRequest {
    fileprivate var setsRegister: Bool {
        frame.bits == 16
            && SpecialCommand(rawValue: UInt8(truncatingIfNeeded: frame.data >> 8))?.isTransferRegister == true
    }
}
