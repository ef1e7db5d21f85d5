import ArgumentParser
import Telemetry

/// Where a port is that no configuration names, and how it is set.
struct PlaceOptions: ParsableArguments {
    @Option(help: "A serial device, tcp://HOST:PORT or rtu+tcp://HOST:PORT, without any configuration.")
    var port: String?
    @Option(help: "Its baud rate.") var baud: Int?
    @Option(help: "Its parity: none, even or odd.") var parity: String?
    @Option(help: "Its stop bits: 1 or 2.") var stopBits: Int?
    @Option(help: "What is behind a DALI --port: luba (without it), foxtron or sevenlab.") var interface: String?
    @Option(name: .customLong("driver"), help: "The driver of --port: modbus or, for lamp commands, dali without it.")
    var namedDriver: String?

    /// Only DALI drivers ask what kind of interface is there.
    var driver: String { namedDriver ?? (interface == nil ? "modbus" : "dali") }

    static let parities = ["none", "even", "odd"]

    func validate() throws {
        if let parity, !Self.parities.contains(parity) {
            throw ValidationError("--parity is none, even or odd, not \"\(parity)\"")
        }
        if let stopBits, !(1...2).contains(stopBits) { throw ValidationError("--stop-bits is 1 or 2, not \(stopBits)") }
        if let baud, !(300...1_000_000).contains(baud) { throw ValidationError("\(baud) is no baud rate") }
    }

    /// Keys of a bus.
    var busOptions: [JSONValue.Member] {
        var keys: [JSONValue.Member] = []
        if let baud { keys.append(.init("baud", .integer(baud))) }
        if let parity { keys.append(.init("parity", .string(parity))) }
        if let interface { keys.append(.init("interface", .string(interface))) }
        if let stopBits { keys.append(.init("stop_bits", .integer(stopBits))) }
        return keys
    }

    /// - Parameter name: what stands where a bus or a port may stand.
    func place(_ name: String?) throws -> TaskPlace {
        switch (name, port) {
        case (nil, nil):
            throw CommandFailure(
                ExitStatus.wrongUsage, "which bus? name one of the configuration, or a port with --port")
        case (let name?, nil):
            if name.contains("/") { return .port(name, busOptions, driver: driver) }
            guard busOptions.isEmpty else {
                throw CommandFailure(
                    ExitStatus.wrongUsage, "bus \(name) has its settings from the configuration",
                    hint: "--baud, --parity, --stop-bits and --interface go with a port, such as --port /dev/ttyUSB0")
            }
            return .bus(name)
        case (nil, let port?): return .port(port, busOptions, driver: driver)
        case (let name?, _?):
            throw CommandFailure(ExitStatus.wrongUsage, "either the bus \(name) or --port, not both")
        }
    }
}

/// A number as people write registers: 12, 0x000C.
struct NumberArgument: ExpressibleByArgument, CustomStringConvertible {
    let value: Int
    let description: String

    init?(argument: String) {
        let digits = argument.hasPrefix("0x") || argument.hasPrefix("0X") ? argument.dropFirst(2) : argument[...]
        guard let value = Int(digits, radix: digits.count == argument.count ? 10 : 16) else { return nil }
        self.value = value
        description = argument
    }
}

/// `1-247`, `1,5,17`, `3`.
struct RangeArgument: ExpressibleByArgument {
    let first: Int
    let last: Int

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last
        else { return nil }
        self.first = first
        self.last = last
    }
}

/// `9600,19200`: several things between commas.
struct ListArgument: ExpressibleByArgument {
    let items: [String]

    init?(argument: String) {
        items = argument.split(separator: ",", omittingEmptySubsequences: true).map { part in
            var part = part
            while part.first == " " { part.removeFirst() }
            while part.last == " " { part.removeLast() }
            return String(part)
        }
        if items.isEmpty || items.contains("") { return nil }
    }
}
