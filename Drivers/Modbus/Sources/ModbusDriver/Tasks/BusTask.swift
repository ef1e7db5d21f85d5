internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Something a person asked of the bus that takes many exchanges: a scan, a raw request, a look at a profile.
///
/// A state machine that the driver steps between polls. Each step does at most one exchange through the ``TaskBench`` it is handed, so
/// that polling and a person's reads go on meanwhile.
protocol BusTask: AnyObject {
    /// - Returns: what comes next; after `.done` or `.failed` it is not called again.
    func step(_ bench: any TaskBench) -> TaskProgress
    /// Nobody waits any more: put back what was changed (baud rate, address), then end.
    func cancel(_ bench: any TaskBench)
    /// What had been found when it was cancelled; nil where half of it means nothing.
    var soFar: DriverNode? { get }
}

extension BusTask {
    var soFar: DriverNode? { nil }
}

enum TaskProgress {
    /// Step again as soon as the bus is free.
    case again
    case wait(until: BootInstant)
    case done(DriverNode)
    /// What happened and what to do, one sentence.
    case failed(String)
}

/// What a task may do. Used from the bus thread only.
protocol TaskBench: AnyObject {
    var now: BootInstant { get }
    /// The bus as it is configured; everything that a plan or a check needs.
    var configuration: BusConfiguration { get }
    /// No write may reach the field.
    var isReadOnly: Bool { get }
    /// One exchange on the configured line, ahead of polling. `host` names the link on a bus with `port: tcp`, nil on the others.
    /// Counted and traced as any other; `.gone` when the port is not open.
    func exchange(
        _ request: ModbusRequest, unit: UInt8, host: HostAddress?, timeout: Duration, pause: Duration
    ) -> Exchange
    /// Takes the line for itself with other settings, nil to go back to the bus's own: polling stops meanwhile. Serial lines only.
    func retune(_ settings: SerialSettings?) throws(LinkFailure)
    /// Bytes that came on the line since the last call, with the time of arrival of each chunk; for listening only, after ``retune(_:)``.
    func listen(for limit: Duration) -> [HeardBytes]
    /// Tells the person how far it is: a finding, or a map with `line`.
    func tell(_ content: DriverNode)
}

struct HeardBytes: Sendable, Hashable {
    let at: BootInstant
    let bytes: [UInt8]
}
