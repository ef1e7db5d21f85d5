import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Exchange ring` {
    private func exchange(_ outcome: Exchange.Outcome, received: [UInt8]) -> Exchange {
        var exchange = Exchange(
            outcome: outcome, sent: [1, 2, 3], received: received, began: BootInstant(nanoseconds: 5_000),
            ended: BootInstant(nanoseconds: 9_000), silent: .zero)
        exchange.latency = .nanoseconds(1_500)
        return exchange
    }

    private static let words: [UInt16] = [0x0102, 0xFFFE]
    private static let data: [UInt8] = [4, 4, 1, 2, 0xFF, 0xFE]

    @Test(arguments: [
        // Modbus TCP, RTU, and a frame of neither form.
        [0, 7, 0, 0, 0, 7, 1] + data, [1] + data + [0xAA, 0xBB], data,
    ])
    func `an exchange is told from the ring as it was`(received: [UInt8]) {
        let request = ModbusRequest.read(table: .input, at: 0, count: 2)
        for outcome: Exchange.Outcome in [
            .answer(.words(Self.words)), .silence, .broken("a checksum error"), .gone("unplugged"), .answer(.written),
        ] {
            let whole = exchange(outcome, received: received)
            let entry = ExchangeRing.Entry(device: 3, unit: 1, request: request, exchange: whole)
            #expect(entry.outcome == outcome)
            #expect(Array(entry.sent) == whole.sent && Array(entry.received) == received)
            #expect(entry.took == whole.took && entry.latency == whole.latency && entry.ended == whole.ended)
        }
    }

    @Test func `a roster gives back the devices that were put in, twins and others`() throws {
        let profile = """
            driver: modbus
            status: verified
            numbers: {table: holding}
            values: [{quantity: voltage, phase: L1, at: 1, as: u16, unit: V}]
            """
        let message = try configure(
            profile, devices: ["{address: 1}", "{address: 2}", "{address: 3, force_profile: true}", "{address: 4}"],
            bus: "{}", port: "/dev/null")
        let devices = BusConfiguration(message).devices
        #expect(devices.map(\.unit) == [1, 2, 3, 4])
        #expect(devices.map(\.index) == message.devices.map(\.index))
        #expect(devices.map(\.name) == message.devices.map(\.name))
        #expect(Set([devices[0], devices[1], devices[3]].map(\.likeness)).count == 1)
    }
}
