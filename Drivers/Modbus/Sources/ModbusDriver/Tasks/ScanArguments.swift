internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What a scan is asked to look for.
struct ScanArguments: Sendable {
    /// Long enough for meters that are told to answer within 200 ms, short enough for 247 addresses.
    static let standardTimeout: Duration = .milliseconds(200)
    /// Hosts of one scan: a street cabinet has no more, and a whole /16 is a mistake.
    static let mostHosts = 1_024
    /// Units behind a network host: itself, the old way to say itself, and the first behind a gateway.
    static let hostUnits = [1, 255, 0]

    var units: [Int] = Array(1...247)
    /// As the bus is set, where nothing is said.
    var settings: [SerialSettings] = []
    var hosts: [HostAddress] = []
    var timeout = standardTimeout
    /// Say only what it would do.
    var isEstimate = false
    var candidates: [ScanCandidate] = []

    /// - Returns: what is wrong with the arguments, in sentences; empty when they can be used.
    static func read(
        _ node: DriverNode, options: BusOptions, port: PortAddress?
    ) -> (arguments: ScanArguments, problems: [String]) {
        let diagnostics = Diagnostics()
        let map = NodeMap(node, place: NodePlace(.bus), diagnostics: diagnostics)
        var arguments = ScanArguments()
        let isNetwork = port.map { !$0.isSerial } ?? false
        if let written = map.value("addresses") {
            let numbers = (written.list() ?? []).compactMap { $0.integer(in: isNetwork ? 0...255 : 1...247) }
            if numbers.count == 2, numbers[0] <= numbers[1] {
                arguments.units = Array(numbers[0]...numbers[1])
            } else {
                written.error("addresses are a first and a last one, such as [1, 40]")
            }
        } else if case .hosts? = port {
            arguments.units = hostUnits
        }
        let bauds = map.list("bauds")?.compactMap { $0.integer(oneOf: SerialRates.all) }
        let parities = map.list("parities")?.compactMap { $0.choice(BusOptions.parities) }
        arguments.settings = settings(bauds ?? [], parities ?? [], own: options.serial)
        for host in map.list("hosts") ?? [] { arguments.hosts += hosts(host) }
        if arguments.hosts.count > mostHosts {
            map.value("hosts")?.error("\(arguments.hosts.count) hosts; a scan takes \(mostHosts) at most")
        }
        arguments.timeout = map.duration("timeout", in: .milliseconds(10) ... .seconds(10)) ?? standardTimeout
        arguments.isEstimate = map.flag("estimate") ?? false
        if let profiles = map.value("profiles"), let entries = profiles.map()?.all() {
            arguments.candidates = entries.compactMap { candidate($0.key, $0.value.node) }
        }
        map.finish()
        return (arguments, diagnostics.all.map(\.message))
    }

    /// The bus's own settings first: what is there already is found at once.
    private static func settings(
        _ bauds: [Int], _ parities: [SerialSettings.Parity], own: SerialSettings
    ) -> [SerialSettings] {
        var all: [SerialSettings] = []
        for baud in bauds.isEmpty ? [own.baud] : bauds {
            for parity in parities.isEmpty ? [own.parity] : parities {
                var settings = own
                settings.baud = baud
                settings.parity = parity
                if settings != own || own.stopBits == settings.stopBits { all.append(settings) }
            }
        }
        guard let first = all.firstIndex(of: own) else { return all }
        all.swapAt(0, first)
        return all
    }

    /// `192.0.2.17`, `192.0.2.17:1502`, or a net such as `192.0.2.0/28`.
    private static func hosts(_ value: NodeValue) -> [HostAddress] {
        guard let text = value.text() else { return [] }
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else {
            guard let host = HostAddress(text) else {
                value.error("\(text) is no host; expected HOST, HOST:PORT or a net such as 192.0.2.0/28")
                return []
            }
            return [host]
        }
        let bytes = parts[0].split(separator: ".").compactMap { UInt32($0) }
        guard bytes.count == 4, bytes.allSatisfy({ $0 < 256 }), let length = UInt32(parts[1]), (22...32).contains(length)
        else {
            value.error("\(text) is no net of hosts; expected one such as 192.0.2.0/28, with /22 or a smaller net")
            return []
        }
        let size = UInt32(1) << (32 - length)
        let base = bytes.reduce(0) { $0 << 8 | $1 } & ~(size - 1)
        // A net's first and last addresses are nobody's.
        let range = size > 2 ? base + 1..<base + size - 1 : base..<base + size
        return range.compactMap { address in
            HostAddress([24, 16, 8, 0].map { "\(address >> UInt32($0) & 0xFF)" }.joined(separator: "."))
        }
    }

    /// A profile with errors recognises nothing; `profile check` says what is wrong with it.
    private static func candidate(_ name: String, _ content: DriverNode) -> ScanCandidate? {
        var profile = DriverProfile()
        profile.name = name
        profile.content = content
        let diagnostics = Diagnostics()
        let read = ProfileReader(profile, diagnostics: diagnostics).read()
        return diagnostics.hasErrors(.profile, name: name) ? nil : ScanCandidate(read)
    }
}
