import DriverProtocol
import FieldSimulator
import Telemetry

@testable import DALIDriver

/// A task on the simulator's gear without engine and interface, frame by frame in virtual time: fast enough to be cut off hundreds
/// of times. What was remembered counts as stored some exchanges later, as on a slow card.
final class TaskBench: DALITaskBench {
    /// Exchanges until the runtime has on disk what it was told.
    static let storageDelay = 2

    let bus: LampBus
    private(set) var now = BootInstant(nanoseconds: 1_000_000_000)
    let taskConfiguration: BusConfiguration
    let isReadOnly: Bool
    var gear: [Gear]
    let frameLog = FrameLog()
    private(set) var lines: [DriverNode] = []
    private(set) var forgotten: [String] = []
    /// What is on disk.
    private(set) var stored: [MemoryKey: [UInt8]]
    private var told: [MemoryKey: [UInt8]] = [:]
    private var pending: [(key: MemoryKey, bytes: [UInt8], due: Int)] = []
    private(set) var exchanges = 0
    /// Every request that went out.
    private(set) var requests: [DALIRequest] = []
    /// Frames that nobody hears, by their place.
    var isLost: (Int) -> Bool = { _ in false }

    /// - Parameter lamps: configured, by address.
    init(
        bus: LampBus, lamps: [String: UInt8] = [:], stored: [MemoryKey: [UInt8]] = [:], at now: BootInstant? = nil,
        readOnly: Bool = false
    ) {
        self.bus = bus
        self.stored = stored
        told = stored
        isReadOnly = readOnly
        let devices = lamps.sorted { $0.value < $1.value }.enumerated().map { index, lamp in
            Configuration.device(UInt32(index), address: Int(lamp.value), name: lamp.key)
        }
        taskConfiguration = BusConfiguration.read(Configuration.message(devices, readOnly: readOnly)).0
        gear = taskConfiguration.gear
        if let now { self.now = now }
    }

    func memory(device: String, key: String) -> [UInt8]? { told[MemoryKey(device: device, key: key)] }

    func remember(device: String, key: String, _ bytes: [UInt8]) {
        let name = MemoryKey(device: device, key: key)
        told[name] = bytes
        pending.append((name, bytes, exchanges + Self.storageDelay))
    }

    func isStored(device: String, key: String) -> Bool {
        !pending.contains { $0.key == MemoryKey(device: device, key: key) }
    }

    func forget(device: String) { forgotten.append(device) }
    func event(_ event: DriverEvent) {}
    func tell(_ content: DriverNode) { lines.append(content) }

    enum End: Equatable {
        case done(JSONValue)
        case failed(String)
        case cutOff
    }

    /// - Parameter limit: exchanges after which the power is cut: nothing more is sent, not even last frames.
    func run(_ task: any DALITask, cutAfter limit: Int = .max) -> End {
        while true {
            switch task.next(self) {
            case .exchange(let requests):
                guard exchanges < limit else { return .cutOff }
                exchanges += 1
                store()
                task.received(requests.map(transact), self)
            case .wait(let until):
                now = max(now, until)
                // Waiting passes as well on a bus where nothing happens.
                for index in pending.indices { pending[index].due -= 1 }
                store()
            case .done(let result):
                for request in task.lastFrames { _ = transact(request) }
                return .done(result.json)
            case .failed(let sentence):
                for request in task.lastFrames { _ = transact(request) }
                return .failed(sentence)
            }
        }
    }

    private func store() {
        for entry in pending where entry.due <= exchanges { stored[entry.key] = entry.bytes }
        pending.removeAll { $0.due <= exchanges }
    }

    private func transact(_ request: DALIRequest) -> DALIOutcome {
        requests.append(request)
        guard !isLost(requests.count) else {
            now = now.advanced(by: AirTime.of(request, answered: false))
            return .none
        }
        var answer = BackwardFrame.silence
        let once = AirTime.of(
            DALIRequest(request.frame, priority: request.priority, expectsReply: request.expectsReply), answered: false)
        for _ in 0..<(request.isSentTwice ? 2 : 1) {
            now = now.advanced(by: once)
            answer = bus.transmit(request.frame.bytes, at: now)
        }
        guard request.expectsReply else { return .none }
        if answer != .silence { now = now.advanced(by: AirTime.settlingBeforeReply + AirTime.bit * 9) }
        return switch answer {
        case .silence: .none
        case .answer(let byte): .reply(byte)
        case .collision: .collision
        }
    }
}
