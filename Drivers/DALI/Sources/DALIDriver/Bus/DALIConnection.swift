internal import DriverKit
internal import Telemetry

/// A channel and the framing spoken on it: the shell that does the I/O for a ``DALIInterface``. Blocking; lives on the bus's thread.
final class DALIConnection {
    /// An interface that takes its bytes this slowly is broken: 12 bytes at 38,400 baud are 3 ms.
    static let writeTimeout: Duration = .milliseconds(500)

    enum Greeting: Sendable, Hashable {
        case connected(String)
        case failed(String)
    }

    /// Frames, answers and events, in the order of the bus: for the trace.
    enum Record: Sendable, Hashable {
        case sent(ForwardFrame)
        case outcome(DALIRequest, DALIOutcome)
        case event(DALIEvent)
    }

    private let channel: any DALIChannel
    private var interface: any DALIInterface
    private let now: () -> BootInstant
    private let record: (Record) -> Void
    /// The port's last words; nothing is sent any more.
    private(set) var lost: SerialPortError?

    init(
        channel: any DALIChannel, interface: any DALIInterface, now: @escaping () -> BootInstant,
        record: @escaping (Record) -> Void
    ) {
        self.channel = channel
        self.interface = interface
        self.now = now
        self.record = record
    }

    var summary: String { channel.summary }
    var isBusDown: Bool { interface.isBusDown }
    var busFault: BusFault? { interface.busFault }
    /// When ``service()`` has something to do although no byte came; nil when never.
    var deadline: BootInstant? { interface.deadline }

    /// Asks the interface who it is; ends within its time-outs.
    func greet() -> Greeting {
        interface.connect(at: now())
        while true {
            while let action = interface.nextAction() {
                switch action {
                case .connected(let text): return .connected(text)
                case .connectFailed(let text): return .failed(text)
                default: perform(action)
                }
            }
            if let lost { return .failed(lost.description) }
            guard pump() else { return .failed("the interface did not finish its greeting") }
        }
    }

    /// One request from begin to end.
    func transact(_ request: DALIRequest) -> DALIOutcome {
        if let lost { return .error(.portLost(lost.description)) }
        // Answers and events that came since the last exchange are not this one's.
        service()
        if let fault = interface.busFault { return .error(.busDown(fault)) }
        guard interface.isIdle, lost == nil else { return .error(.portLost(lost?.description ?? "not connected")) }
        record(.sent(request.frame))
        interface.begin(request, at: now())
        while true {
            while let action = interface.nextAction() {
                if case .finished(let outcome) = action {
                    record(.outcome(request, outcome))
                    return outcome
                }
                perform(action)
            }
            if let lost { return .error(.portLost(lost.description)) }
            guard pump() else {
                return .error(.noAnswerFromInterface("the interface ended a request without a result"))
            }
        }
    }

    /// Takes in what has arrived and does what is due, without waiting.
    func service() {
        guard lost == nil else { return }
        do throws(SerialPortError) {
            while true {
                let bytes = try channel.read(until: BootInstant(nanoseconds: 0))
                guard !bytes.isEmpty else { break }
                interface.received(bytes, at: now())
            }
        } catch {
            lost = error
            return
        }
        interface.elapsed(at: now())
        while let action = interface.nextAction() { perform(action) }
    }

    /// Waits for bytes or the interface's deadline; false when it waits for neither.
    private func pump() -> Bool {
        guard let deadline = interface.deadline else { return false }
        do throws(SerialPortError) {
            let bytes = try channel.read(until: deadline)
            if bytes.isEmpty {
                interface.elapsed(at: now())
            } else {
                interface.received(bytes, at: now())
            }
        } catch {
            lost = error
        }
        return true
    }

    private func perform(_ action: InterfaceAction) {
        switch action {
        case .write(let bytes):
            do throws(SerialPortError) {
                try channel.write(bytes, until: now().advanced(by: Self.writeTimeout))
            } catch {
                lost = error
            }
        case .event(let event): record(.event(event))
        case .connected, .connectFailed, .finished: break
        }
    }
}
