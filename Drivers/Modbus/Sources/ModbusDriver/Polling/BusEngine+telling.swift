internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// What goes out: samples, states, statistics, trace.
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
        let device = devices[index]
        let refused = device.plan.refused.filter { !device.points[$0].isHidden }.sorted()
        send(index, refused.map { ($0, .bad(.notSupported)) }, at: clock())
    }

    /// What the decoder has found out about the device: that it is another product, or cannot be recognised.
    func tellFindings(_ index: Int) {
        let findings = devices[index].decoder.takeFindings()
        for finding in findings { outlet.log("\(devices[index].name): \(finding)") }
        let isWrong = devices[index].decoder.isWrongDevice
        guard devices[index].decoder.isRecognised, isWrong != devices[index].isToldWrong else { return }
        devices[index].isToldWrong = isWrong
        tell(
            "wrong_device", of: index,
            isWrong
                ? findings.last ?? "this is not what its profile describes"
                : "it is what its profile \(devices[index].profileIdentity) describes again",
            severity: 2, phase: isWrong ? 1 : 2)
    }

    /// - Parameters:
    ///   - severity: 0 info, 1 warning, 2 alarm.
    ///   - phase: 0 a mere happening, 1 begins, 2 ends.
    func tell(_ kind: String, of index: Int, _ detail: String, severity: UInt32, phase: UInt32 = 0) {
        var event = DriverEvent()
        event.kind = kind
        event.hasDevice_p = true
        event.device = devices[index].index
        event.severity = severity
        event.phase = phase
        event.detail = detail
        event.bootNs = UInt64(max(0, clock().nanoseconds))
        outlet.event(event)
    }

    func tellState(_ index: Int) {
        var state = devices[index].state(missed: missedIntervals(index))
        // The port is away: that is the bus's alarm, and nothing is known of the devices behind it.
        if portFailure != nil { state.condition = .unknown }
        outlet.deviceState(state)
    }

    private func missedIntervals(_ index: Int) -> UInt64 {
        scheduler.missedIntervals(device: devices[index].index) + missedAway(index, at: clock())
    }

    func statistics() -> DriverStatistics {
        var statistics = meter.statistics(at: clock())
        statistics.devices = devices.indices.map { devices[$0].statistics(missed: missedIntervals($0)) }
        return statistics
    }

    /// Why an exchange came to nothing, with what was on the wire where that helps.
    func reason(_ exchange: Exchange, _ work: Work) -> String {
        switch exchange.outcome {
        case .silence: "no answer within \(work.timeout.wholeMilliseconds) ms"
        case .broken(let what):
            "\(what); sent \(hex(exchange.sent))"
                + (exchange.received.isEmpty ? "" : ", received \(hex(exchange.received))")
        case .gone(let what): what
        case .answer(.exception(let exception)): exception.words
        case .answer: "answered"
        }
    }

    func trace(_ exchange: Exchange, _ work: Work) {
        let name = work.device.map { "\(devices[$0].name) " } ?? ""
        func record(_ at: BootInstant, _ bytes: [UInt8], _ text: String, sent: Bool) {
            var record = DriverTraceRecord(
                bootNanoseconds: at.nanoseconds, sent: sent, bytes: bytes, text: "\(name)unit \(work.unit): \(text)")
            if let device = work.device {
                record.hasDevice_p = true
                record.device = devices[device].index
            }
            switch exchange.outcome {
            case .answer(.exception), .silence, .broken, .gone: record.failed = true
            case .answer: break
            }
            outlet.traceRecord(record)
        }
        record(exchange.began.advanced(by: exchange.silent), exchange.sent, work.request.words, sent: true)
        let milliseconds = exchange.took.wholeMilliseconds
        let text =
            switch exchange.outcome {
            case .answer(.exception(let exception)): "\(exception.words) after \(milliseconds) ms"
            case .answer: "answer after \(milliseconds) ms"
            default: reason(exchange, work)
            }
        record(exchange.ended, exchange.received, text, sent: false)
    }
}
