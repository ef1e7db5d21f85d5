internal import DriverKit
internal import Telemetry

/// What a serial line needs beside baud and parity.
struct SerialLineOptions: Sendable, Hashable {
    /// Direction of a transceiver that the kernel switches (TIOCSRS485).
    struct RS485: Sendable, Hashable {
        /// RTS is on while sending; false: off while sending, on afterwards.
        var rtsOnSend = true
        /// Between switching and the first bit, and between the last bit and switching back; whole milliseconds.
        var delayBefore: Duration = .zero
        var delayAfter: Duration = .zero
    }

    /// The kernel takes whole milliseconds; a transceiver needs microseconds, an isolated one a few milliseconds.
    static let longestDelay: Duration = .milliseconds(100)

    var rs485: RS485?
    var lowLatency = true
    var echo = RTUReceiver.Echo.possible

    init() {}

    init(_ map: NodeMap) {
        echo = map.choice("echo", ["auto": .possible, "yes": .expected, "no": .absent]) ?? echo
        lowLatency = map.flag("low_latency") ?? lowLatency
        guard let entries = map.map("rs485") else { return }
        var direction = RS485()
        direction.rtsOnSend = entries.flag("rts_on_send") ?? direction.rtsOnSend
        direction.delayBefore = Self.delay(entries, "delay_before")
        direction.delayAfter = Self.delay(entries, "delay_after")
        entries.finish()
        rs485 = direction
    }

    private static func delay(_ map: NodeMap, _ key: String) -> Duration {
        guard let value = map.value(key), let delay = value.duration(in: .zero...longestDelay) else { return .zero }
        if delay.wholeNanoseconds % 1_000_000 != 0 { value.error("the kernel counts this delay in whole milliseconds") }
        return delay
    }
}
