import FieldSimulator
import Telemetry

@testable import DALIDriver

/// A simulated bus without interface or engine: what a reader or a sweep wants is done at once, in virtual time.
final class SweepField: SweepBench {
    let clock = VirtualClock()
    let bus: LampBus
    var gear: [Gear]
    var isReadOnly: Bool
    private(set) var registerUses: UInt64 = 0
    var unreadable: Set<Int> = []
    private(set) var samples: [(position: Int, sample: Sample)] = []
    /// Every exchange's frames and what they cost.
    private(set) var units: [(requests: [DALIRequest], cost: Duration)] = []
    /// Frames that never arrive, by their place among all.
    var lost: Set<Int> = []
    /// Something happens after an exchange.
    var afterUnit: (Int) -> Void = { _ in }
    private var sent = 0

    init(
        gear descriptions: [GearDescription], sensors: [SensorDescription] = [], points: [String] = [],
        isReadOnly: Bool = false
    ) {
        bus = LampBus(name: "lamps", gear: descriptions, sensors: sensors, seed: 7, at: clock.now)
        gear = descriptions.enumerated().compactMap { index, one in
            guard let address = one.shortAddress.flatMap({ ShortAddress(Int($0)) }) else { return nil }
            return Gear(
                index: UInt32(index), name: one.name, address: address, curve: nil, fade: nil,
                points: points.compactMap(LampPoint.init(rawValue:)).map {
                    Gear.Point(kind: $0, interval: $0.row.interval ?? .seconds(60))
                })
        }
        self.isReadOnly = isReadOnly
    }

    var now: BootInstant { clock.now }
    func isReadable(_ position: Int) -> Bool { !unreadable.contains(position) }
    func change(_ position: Int, _ body: (inout Gear) -> Void) { body(&gear[position]) }
    func report(_ position: Int, _ samples: [Sample]) { self.samples += samples.map { (position, $0) } }
    func memory(device: String, key: String) -> [UInt8]? { nil }
    func remember(device: String, key: String, _ bytes: [UInt8]) {}

    /// One transaction on the bus.
    func perform(_ requests: [DALIRequest]) -> [DALIOutcome] {
        var cost = Duration.zero
        let outcomes = requests.map { request -> DALIOutcome in
            if request.frame.bits == 16,
                SpecialCommand(rawValue: UInt8(request.frame.data >> 8))?.isTransferRegister == true
            {
                registerUses += 1
            }
            var answer = BackwardFrame.silence
            for _ in 0..<(request.isSentTwice ? 2 : 1) {
                clock.advance(by: .milliseconds(29))
                sent += 1
                answer = lost.contains(sent) ? .silence : bus.respond(to: request.frame.bytes, at: clock.now).frame
            }
            let outcome: DALIOutcome =
                switch answer {
                case .silence: .none
                case .answer(let byte): .reply(byte)
                case .collision: .collision
                }
            cost += AirTime.of(request, answered: outcome != .none)
            return outcome
        }
        units.append((requests, cost))
        afterUnit(units.count)
        return outcomes
    }

    /// Reads a bank to its end.
    func read(_ reader: MemoryBankReader, isTracked: Bool = true) -> MemoryBankReader.Result? {
        var reader = reader
        var registers = TransferRegisters()
        while case .exchange(let requests) = reader.next(isTracked ? registers : nil) {
            let outcomes = perform(requests)
            for request in requests { registers.note(request.frame) }
            reader.received(outcomes)
        }
        return reader.result
    }

    /// Lets a sweep work for so long.
    func run(_ sweep: any SweepSource, for duration: Duration) {
        let end = clock.now.advanced(by: duration)
        while clock.now < end {
            switch sweep.next(self) {
            case .exchange(let requests): sweep.received(perform(requests), self)
            case .idle(let until):
                clock.advance(to: min(end, max(until ?? end, clock.now.advanced(by: .milliseconds(1)))))
            }
        }
    }

    func samples(_ position: Int, _ point: String) -> [Sample] {
        let place = gear[position].points.firstIndex { $0.kind.rawValue == point }
        return samples.filter { $0.position == position && $0.sample.point == place }.map(\.sample)
    }
}
