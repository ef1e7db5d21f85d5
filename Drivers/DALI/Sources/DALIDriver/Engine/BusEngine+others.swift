internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// What others than us did on the bus.
    func hear(_ record: DALIConnection.Record) {
        guard case .event(.foreignFrame(let frame)) = record else { return }
        let now = world.now()
        if frame.bits == 16 { heardGearFrame(frame, at: now) } else { sensors?.heard(frame, at: now) }
    }

    /// A request of ours that sets a transfer register ends what a bank's reader relied on.
    func noteRegisters(_ request: DALIRequest) {
        if request.setsRegister { registerUses += 1 }
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
