internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Looks for devices on a bus, at each address and each setting, and finds out what they are.
///
/// With the bus's own settings it runs between polls. Another baud rate takes the line: polling stops until it is given back, which
/// happens also when the scan is called off.
final class ScanTask: BusTask {
    private enum Stage {
        case beginning
        case searching
        case asking(Found, DeviceInquiry)
        case ended
    }

    /// Something that answered.
    struct Found {
        let host: HostAddress?
        let unit: Int
        let settings: SerialSettings?
        /// Its configured name, when it is one of the bus's own devices.
        let name: String?
    }

    private let written: DriverNode
    private var arguments = ScanArguments()
    private var stage = Stage.beginning
    /// Still to look at: settings, then host and unit.
    private var settings: [SerialSettings] = []
    private var places: [(host: HostAddress?, unit: Int)] = []
    private var current: SerialSettings?
    private var second: (host: HostAddress?, unit: Int)?
    private var results: [JSONValue] = []
    private var garbled: Set<Int> = []
    private var found: Set<String> = []
    private var deadHosts: Set<HostAddress> = []
    private var asked = 0

    init(_ arguments: DriverNode) { written = arguments }

    func step(_ bench: any TaskBench) -> TaskProgress {
        switch stage {
        case .beginning: return begin(bench)
        case .searching: return search(bench)
        case .asking(let found, let inquiry): return ask(found, inquiry, bench)
        case .ended: return .done(DriverNode(json: summary))
        }
    }

    func cancel(_ bench: any TaskBench) {
        try? bench.retune(nil)
        stage = .ended
    }

    var soFar: DriverNode? { DriverNode(json: summary) }

    // MARK: what it will do

    private func begin(_ bench: any TaskBench) -> TaskProgress {
        let configuration = bench.configuration
        let read = ScanArguments.read(written, options: configuration.options, port: configuration.port)
        if let problem = read.problems.first { return .failed(problem) }
        arguments = read.arguments
        if configuration.port?.isSerial == false, arguments.hosts.isEmpty {
            // The hosts that the bus has already; its own, where it is one connection.
            arguments.hosts = configuration.links.compactMap(\.host)
            guard !arguments.hosts.isEmpty else { return .failed("there is no host to look at; name some with hosts") }
        }
        settings = arguments.settings
        let estimate = estimate(bench)
        bench.tell(DriverNode(json: estimate))
        if arguments.isEstimate { return .done(DriverNode(json: estimate)) }
        guard next(bench) else { return finish(bench) }
        stage = .searching
        return .again
    }

    private func estimate(_ bench: any TaskBench) -> JSONValue {
        let options = bench.configuration.options
        let isNetwork = !arguments.hosts.isEmpty
        let own = isNetwork ? 1 : arguments.settings.filter { $0 == options.serial }.count
        let foreign = isNetwork ? 0 : arguments.settings.count - own
        // Two questions to each address that is silent.
        let each = arguments.timeout.inSeconds * 2 + (isNetwork ? 0 : 0.05)
        let rounds = Double(isNetwork ? arguments.hosts.count : 1) * Double(arguments.units.count)
        let seconds = rounds * each * Double(isNetwork ? 1 : arguments.settings.count)
        let interrupted = foreign > 0 ? bench.configuration.devices.map(\.name) : []
        let lasts = Double(foreign) * rounds * each
        var line =
            "looking at \(arguments.units.count) address\(arguments.units.count == 1 ? "" : "es")"
            + (isNetwork ? " of \(arguments.hosts.count) hosts" : " with \(arguments.settings.count) settings")
            + ", about \(Int(seconds.rounded(.up))) s"
        if !interrupted.isEmpty {
            line += "; for \(Int(lasts.rounded(.up))) s of it \(interrupted.count) devices of this bus are not read"
        }
        return .object([
            .init("line", .string(line)), .init("seconds", .number(ExactDecimal(Int64(seconds.rounded(.up))))),
            .init("interrupts", .array(interrupted.map(JSONValue.string))),
            .init("interrupted_seconds", .number(ExactDecimal(Int64(lasts.rounded(.up))))),
        ])
    }

    // MARK: searching

    /// The next setting's places; false when all are done.
    private func next(_ bench: any TaskBench) -> Bool {
        if !arguments.hosts.isEmpty {
            guard current == nil, asked == 0 else { return false }
            places = arguments.hosts.flatMap { host in arguments.units.map { (host: Optional(host), unit: $0) } }
            return !places.isEmpty
        }
        guard !settings.isEmpty else { return false }
        let setting = settings.removeFirst()
        do {
            try bench.retune(setting == bench.configuration.options.serial ? nil : setting)
        } catch {
            bench.tell(DriverNode(json: ["line": .string("\(setting.words): \(error.message)")]))
            return next(bench)
        }
        current = setting
        places = arguments.units.map { (host: nil, unit: $0) }
        return true
    }

    private func search(_ bench: any TaskBench) -> TaskProgress {
        let place: (host: HostAddress?, unit: Int)
        let request: ModbusRequest
        if let second {
            place = second
            self.second = nil
            // Some ignore a function that they do not have.
            request = .read(table: .input, at: 0, count: 2)
        } else {
            guard !places.isEmpty else {
                if next(bench) { return .again }
                return finish(bench)
            }
            place = places.removeFirst()
            request = .read(table: .holding, at: 0, count: 1)
            if let host = place.host, deadHosts.contains(host) { return .again }
            if found.contains(Self.key(place)) { return .again }
        }
        asked += 1
        let exchange = bench.exchange(
            request, unit: UInt8(place.unit), host: place.host, timeout: arguments.timeout, pause: .zero)
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout: break
        case .answer: met(place, bench)
        case .broken:
            // Another baud rate or parity, or two devices with one address.
            if garbled.insert(place.unit).inserted {
                bench.tell(
                    DriverNode(json: [
                        "line": .string("address \(place.unit): something answers, but not intelligibly"),
                        "address": .number(ExactDecimal(Int64(place.unit))),
                    ]))
            }
            if request.function == 3 { second = place }
        case .silence: if request.function == 3 { second = place }
        case .gone(let reason):
            if let host = place.host {
                deadHosts.insert(host)
            } else {
                try? bench.retune(nil)
                return .failed("\(reason); the scan ends here")
            }
        }
        return .again
    }

    private static func key(_ place: (host: HostAddress?, unit: Int)) -> String {
        "\(place.host.map { "\($0)" } ?? "") \(place.unit)"
    }

    private func met(_ place: (host: HostAddress?, unit: Int), _ bench: any TaskBench) {
        found.insert(Self.key(place))
        garbled.remove(place.unit)
        let configuration = bench.configuration
        let isOwnSetting = place.host != nil || current == configuration.options.serial
        let name = configuration.devices.first { device in
            guard Int(device.unit) == place.unit, isOwnSetting, device.link < configuration.links.count else {
                return false
            }
            return configuration.links[device.link].host == place.host
        }?.name
        stage = .asking(
            Found(host: place.host, unit: place.unit, settings: place.host == nil ? current : nil, name: name),
            DeviceInquiry(candidates: arguments.candidates))
    }

    // MARK: asking

    private func ask(_ found: Found, _ inquiry: DeviceInquiry, _ bench: any TaskBench) -> TaskProgress {
        var inquiry = inquiry
        guard let request = inquiry.next() else {
            let result = ScanReport.result(found, inquiry.finding, bus: bench.configuration.bus)
            results.append(result)
            bench.tell(DriverNode(json: result))
            stage = .searching
            return .again
        }
        // Identification takes some devices longer than a plain register.
        let exchange = bench.exchange(
            request, unit: UInt8(found.unit), host: found.host, timeout: arguments.timeout * 2, pause: .zero)
        switch exchange.outcome {
        case .answer(let answer): inquiry.take(.answer(answer))
        case .silence, .broken, .gone: inquiry.take(.nothing)
        }
        stage = .asking(found, inquiry)
        return .again
    }

    private func finish(_ bench: any TaskBench) -> TaskProgress {
        stage = .ended
        do {
            try bench.retune(nil)
        } catch {
            return .failed("the bus cannot be set back to what it was: \(error.message)")
        }
        return .done(DriverNode(json: summary))
    }

    private var summary: JSONValue {
        .object([
            .init("devices", .array(results)),
            .init("garbled", .array(garbled.sorted().map { .number(ExactDecimal(Int64($0))) })),
            .init("asked", .number(ExactDecimal(Int64(asked)))),
        ])
    }
}
