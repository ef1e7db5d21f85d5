/// Asks one sensor who it is, brings its settings to what the configuration wants, and reads its value. Pure.
struct SensorCheck: Sendable {
    enum Step: Sendable, Hashable {
        case exchange([DALIRequest])
        case finished
    }

    /// What is known already is not asked again.
    struct Knowledge: Sendable, Hashable {
        var resolution: Int?
        var areSettingsChecked = false
        /// Instance type as the device tells it.
        var type: UInt8?
    }

    /// A question without an answer is asked once more.
    static let attempts = 2

    private enum Phase: Sendable, Hashable {
        case type
        case resolution
        case ask(Int)
        case write(Int)
        case verify(Int)
        case value
        case latch
        case finished
    }

    private let address: ShortAddress
    private let instance: UInt8
    private let kind: SensorKind
    private let wishes: [Sensor.Wish]
    private let mayWrite: Bool
    private let priority: FramePriority
    private(set) var knowledge: Knowledge
    /// Bytes of the input value, highest first; nil while not all came.
    private(set) var value: [UInt8]?
    private(set) var complaints: [String] = []
    /// The sensor was silent, or two answered.
    private(set) var failure: String?
    private(set) var linkFailure: DALIFailure?
    private var bytes: [UInt8] = []
    private var phase: Phase
    private var tries = 0

    init(_ sensor: Sensor, knowledge: Knowledge, mayWrite: Bool, priority: FramePriority = .polling) {
        address = sensor.address
        instance = sensor.instance
        kind = sensor.kind
        wishes =
            [Sensor.Wish(setting: .scheme, value: SensorSetting.schemeOfDeviceInstance)] + sensor.wishes
        self.mayWrite = mayWrite
        self.priority = priority
        self.knowledge = knowledge
        phase = .type
        advance(from: nil)
    }

    var isFinished: Bool { phase == .finished }

    mutating func next() -> Step {
        switch phase {
        case .finished: .finished
        case .type: ask(.queryInstanceType)
        case .resolution: ask(.queryResolution)
        case .ask(let place), .verify(let place): ask(wishes[place].setting.query)
        case .write(let place):
            .exchange([
                DALIRequest(.deviceDataTransferRegister0(wishes[place].value), priority: priority),
                .device(.short(address), wishes[place].setting.set, instance: instance, priority: .continuation),
            ])
        case .value: ask(.queryInputValue)
        case .latch: ask(.queryInputValueLatch)
        }
    }

    private func ask(_ opcode: ControlDeviceOpcode) -> Step {
        .exchange([.device(.short(address), opcode, instance: instance, priority: priority)])
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        let outcome = outcomes.last ?? .none
        if case .error(let error) = outcome {
            linkFailure = error
            phase = .finished
            return
        }
        if case .write(let place) = phase {
            phase = .verify(place)
            return
        }
        guard case .reply(let byte) = outcome else {
            receivedNothing(outcome)
            return
        }
        tries = 0
        received(byte)
    }

    private mutating func received(_ byte: UInt8) {
        switch phase {
        case .type:
            knowledge.type = byte
            guard byte == kind.instanceType else {
                failure =
                    "instance \(instance) of control device \(address.number) is a \(InstanceType.name(byte)), "
                    + "not a \(InstanceType.name(kind.instanceType)): correct instance or profile"
                knowledge = Knowledge()
                phase = .finished
                return
            }
        case .resolution: knowledge.resolution = Int(min(32, max(1, byte)))
        case .ask(let place):
            let isRight =
                wishes[place].setting == .scheme
                ? SensorSetting.usableSchemes.contains(byte) : byte == wishes[place].value
            if !isRight {
                if mayWrite {
                    phase = .write(place)
                    return
                }
                complaints.append(
                    "\(wishes[place].setting.name) is \(byte) instead of \(wishes[place].value), and the gateway is read-only"
                )
            }
        case .verify(let place):
            if byte != wishes[place].value {
                complaints.append(
                    "it keeps \(wishes[place].setting.name) at \(byte) and would not take \(wishes[place].value)")
            }
        case .value, .latch: bytes.append(byte)
        case .write, .finished: break
        }
        advance(from: phase)
    }

    private mutating func receivedNothing(_ outcome: DALIOutcome) {
        tries += 1
        guard tries >= Self.attempts else { return }
        tries = 0
        switch phase {
        case .ask(let place), .verify(let place):
            complaints.append("it does not tell its \(wishes[place].setting.name)")
            advance(from: phase)
        default:
            failure =
                outcome == .collision
                ? "two or more control devices answer at short address \(address.number); give each its own"
                : "no answer from control device \(address.number), instance \(instance)"
            phase = .finished
        }
    }

    private mutating func advance(from done: Phase?) {
        if knowledge.type == nil {
            phase = .type
            return
        }
        guard let resolution = knowledge.resolution else {
            phase = .resolution
            return
        }
        if !knowledge.areSettingsChecked {
            let next: Int
            switch done {
            case .ask(let place)?, .verify(let place)?: next = place + 1
            default: next = 0
            }
            if next < wishes.count {
                phase = .ask(next)
                return
            }
            knowledge.areSettingsChecked = true
        }
        if bytes.isEmpty {
            phase = .value
        } else if bytes.count * 8 < resolution {
            phase = .latch
        } else {
            value = bytes
            phase = .finished
        }
    }
}
