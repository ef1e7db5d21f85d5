internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// The keys of a bus that belong to this driver.
struct BusOptions: Sendable {
    static let parities: KeyValuePairs<String, SerialSettings.Parity> = ["none": .none, "even": .even, "odd": .odd]

    static let descriptions: [DriverOptionDescription] = [
        option("baud", "number", "9600", "baud rate of the serial line"),
        option("parity", "none|even|odd", "none", "parity of the serial line"),
        option("stop_bits", "1|2", "1", "stop bits of the serial line; data bits are always 8"),
        option("response_timeout", "duration", "500ms", "longest wait for the first byte of an answer"),
        option("turnaround", "duration", "0ms", "silence kept after each exchange, beyond 3.5 characters"),
        option("sick_share", "percentage", "5%", "the most bus time that failing devices may cost together"),
        option("echo", "auto|yes|no", "auto", "whether the adapter sends our own bytes back; auto finds out"),
        option("low_latency", "flag", "true", "tell a USB adapter to hand over bytes at once"),
        option(
            "rs485", "map", "", "{rts_on_send, delay_before, delay_after}: the kernel switches the direction by RTS"),
        option("late", "duration", "100ms", "after a time-out the same request is not repeated for this long"),
        option("connections", "number", "1", "most open connections to one host; one request is under way on each"),
    ]

    var serial = SerialSettings()
    /// Most meters answer within 200 ms; the slowest vendor text says 500 ms.
    var responseTimeout: Duration = .milliseconds(500)
    var turnaround: Duration = .zero
    /// What the line needs beside baud and parity.
    var line = SerialLineOptions()
    var sickShare = 0.05
    /// RTU cannot tell a late answer from a timely one; this much later none comes any more.
    var late: Duration = .milliseconds(100)
    /// Many gateways and meters serve a single connection and refuse or drop others.
    var connections = 1

    init(_ node: DriverNode?, port: PortAddress?, diagnostics: Diagnostics) {
        let map = NodeMap(node, place: NodePlace(.bus), diagnostics: diagnostics)
        serial.baud = map.integer("baud", oneOf: SerialRates.all) ?? serial.baud
        serial.parity = map.choice("parity", Self.parities) ?? serial.parity
        serial.stopBits = map.integer("stop_bits", in: 1...2) ?? serial.stopBits
        if let bits = map.integer("data_bits", in: 5...9), bits != 8 {
            diagnostics.error(
                "Modbus RTU has 8 data bits, always", at: map.place.appending("data_bits"))
        }
        responseTimeout =
            map.duration("response_timeout", in: .milliseconds(10) ... .seconds(10)) ?? responseTimeout
        turnaround = map.duration("turnaround", in: .zero ... .seconds(1)) ?? turnaround
        line = SerialLineOptions(map)
        if let share = map.percent("sick_share", in: 0...100) { sickShare = max(0.001, share.approximation) }
        late = map.duration("late", in: .zero ... .seconds(5)) ?? late
        connections = map.integer("connections", in: 1...8) ?? connections
        if let port, port.isSerial, map.keys.contains("connections") {
            diagnostics.warning(
                "connections means nothing on a serial port", at: map.place.appending("connections"), atKey: true)
        }
        if let port, !port.isSerial {
            for key in ["baud", "parity", "stop_bits", "rs485", "low_latency", "echo"] where map.keys.contains(key) {
                diagnostics.warning("\(key) means nothing on a network port", at: map.place.appending(key), atKey: true)
            }
        }
        map.finish()
    }
}

/// The keys of a device that belong to this driver.
struct DeviceOptions: Sendable {
    static let descriptions: [DriverOptionDescription] = [
        option("address", "number", "", "unit (slave) address: 1 to 247, on TCP 0 to 255", required: true),
        option("host", "text", "", "HOST or HOST:PORT, on a bus with port: tcp"),
        option(
            "ct_ratio", "number", "1", "current transformers, 250 or 250/5, for a meter that gives secondary values"),
        option("vt_ratio", "number", "1", "voltage transformers, for a meter that gives secondary values"),
        option("invert", "flag", "false", "the meter is mounted the other way round: import and export change places"),
        option("pulse", "map", "", "{per, start, at}: what one pulse is worth, for a pulse input"),
    ]

    var unit: Int?
    var host: HostAddress?
    var currentRatio = ExactDecimal(1)
    var voltageRatio = ExactDecimal(1)
    var isInverted = false

    init(_ device: DriverDevice, port: PortAddress?, profile: ModbusProfile?, diagnostics: Diagnostics) {
        let map = NodeMap(
            device.hasOptions ? device.options : nil, place: NodePlace(.device, name: device.name),
            diagnostics: diagnostics)
        if let value = map.required("address", "the unit address, such as 1") {
            unit = value.integer(in: port?.units ?? 0...255)
        }
        if case .hosts? = port {
            if let value = map.required("host", "HOST or HOST:PORT"), let text = value.text() {
                host = HostAddress(text)
                if host == nil { value.error("\(text) is no host; expected HOST or HOST:PORT") }
            }
        } else if let value = map.value("host") {
            value.error("only a bus with port: tcp has a host for each device; this bus has one port")
        }
        currentRatio = Self.ratio(map, "ct_ratio", profile)
        voltageRatio = Self.ratio(map, "vt_ratio", profile)
        isInverted = map.flag("invert") ?? false
        Self.checkPulse(map)
        map.finish()
    }

    /// `40` or `200/5`: how many times the primary value is the secondary one.
    private static func ratio(_ map: NodeMap, _ key: String, _ profile: ModbusProfile?) -> ExactDecimal {
        guard let value = map.value(key) else { return ExactDecimal(1) }
        guard let text = value.text() else { return ExactDecimal(1) }
        let parts = text.split(separator: "/").map { ExactDecimal($0) }
        var ratio: ExactDecimal?
        switch parts.count {
        case 1: ratio = parts[0]
        case 2:
            if let top = parts[0]?.integer, let bottom = parts[1]?.integer, bottom > 0, top > 0 {
                // Exact or not at all: a bill is not multiplied by 33.333.
                ratio =
                    (0...9).lazy.compactMap { places in
                        let (shifted, overflow) = top.multipliedReportingOverflow(by: power(places))
                        return !overflow && shifted % bottom == 0
                            ? ExactDecimal(mantissa: shifted / bottom, exponent: -Int32(places)) : nil
                    }.first
            }
        default: break
        }
        guard let ratio, ratio > .zero else {
            value.error("\(text) is no exact ratio; expected a number such as 40, or primary/secondary such as 200/5")
            return ExactDecimal(1)
        }
        if let profile, profile.limits.ratio == .applied, ratio != ExactDecimal(1) {
            value.error(
                "\(profile.name) multiplies by the ratio itself: set it in the meter, not here, or every value is counted twice"
            )
        }
        return ratio
    }

    private static func power(_ places: Int) -> Int64 { (0..<places).reduce(1) { result, _ in result * 10 } }

    private static func checkPulse(_ map: NodeMap) {
        guard let value = map.value("pulse"), let pulse = value.map() else { return }
        _ = pulse.required("per", "a value with its unit, such as 0.01 m3")?.text()
        _ = pulse.text("start")
        _ = pulse.text("at")
        pulse.finish()
        value.error("the profile has no pulse input, so there is nothing that pulse could be applied to")
    }
}

private func option(
    _ name: String, _ type: String, _ standard: String, _ help: String, required: Bool = false
) -> DriverOptionDescription {
    var option = DriverOptionDescription()
    option.name = name
    option.type = type
    option.defaultValue = standard
    option.help = help
    option.required = required
    return option
}
