/// Asks a gear of device type 6 for its failure bits (QUERY FAILURE STATUS, IEC 62386-207).
struct LEDFailureReader {
    enum Result: Sendable, Hashable {
        case bits(UInt8)
        /// The gear answers, but not to this: it is no LED gear of this type.
        case notSupported
        case silent
        case collision
        case failed(DALIFailure)
    }

    let address: ShortAddress
    let priority: FramePriority
    private(set) var result: Result?
    private var tries = 0
    private var isAskingPresence = false

    init(_ address: ShortAddress, priority: FramePriority = .polling) {
        self.address = address
        self.priority = priority
    }

    mutating func next() -> MemoryBankReader.Step {
        guard result == nil else { return .finished }
        if isAskingPresence { return .exchange([.gear(address, .queryControlGearPresent, priority: priority)]) }
        return .exchange(
            DALIRequest.deviceType(.short(address), DeviceTypeOpcode.LED.queryFailureStatus, priority: priority))
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        let outcome = outcomes.last ?? .none
        switch outcome {
        case .error(let failure): result = .failed(failure)
        case .reply(let bits): result = isAskingPresence ? .notSupported : .bits(bits)
        case .collision, .none:
            tries += 1
            guard isAskingPresence || tries >= MemoryBankReader.attempts else { return }
            if outcome == .collision {
                result = .collision
            } else if isAskingPresence {
                result = .silent
            } else {
                isAskingPresence = true
            }
        }
    }
}
