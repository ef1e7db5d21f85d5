internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "identify": lamps show themselves, to be found in the street; they end by themselves when this gateway dies.
///
/// Arguments: `device`, `address`, `group` or `all: true`; `seconds` (default 10). Result `{identified, seconds}`.
enum IdentifyTask {
    /// IDENTIFY DEVICE lasts 10 s (IEC 62386-102, 9.14.3) and is repeated before that.
    static let repetition: Duration = .seconds(9)
    static let standardSeconds = 10

    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let subject = TaskSubject(options)
        let group = options.map.integer("group", in: 0...15)
        let all = options.map.flag("all") ?? false
        let seconds = options.map.integer("seconds", in: 1...3600) ?? standardSeconds
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        return ScriptedTask { bench in
            guard !bench.isReadOnly else { return .failed("the gateway is read-only: no lamp is made to blink") }
            let address: GearAddress
            if let subject {
                guard let found = subject.find(bench) else { return .failed(subject.unknown) }
                address = .short(found.address)
            } else if let group {
                address = .group(UInt8(group))
            } else if all {
                address = .broadcast
            } else {
                return .failed("which lamp? give device: NAME, address: 0 to 63, group: 0 to 15 or all: true")
            }
            let end = bench.now.advanced(by: .seconds(Int64(seconds)))
            let result: JSONValue = ["identified": .string(address.short), "seconds": .integer(seconds)]
            guard case .short(let one) = address else { return blink(address, end, result, bench) }
            return GearInquiry.presence(one) { [unowned bench] answer in
                if answer == .silence { return .failed("\(one) did not answer: no gear there, or no mains") }
                return blink(address, end, result, bench)
            }
        }
    }

    private static func blink(
        _ address: GearAddress, _ end: BootInstant, _ result: JSONValue, _ bench: any DALITaskBench
    ) -> ScriptStep {
        .exchange([.gear(address, .identifyDevice, priority: .user)]) { [unowned bench] _ in
            let rest = end.duration(since: bench.now)
            guard rest > repetition + .seconds(1) else { return .done(result) }
            return .wait(repetition) { [unowned bench] in blink(address, end, result, bench) }
        }
    }
}
