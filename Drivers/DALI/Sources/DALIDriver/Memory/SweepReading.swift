internal import Telemetry

/// One reading that answers several points of one gear: a bank's fields, the LED failure bits, a colour value, the identity.
struct SweepReading {
    enum Source: Hashable {
        case bank(UInt8)
        case ledFailure
        case colour(ColourQuery)
        case identity

        /// - Precondition: no point that a poll answers.
        init(_ point: LampPoint) {
            switch point.source {
            case .memory(let bank, _): self = .bank(bank)
            case .ledFailure, .ledFailureStatus: self = .ledFailure
            case .colourTemperature(let query): self = .colour(query)
            case .identity: self = .identity
            case .status, .actualLevel: preconditionFailure("\(point.rawValue) is polled")
            }
        }

        var bank: UInt8? { if case .bank(let number) = self { number } else { nil } }
    }

    enum Result {
        /// - Parameter lastLocation: of the bank, where one was read.
        case values([LampPoint: (value: Value?, quality: Quality)], lastLocation: UInt8?)
        case collision
        /// The gear or the bus went away under it.
        case unreadable
    }

    private enum Reader {
        case bank(MemoryBankReader)
        case ledFailure(LEDFailureReader)
        case colour(ColourValueReader)
        case identity(IdentityRead)
    }

    private let points: [LampPoint]
    private var reader: Reader
    private(set) var result: Result?

    init(
        _ source: Source, of address: ShortAddress, points: [LampPoint], lastLocation: UInt8? = nil, mayWrite: Bool,
        priority: FramePriority = .polling
    ) {
        self.points = points
        switch source {
        case .bank(let number):
            guard let bank = MemoryBank.numbered(number) else { preconditionFailure("no table of bank \(number)") }
            reader = .bank(
                MemoryBankReader(
                    bank, of: address, fields: points.compactMap { Self.field($0, of: bank) },
                    lastLocation: lastLocation, mayFreeze: mayWrite, priority: priority))
        case .ledFailure: reader = .ledFailure(LEDFailureReader(address, priority: priority))
        case .colour(let query): reader = .colour(ColourValueReader(query, of: address, priority: priority))
        case .identity: reader = .identity(IdentityRead(address, priority: priority))
        }
    }

    mutating func next(_ registers: TransferRegisters?, isUndisturbed: Bool) -> MemoryBankReader.Step {
        switch reader {
        case .bank(var one):
            defer { reader = .bank(one) }
            return one.next(registers)
        case .ledFailure(var one):
            defer { reader = .ledFailure(one) }
            return one.next()
        case .colour(var one):
            defer { reader = .colour(one) }
            return one.next(isUndisturbed: isUndisturbed)
        case .identity(var one):
            defer { reader = .identity(one) }
            return one.next(isUndisturbed: isUndisturbed)
        }
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        switch reader {
        case .bank(var one):
            one.received(outcomes)
            reader = .bank(one)
            result = one.result.map { judge($0, one.bank) }
        case .ledFailure(var one):
            one.received(outcomes)
            reader = .ledFailure(one)
            result = one.result.map(judge)
        case .colour(var one):
            one.received(outcomes)
            reader = .colour(one)
            result = one.result.map(judge)
        case .identity(var one):
            one.received(outcomes)
            reader = .identity(one)
            result = one.result.map(judge)
        }
    }

    // MARK: what the readers found

    private static func field(_ point: LampPoint, of bank: MemoryBank) -> BankField? {
        guard case .memory(_, let name) = point.source else { return nil }
        return bank.field(name)
    }

    private func all(_ read: (LampPoint) -> (Value?, Quality), lastLocation: UInt8? = nil) -> Result {
        var values: [LampPoint: (value: Value?, quality: Quality)] = [:]
        for point in points { values[point] = read(point) }
        return .values(values, lastLocation: lastLocation)
    }

    private var missing: Result { all({ _ in (nil, .bad(.notSupported)) }) }

    private func judge(_ result: MemoryBankReader.Result, _ bank: MemoryBank) -> Result {
        switch result {
        case .read(let image):
            all(
                { point in
                    guard let field = Self.field(point, of: bank) else { return (nil, .bad(.configuration)) }
                    let (value, quality) = image.read(field)
                    return (point.converted(value), quality)
                }, lastLocation: image.lastLocation)
        case .absent: missing
        case .collision: .collision
        case .silent, .failed: .unreadable
        }
    }

    private func judge(_ result: LEDFailureReader.Result) -> Result {
        switch result {
        case .bits(let bits):
            all({ point in
                guard case .ledFailure(let bit) = point.source else {
                    return (.number(ExactDecimal(Int64(bits))), .good)
                }
                return (.flag(bits & 1 << bit != 0), .good)
            })
        case .notSupported: missing
        case .collision: .collision
        case .silent, .failed: .unreadable
        }
    }

    private func judge(_ result: ColourValueReader.Result) -> Result {
        switch result {
        case .value(let mirek):
            // FFFFh: the gear is in another colour mode, or does not know.
            all({ _ in
                ColourTemperature.kelvin(mirek: mirek).map { (.number($0), .good) } ?? (nil, .bad(.deviceReported))
            })
        case .notSupported: missing
        case .collision: .collision
        case .silent, .failed: .unreadable
        }
    }

    private func judge(_ result: IdentityRead.Result) -> Result {
        switch result {
        case .identity(let identity): all({ _ in (.text(identity.description), .good) })
        case .absent: missing
        case .unreadable: .unreadable
        }
    }
}
