internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// What goes out: samples, states, trace.
extension BusEngine {
    func send(_ index: Int, _ values: [(Int, RegisterCodec.Decoded)], at moment: BootInstant) {
        guard !values.isEmpty else { return }
        outlet.samples(device: devices[index].index, samples(values, at: moment))
    }

    func send(_ index: Int, _ values: [DeviceDecoder.Value], at moment: BootInstant) {
        guard !values.isEmpty else { return }
        outlet.samples(device: devices[index].index, samples(values, at: moment))
    }

    func samples(_ values: [DeviceDecoder.Value], at moment: BootInstant) -> [Sample] {
        values.map {
            Sample(
                point: $0.point, value: $0.decoded.value, quality: $0.decoded.quality, acquired: moment, raw: $0.raw)
        }
    }

    func samples(_ values: [(Int, RegisterCodec.Decoded)], at moment: BootInstant) -> [Sample] {
        values.map { Sample(point: $0.0, value: $0.1.value, quality: $0.1.quality, acquired: moment) }
    }

    func tellRefused(_ index: Int) {
        let visible = devices[index].plan.refused.filter { $0 < devices[index].descriptors.count }
        send(index, visible.sorted().map { ($0, .bad(.notSupported)) }, at: clock())
    }

    /// What the decoder has found out about the device: that it is another product, or cannot be recognised.
    func tellFindings(_ index: Int) {
        for finding in devices[index].decoder.takeFindings() { outlet.log("\(devices[index].name): \(finding)") }
    }

    func tellState(_ index: Int) {
        let device = devices[index]
        var missed = scheduler.missedIntervals(device: device.index)
        if let since = device.offlineSince {
            let away = max(0, clock().nanoseconds - since.nanoseconds)
            missed += device.blocks.reduce(0) { $0 + UInt64(away / max(1, $1.interval.wholeNanoseconds)) }
        }
        var state = device.state(missed: missed)
        // The port is away: that is the bus's alarm, and nothing is known of the devices behind it.
        if portFailure != nil { state.condition = .unknown }
        outlet.deviceState(state)
    }

    /// Why an exchange came to nothing, with what was on the wire where that helps.
    func reason(_ exchange: Exchange, _ device: ModbusDevice) -> String {
        switch exchange.outcome {
        case .silence: "no answer within \(device.timeout.wholeMilliseconds) ms"
        case .broken(let what):
            "\(what); sent \(hex(exchange.sent))"
                + (exchange.received.isEmpty ? "" : ", received \(hex(exchange.received))")
        case .gone(let what): what
        case .answer(.exception(let exception)): exception.words
        case .answer: "answered"
        }
    }

    func trace(_ exchange: Exchange, _ request: ModbusRequest, _ device: ModbusDevice) {
        outlet.traceRecord(
            DriverTraceRecord(
                bootNanoseconds: exchange.began.nanoseconds, sent: true, bytes: exchange.sent,
                text: "\(device.name) unit \(device.unit): \(request.words)"))
        let milliseconds = exchange.took.wholeMilliseconds
        let text =
            switch exchange.outcome {
            case .answer(.exception(let exception)): "\(exception.words) after \(milliseconds) ms"
            case .answer: "answer after \(milliseconds) ms"
            default: reason(exchange, device)
            }
        outlet.traceRecord(
            DriverTraceRecord(
                bootNanoseconds: exchange.ended.nanoseconds, sent: false, bytes: exchange.received,
                text: "\(device.name) unit \(device.unit): \(text)"))
    }
}
