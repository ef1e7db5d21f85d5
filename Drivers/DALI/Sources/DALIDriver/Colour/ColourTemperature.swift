internal import Telemetry

/// Colour temperature Tc of device type 8 gear, IEC 62386-209: a unit of mirek on the bus, Kelvin for people.
enum ColourTemperature {
    /// White of candles to white of a clear sky; the gear's own limits lie within, and cut.
    static let writable: ClosedRange<Int64> = 1000...20_000
    /// A million Kelvin are one mirek.
    private static let product: Int64 = 1_000_000
    /// 0 and FFFFh are no colour temperatures.
    static let valid: ClosedRange<UInt16> = 1...0xFFFE

    /// The nearest whole mirek; nil outside ``writable``.
    static func mirek(kelvin: ExactDecimal) -> UInt16? {
        guard kelvin >= ExactDecimal(writable.lowerBound), kelvin <= ExactDecimal(writable.upperBound) else {
            return nil
        }
        return UInt16((Double(product) / kelvin.approximation).rounded())
    }

    /// Whole Kelvin; nil for what is no colour temperature.
    static func kelvin(mirek: UInt16) -> ExactDecimal? {
        guard valid.contains(mirek) else { return nil }
        return ExactDecimal((product + Int64(mirek) / 2) / Int64(mirek))
    }
}

/// What QUERY COLOUR VALUE is asked for: DTR0 of IEC 62386-209 table 11.
enum ColourQuery: UInt8, Sendable, Hashable, CaseIterable {
    /// The colour temperature Tc at the moment.
    case now = 2
    case coolest = 128
    case warmest = 130
}

/// Asks a gear for one colour value: the answer has the high byte, DTR0 then the low one.
///
/// Pure, in two exchanges. When a frame came between them that changed DTR0 it begins anew.
struct ColourValueReader {
    enum Result: Sendable, Hashable {
        case value(UInt16)
        /// The gear knows no colour temperature.
        case notSupported
        case silent
        case collision
        case failed(DALIFailure)
    }

    /// A lost frame is asked for once more; a disturbed one as well.
    static let attempts = 3

    let address: ShortAddress
    let query: ColourQuery
    let priority: FramePriority
    private(set) var result: Result?
    private var high: UInt8?
    private var tries = 0
    private var isAskingPresence = false

    init(_ query: ColourQuery, of address: ShortAddress, priority: FramePriority = .polling) {
        self.address = address
        self.query = query
        self.priority = priority
    }

    /// - Parameter isUndisturbed: no frame came since the last exchange that sets a data transfer register.
    mutating func next(isUndisturbed: Bool) -> MemoryBankReader.Step {
        guard result == nil else { return .finished }
        if isAskingPresence { return .exchange([.gear(address, .queryControlGearPresent, priority: priority)]) }
        if high != nil, !isUndisturbed { high = nil }
        guard high == nil else {
            return .exchange([.gear(address, .queryContentDataTransferRegister0, priority: priority)])
        }
        return .exchange(
            [.special(.dataTransferRegister0, query.rawValue, priority: priority)]
                + DALIRequest.deviceType(
                    .short(address), DeviceTypeOpcode.Colour.queryColourValue, priority: .continuation))
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        let outcome = outcomes.last ?? .none
        if case .error(let failure) = outcome {
            result = .failed(failure)
        } else if isAskingPresence {
            switch outcome {
            case .reply: result = .notSupported
            case .collision: result = .collision
            default: result = .silent
            }
        } else if case .reply(let byte) = outcome {
            if let high {
                result = .value(UInt16(high) << 8 | UInt16(byte))
            } else {
                high = byte
            }
        } else {
            high = nil
            tries += 1
            if tries >= Self.attempts {
                if outcome == .collision { result = .collision } else { isAskingPresence = true }
            }
        }
    }
}
