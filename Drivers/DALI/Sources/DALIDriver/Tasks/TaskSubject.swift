internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Arguments of a task, read key by key, and the first thing that is wrong with them.
final class TaskOptions {
    private let diagnostics = Diagnostics()
    let map: NodeMap

    init(_ arguments: DriverNode) { map = NodeMap(arguments, place: NodePlace(.bus), diagnostics: diagnostics) }

    /// Nil when all is well. To be asked when everything was read.
    func problem() -> String? {
        map.finish()
        return diagnostics.all.first.map { ($0.path.last.map { "\($0): " } ?? "") + $0.message }
    }
}

/// One gear that a task is about: a lamp of the configuration, or an address.
enum TaskSubject {
    case device(String)
    case address(ShortAddress)

    /// Keys `device` and `address`; nil when neither is there.
    init?(_ options: TaskOptions) {
        if let name = options.map.text("device") {
            self = .device(name)
        } else if let address = options.map.integer("address", in: 0...63).flatMap({ ShortAddress($0) }) {
            self = .address(address)
        } else {
            return nil
        }
    }

    static let missing = "which gear? give device: NAME or address: 0 to 63"

    /// - Returns: where it is, and its name if it has one; nil when the bus has no such lamp.
    func find(_ bench: any DALITaskBench) -> (address: ShortAddress, name: String?)? {
        switch self {
        case .device(let name): bench.gear.first { $0.name == name }.map { ($0.address, $0.name) }
        case .address(let address): (address, bench.gear.first { $0.address == address }?.name)
        }
    }

    var unknown: String {
        switch self {
        case .device(let name): "this bus has no usable lamp \(name)"
        case .address(let address): "there is no \(address)"
        }
    }

    /// A task about one gear.
    static func task(
        _ arguments: DriverNode, extra: (TaskOptions) -> Void = { _ in },
        _ body: @escaping (_ address: ShortAddress, _ name: String?, any DALITaskBench) -> ScriptStep
    ) -> any DALITask {
        let options = TaskOptions(arguments)
        let subject = TaskSubject(options)
        extra(options)
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        guard let subject else { return ScriptedTask(problem: missing) }
        return ScriptedTask { bench in
            guard let (address, name) = subject.find(bench) else { return .failed(subject.unknown) }
            return body(address, name, bench)
        }
    }
}

extension Double {
    /// Three decimals, for people and plans.
    var json: JSONValue {
        let scaled = (self * 1000).rounded()
        guard scaled.magnitude < 1e15 else { return .null }
        return .number(ExactDecimal(mantissa: Int64(scaled), exponent: -3).normalized)
    }
}
