internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// The keys of a bus that belong to this driver.
struct BusOptions: Sendable {
    static let parities: KeyValuePairs<String, SerialSettings.Parity> = ["none": .none, "even": .even, "odd": .odd]

    static let descriptions: [DriverOptionDescription] = [
        .init("baud", "number", "9600", "baud rate of the serial line"),
        .init("parity", "none|even|odd", "none", "parity of the serial line"),
        .init("stop_bits", "1|2", "1", "stop bits of the serial line; data bits are always 8"),
        .init("response_timeout", "duration", "500ms", "longest wait for the first byte of an answer"),
        .init("turnaround", "duration", "0ms", "silence kept after each exchange, beyond 3.5 characters"),
        .init("sick_share", "percentage", "5%", "the most bus time that failing devices may cost together"),
        .init("echo", "auto|yes|no", "auto", "whether the adapter sends our own bytes back; auto finds out"),
        .init("low_latency", "flag", "true", "tell a USB adapter to hand over bytes at once"),
        .init(
            "rs485", "map", "", "{rts_on_send, delay_before, delay_after}: the kernel switches the direction by RTS"),
        .init("late", "duration", "100ms", "after a time-out the same request is not repeated for this long"),
        .init("connections", "number", "1", "most open connections to one host; one request is under way on each"),
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
