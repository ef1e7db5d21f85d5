internal import Telemetry

/// What came of a question to one address.
enum GearAnswer<Value: Sendable & Equatable>: Sendable, Equatable {
    case value(Value)
    case silence
    /// Two or more gear spoke.
    case collision

    var value: Value? { if case .value(let value) = self { value } else { nil } }
}

/// Questions to one short address, each asked again when nobody answers: a lost frame is no missing gear.
enum GearInquiry {
    static let attempts = 2
    /// Bytes of a memory bank in one unit: two reads and what sets them up stay near 100 ms of bus.
    static let readsAtOnce = 2

    static func presence(
        _ address: ShortAddress, attempts: Int = attempts, then: @escaping (GearAnswer<Bool>) -> ScriptStep
    ) -> ScriptStep {
        .ask(.gear(address, .queryControlGearPresent, priority: .configuration)) { outcome in
            switch outcome {
            case .reply: then(.value(true))
            case .collision: then(.collision)
            case .none, .error: attempts > 1 ? presence(address, attempts: attempts - 1, then: then) : then(.silence)
            }
        }
    }

    /// Random address, QUERY RANDOM ADDRESS (H), (M), (L).
    static func random(
        _ address: ShortAddress, attempts: Int = attempts, then: @escaping (GearAnswer<UInt32>) -> ScriptStep
    ) -> ScriptStep {
        let opcodes: [GearOpcode] = [.queryRandomAddressH, .queryRandomAddressM, .queryRandomAddressL]
        return .exchange(opcodes.map { .gear(address, $0, priority: .configuration) }) { outcomes in
            if outcomes.contains(.collision) { return then(.collision) }
            let bytes = outcomes.compactMap(\.byte)
            if bytes.count == 3 { return then(.value(bytes.reduce(0) { $0 << 8 | UInt32($1) })) }
            return attempts > 1 ? random(address, attempts: attempts - 1, then: then) : then(.silence)
        }
    }

    /// Article number and identification number of memory bank 0.
    static func signature(
        _ address: ShortAddress, then: @escaping (GearAnswer<GearIdentity>) -> ScriptStep
    ) -> ScriptStep {
        bytes(address, bank: 0, from: 0x03, count: 6) { article in
            guard case .value(let article) = article, article.count == 6 else {
                return then(article == .collision ? .collision : .silence)
            }
            return bytes(address, bank: 0, from: 0x0B, count: 8) { number in
                switch number {
                case .value(let number):
                    return then(GearIdentity(gtin: article, number: number).map { .value($0) } ?? .silence)
                case .silence: return then(.silence)
                case .collision: return then(.collision)
                }
            }
        }
    }

    /// Bytes of a memory bank, up to the first that does not answer.
    ///
    /// Others may set the data transfer registers between two units; the gear is asked in the end where it stands, and when that is
    /// elsewhere everything is read again.
    static func bytes(
        _ address: ShortAddress, bank: UInt8, from: UInt8, count: Int, attempts: Int = attempts,
        then: @escaping (GearAnswer<[UInt8]>) -> ScriptStep
    ) -> ScriptStep {
        let set: [DALIRequest] = [
            .special(.dataTransferRegister1, bank, priority: .configuration),
            .special(.dataTransferRegister0, from, priority: .continuation),
        ]
        func again(_ otherwise: GearAnswer<[UInt8]>) -> ScriptStep {
            attempts > 1
                ? bytes(address, bank: bank, from: from, count: count, attempts: attempts - 1, then: then)
                : then(otherwise)
        }
        func confirm(_ read: [UInt8], _ tried: Int) -> ScriptStep {
            .ask(.gear(address, .queryContentDataTransferRegister0, priority: .configuration)) { outcome in
                if outcome == .collision { return then(.collision) }
                // The register stops at 255.
                let expected = min(255, Int(from) + read.count)...min(255, Int(from) + tried)
                guard let byte = outcome.byte, expected.contains(Int(byte)) else { return again(.silence) }
                return then(read.isEmpty ? .silence : .value(read))
            }
        }
        func go(_ before: [DALIRequest], _ read: [UInt8]) -> ScriptStep {
            let wanted = min(readsAtOnce, count - read.count)
            let reads = [DALIRequest](
                repeating: .gear(address, .readMemoryLocation, priority: .configuration), count: wanted)
            return .exchange(before + reads) { outcomes in
                let answers = outcomes.suffix(wanted)
                if answers.contains(.collision) { return then(.collision) }
                let more = answers.prefix { $0.byte != nil }.compactMap(\.byte)
                let all = read + more
                if more.count < wanted {
                    return attempts > 1 ? again(.silence) : confirm(all, read.count + wanted)
                }
                return all.count >= count ? confirm(all, all.count) : go([], all)
            }
        }
        return go(set, [])
    }
}

extension DALIOutcome {
    var byte: UInt8? { if case .reply(let value) = self { value } else { nil } }
    /// YES to a yes-or-no question: an answer, or several at once.
    var isYes: Bool {
        switch self {
        case .reply, .collision: true
        case .none, .error: false
        }
    }
}
