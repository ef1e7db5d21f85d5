import Telemetry

/// One object of the scenario file that remembers its place and which keys were asked for, so that a mistyped key is an
/// error and not a silent default.
struct ScenarioNode {
    let path: String
    let members: [JSONValue.Member]

    init(_ value: JSONValue, path: String, keys: Set<String>) throws(ScenarioError) {
        guard case .object(let members) = value else { throw ScenarioError(path: path, problem: "expected an object") }
        self.path = path
        self.members = members
        for member in members where !keys.contains(member.key) {
            let known = keys.sorted().joined(separator: ", ")
            throw ScenarioError(path: join(member.key), problem: "unknown key; known keys are \(known)")
        }
    }

    func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    subscript(key: String) -> JSONValue? { members.first { $0.key == key }?.value }

    func text(_ key: String) throws(ScenarioError) -> String {
        guard let text = try optionalText(key) else { throw ScenarioError(path: join(key), problem: "is missing") }
        return text
    }

    func optionalText(_ key: String) throws(ScenarioError) -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value, !text.isEmpty else {
            throw ScenarioError(path: join(key), problem: "expected a text")
        }
        return text
    }

    /// A name that becomes part of a path or of a command.
    func name(_ key: String) throws(ScenarioError) -> String {
        let name = try text(key)
        let allowed = name.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
        }
        guard allowed, name.utf8.count <= 64 else {
            throw ScenarioError(path: join(key), problem: "\"\(name)\" is no name: a-z, 0-9 and -, at most 64")
        }
        return name
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(ScenarioError) -> Double? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, range.contains(number.approximation) else {
            throw ScenarioError(
                path: join(key), problem: "expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number.approximation
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ScenarioError) -> Int? {
        guard let value = self[key] else { return nil }
        guard case .number(let number) = value, let integer = number.integer, range.contains(Int(integer)) else {
            throw ScenarioError(
                path: join(key), problem: "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(integer)
    }

    func flag(_ key: String) throws(ScenarioError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let flag) = value else {
            throw ScenarioError(path: join(key), problem: "expected true or false")
        }
        return flag
    }

    func list(_ key: String) throws(ScenarioError) -> [(value: JSONValue, path: String)] {
        guard let value = self[key] else { return [] }
        guard case .array(let elements) = value else {
            throw ScenarioError(path: join(key), problem: "expected a list")
        }
        return elements.enumerated().map { ($1, "\(join(key))[\($0)]") }
    }
}

extension Scenario {
    /// Reads a scenario from JSON.
    ///
    /// - Throws: ``ScenarioError`` with the place and the problem.
    public init(json text: some Collection<UInt8>) throws(ScenarioError) {
        let document: JSONValue
        do { document = try JSONValue(parsing: text) } catch {
            throw ScenarioError(path: "", problem: "no JSON: \(error)")
        }
        let top = try ScenarioNode(document, path: "", keys: ["seed", "ports", "servers"])
        seed = UInt64(try top.integer("seed", in: 0...Int(Int32.max)) ?? 1)
        modbusPorts = []
        lampPorts = []
        servers = []
        for (value, path) in try top.list("ports") { try readPort(value, path) }
        for (value, path) in try top.list("servers") { servers.append(try Self.server(value, path)) }
        try check()
    }

    private mutating func readPort(_ value: JSONValue, _ path: String) throws(ScenarioError) {
        let node = try ScenarioNode(
            value, path: path,
            keys: [
                "name", "kind", "interface", "listen", "baud", "parity", "stop_bits", "wire_timing", "devices", "bus",
                "supply", "gear", "sensors",
            ])
        let name = try node.name("name")
        let kind = try node.text("kind")
        let interface = try Self.interface(node, kind: kind)
        let parityName = try node.optionalText("parity") ?? (interface?.timing.parity ?? .none).rawValue
        guard let parity = LineParity(rawValue: parityName) else {
            throw ScenarioError(path: node.join("parity"), problem: "expected none, even or odd")
        }
        let timing = SerialTiming(
            baud: try node.integer("baud", in: 300...1_000_000) ?? interface?.timing.baud ?? 9600, parity: parity,
            stopBits: try node.integer("stop_bits", in: 1...2) ?? 1)
        switch (kind, interface) {
        case ("modbus", _):
            modbusPorts.append(
                ModbusPort(
                    name: name, timing: timing, paced: try node.flag("wire_timing") ?? true,
                    devices: try Self.devices(node)))
        case (_, let interface?):
            var gear: [GearDescription] = []
            for (value, path) in try node.list("gear") { gear += try Self.gear(value, path) }
            var sensors: [SensorDescription] = []
            for (value, path) in try node.list("sensors") { sensors.append(try Self.sensor(value, path)) }
            lampPorts.append(
                LampPort(
                    name: name, bus: try node.optionalText("bus") ?? name, interface: interface,
                    listen: try Self.listen(node, interface), timing: timing,
                    hasSupply: try node.flag("supply") ?? false, gear: gear, sensors: sensors))
        default: throw ScenarioError(path: node.join("kind"), problem: "expected modbus or dali")
        }
    }

    /// `kind: dali` has an `interface`; `kind: luba` is the same with that one.
    private static func interface(_ node: ScenarioNode, kind: String) throws(ScenarioError) -> LampInterface? {
        let name = try node.optionalText("interface")
        if kind == "luba", name == nil { return .luba }
        guard kind == "dali" || kind == "luba" else {
            guard name == nil else {
                throw ScenarioError(path: node.join("interface"), problem: "belongs to kind dali")
            }
            return nil
        }
        guard let name, let interface = LampInterface(rawValue: name) else {
            let known = LampInterface.allCases.map(\.rawValue).joined(separator: ", ")
            throw ScenarioError(path: node.join("interface"), problem: "expected one of \(known)")
        }
        return interface
    }

    private static func listen(
        _ node: ScenarioNode, _ interface: LampInterface
    ) throws(ScenarioError) -> Endpoint? {
        guard let text = try node.optionalText("listen") else { return nil }
        guard interface.hasNetworkModel else {
            throw ScenarioError(
                path: node.join("listen"), problem: "there is no \(interface.rawValue) interface with TCP")
        }
        guard let (host, port) = Scenario.endpoint(text) else {
            throw ScenarioError(path: node.join("listen"), problem: "expected ADDRESS:PORT")
        }
        return Endpoint(host: host, port: port)
    }

    private static func server(_ value: JSONValue, _ path: String) throws(ScenarioError) -> Server {
        let node = try ScenarioNode(value, path: path, keys: ["name", "listen", "framing", "devices"])
        let listen = try node.optionalText("listen") ?? "127.0.0.1:0"
        guard let (host, port) = Scenario.endpoint(listen) else {
            throw ScenarioError(path: node.join("listen"), problem: "expected ADDRESS:PORT")
        }
        let framingName = try node.optionalText("framing") ?? "tcp"
        guard let framing = Server.Framing(rawValue: framingName) else {
            throw ScenarioError(path: node.join("framing"), problem: "expected tcp or rtu")
        }
        return Server(
            name: try node.name("name"), host: host, port: port, framing: framing, devices: try devices(node))
    }

    /// `ADDRESS:PORT` with an IPv4 address.
    public static func endpoint(_ text: String) -> (host: String, port: UInt16)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = UInt16(parts[1]), parts[0].split(separator: ".").count == 4 else {
            return nil
        }
        return (String(parts[0]), port)
    }

    private static func devices(_ node: ScenarioNode) throws(ScenarioError) -> [Device] {
        var devices: [Device] = []
        for (value, path) in try node.list("devices") { devices += try device(value, path) }
        return devices
    }

    private static func device(_ value: JSONValue, _ path: String) throws(ScenarioError) -> [Device] {
        let node = try ScenarioNode(
            value, path: path, keys: ["name", "product", "address", "count", "size", "follows", "latency_ms"])
        let name = try node.name("name")
        let identifier = try node.text("product")
        guard let product = MeterProduct.named(identifier) else {
            let known = MeterProduct.all.map(\.identifier).joined(separator: ", ")
            throw ScenarioError(path: node.join("product"), problem: "unknown; known products are \(known)")
        }
        let unit = try node.integer("address", in: 1...247) ?? 1
        let count = try node.integer("count", in: 1...247) ?? 1
        guard unit + count - 1 <= 247 else {
            throw ScenarioError(path: node.join("count"), problem: "the addresses would pass 247")
        }
        let size = try node.number("size", in: 0...10_000_000)
        let follows = try node.optionalText("follows")
        let latency = try node.number("latency_ms", in: 0...60_000).map { Int64($0 * 1e6) }
        return (0..<count).map {
            Device(
                name: numbered(name, $0, of: count), product: product, unit: UInt8(unit + $0), size: size,
                follows: follows, latency: latency)
        }
    }

    /// `lamp` of eight becomes `lamp-01` to `lamp-08`; a single one keeps its name.
    static func numbered(_ name: String, _ index: Int, of count: Int) -> String {
        guard count > 1 else { return name }
        let digits = String(index + 1)
        let width = max(2, String(count).count)
        return name + "-" + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private func check() throws(ScenarioError) {
        var names: Set<String> = []
        var ports: Set<String> = ["control"]
        for port in modbusPorts.map(\.name) + lampPorts.map(\.name) + servers.map(\.name) {
            guard ports.insert(port).inserted else {
                throw ScenarioError(path: "ports", problem: "the name \(port) is taken twice")
            }
        }
        for (port, devices) in modbusPorts.map({ ($0.name, $0.devices) }) + servers.map({ ($0.name, $0.devices) }) {
            var units: Set<UInt8> = []
            for device in devices {
                guard names.insert(device.name).inserted else {
                    throw ScenarioError(path: port, problem: "two devices are called \(device.name)")
                }
                guard units.insert(device.unit).inserted else {
                    throw ScenarioError(path: port, problem: "two devices have address \(device.unit)")
                }
                if let bus = device.follows, !lampPorts.contains(where: { $0.bus == bus }) {
                    throw ScenarioError(path: port, problem: "\(device.name) follows \(bus), which is no lamp bus")
                }
            }
        }
        for port in lampPorts {
            guard port.gear.count <= LampBus.largestGearCount else {
                throw ScenarioError(path: port.name, problem: "more than \(LampBus.largestGearCount) control gear")
            }
            for name in port.gear.map(\.name) + port.sensors.map(\.name) where !names.insert(name).inserted {
                throw ScenarioError(path: port.name, problem: "two things are called \(name)")
            }
            try checkFeeders(port)
        }
    }
}
