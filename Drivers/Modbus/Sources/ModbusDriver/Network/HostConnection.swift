internal import CLinux
internal import DriverKit
internal import Glibc
internal import Telemetry

/// One connection to a host and the one request under way on it. Never blocks: it is told what happened and when its time is over.
final class HostConnection {
    /// Connecting to a host in the next street takes milliseconds, over a mobile network a second or two.
    static let connectTimeout: Duration = .seconds(2)
    /// After so many requests in a row without any byte the connection is taken for dead: one that lost its host says nothing.
    static let silencesUntilClosed = 3

    private enum State {
        case closed
        case resolving
        case connecting(StreamSocket)
        case open(StreamSocket)
    }

    private struct Flight {
        let work: Work
        let began: BootInstant
        /// Already asked once on a connection that turned out to be closed.
        var isSecond = false
        var sent: [UInt8] = []
        var sentAt: BootInstant?
    }

    let lane: Int
    let host: HostAddress
    let framing: NetworkFraming
    private let poller: EventPoller
    private let resolver: HostResolver
    private var state = State.closed
    private var untried: [SocketAddress] = []
    private var flight: Flight?
    private var unsent: ArraySlice<UInt8> = []
    private var transaction: UInt16 = 0
    private var mbap = MBAPReceiver()
    private var rtu = RTUStreamReceiver()
    private var silences = 0
    private var strays = LineStrays()
    /// When ``timeIsOver(at:)`` is to be called; nil: not.
    private(set) var deadline: BootInstant?
    /// Ends the request under way.
    var onDone: (Work, Exchange) -> Void = { _, _ in }
    /// Something on the line that nobody waited for.
    var onStray: (LineStrays) -> Void = { _ in }
    /// Called from another thread when a name is resolved.
    private let onResolved: @Sendable () -> Void

    init(
        lane: Int, host: HostAddress, framing: NetworkFraming, poller: EventPoller,
        onResolved: @escaping @Sendable () -> Void
    ) {
        self.lane = lane
        self.host = host
        self.framing = framing
        self.poller = poller
        self.onResolved = onResolved
        resolver = HostResolver(host)
    }

    var isBusy: Bool { flight != nil }
    var isOpen: Bool { if case .open = state { true } else { false } }
    var isResolving: Bool { if case .resolving = state { true } else { false } }

    // MARK: requests

    /// Begins a request; only when not busy.
    ///
    /// - Parameter notBefore: a pause that the device needs.
    func begin(_ work: Work, at now: BootInstant, notBefore: BootInstant) {
        flight = Flight(work: work, began: now)
        if notBefore > now, isOpen {
            deadline = notBefore
        } else {
            go(at: now)
        }
    }

    private func go(at now: BootInstant) {
        switch state {
        case .open: send(at: now)
        case .closed: resolve(at: now)
        case .resolving, .connecting: break
        }
    }

    private func send(at now: BootInstant) {
        guard var flight, case .open(let socket) = state else { return }
        transaction &+= 1
        flight.sent = framing.frame(flight.work.request, unit: flight.work.unit, transaction: transaction)
        flight.sentAt = now
        self.flight = flight
        // What came before the request is no answer to it.
        if framing == .rtu { rtu.clear() }
        deadline = now.advanced(by: flight.work.timeout)
        unsent = flight.sent[...]
        flush(socket, at: now)
    }

    private func flush(_ socket: StreamSocket, at now: BootInstant) {
        guard !unsent.isEmpty else { return }
        let count = socket.send(unsent)
        guard count >= 0 else {
            lost(Int32(-count), at: now)
            return
        }
        let wasWaiting = unsent.count < (flight?.sent.count ?? 0)
        unsent = unsent.dropFirst(count)
        if !unsent.isEmpty || wasWaiting {
            poller.change(socket.descriptor, token: lane, write: !unsent.isEmpty)
        }
    }

    /// The moment of ``deadline`` has come.
    func timeIsOver(at now: BootInstant) {
        deadline = nil
        guard let flight else { return }
        switch state {
        case .open where flight.sentAt == nil: send(at: now)
        case .open:
            silences += 1
            let pending = framing == .tcp ? mbap.pending : rtu.pending
            if !pending.isEmpty {
                let rest = Array(pending)
                close()
                finish(.broken("an answer that stops in the middle"), rest, at: now)
                return
            }
            if silences >= Self.silencesUntilClosed { close() }
            finish(.silence, [], at: now)
        case .connecting:
            close()
            connectNext(at: now, reason: "no connection within \(Self.connectTimeout.wholeMilliseconds) ms")
        case .resolving:
            close()
            finish(.gone("\(host): no answer from the name server"), [], at: now)
        case .closed: go(at: now)
        }
    }

    private func finish(_ outcome: Exchange.Outcome, _ received: [UInt8], at now: BootInstant) {
        guard let flight else { return }
        self.flight = nil
        deadline = nil
        unsent = []
        let sentAt = flight.sentAt ?? now
        var exchange = Exchange(
            outcome: outcome, sent: flight.sent, received: received, began: flight.began, ended: now, silent: .zero)
        exchange.strays = strays
        if case .answer = outcome { exchange.latency = now.duration(since: sentAt) }
        strays = LineStrays()
        onDone(flight.work, exchange)
    }

    // MARK: connection

    private func resolve(at now: BootInstant) {
        switch resolver.addresses(onChange: onResolved) {
        case .found(let addresses):
            untried = addresses
            connectNext(at: now, reason: "no address")
        case .failed(let reason):
            resolver.forget()
            state = .closed
            finish(.gone("\(host): \(reason)"), [], at: now)
        case .unknown, .asking:
            state = .resolving
            deadline = now.advanced(by: Self.connectTimeout)
        }
    }

    /// A name may have been resolved.
    func resolved(at now: BootInstant) {
        guard case .resolving = state else { return }
        resolve(at: now)
    }

    private func connectNext(at now: BootInstant, reason: String) {
        var reason = reason
        while !untried.isEmpty {
            switch StreamSocket.connect(untried.removeFirst()) {
            case .failed(let code): reason = StreamSocket.words(code)
            case .under(let socket, let isMade):
                guard poller.add(socket.descriptor, token: lane, write: !isMade) else {
                    reason = StreamSocket.words(errno)
                    continue
                }
                mbap.clear()
                rtu.clear()
                silences = 0
                state = isMade ? .open(socket) : .connecting(socket)
                if isMade { send(at: now) } else { deadline = now.advanced(by: Self.connectTimeout) }
                return
            }
        }
        state = .closed
        resolver.forget()
        finish(.gone("\(host): \(reason)"), [], at: now)
    }

    func close() {
        switch state {
        case .open(let socket), .connecting(let socket): poller.remove(socket.descriptor)
        case .closed, .resolving: break
        }
        state = .closed
        unsent = []
    }

    /// Closes for good; what was under way ends as gone.
    func dismiss(at now: BootInstant) {
        close()
        finish(.gone("the bus is being closed"), [], at: now)
    }

    /// The connection ended. Many devices close one that was idle: that is no failure until a new one fails too.
    private func lost(_ code: Int32, at now: BootInstant) {
        close()
        guard var flight else { return }
        if flight.sentAt != nil, flight.isSecond {
            finish(.gone("\(host): \(StreamSocket.words(code))"), [], at: now)
            return
        }
        flight.isSecond = true
        flight.sentAt = nil
        self.flight = flight
        resolve(at: now)
    }

    // MARK: events

    func happened(_ event: EventPoller.Event, buffer: inout [UInt8], at now: BootInstant) {
        switch state {
        case .closed, .resolving: break
        case .connecting(let socket):
            guard event.isWritable else { return }
            let code = socket.failure
            guard code == 0 else {
                close()
                connectNext(at: now, reason: StreamSocket.words(code))
                return
            }
            state = .open(socket)
            poller.change(socket.descriptor, token: lane, write: false)
            send(at: now)
        case .open(let socket):
            if event.isReadable { read(socket, &buffer, at: now) }
            if event.isWritable, case .open(let socket) = state { flush(socket, at: now) }
        }
    }

    private func read(_ socket: StreamSocket, _ buffer: inout [UInt8], at now: BootInstant) {
        // One read: what is left comes with the next event, and no host keeps the others waiting.
        switch socket.receive(into: &buffer) {
        case .nothing: return
        case .ended(let code): lost(code, at: now)
        case .bytes(let count):
            silences = 0
            if framing == .tcp { mbap.append(buffer[..<count]) } else { rtu.append(buffer[..<count]) }
            while isOpen {
                let reception = framing == .tcp ? mbap.next() : rtu.next()
                if case .incomplete = reception { return }
                take(reception, at: now)
            }
        }
    }

    private func take(_ reception: NetworkReception, at now: BootInstant) {
        switch reception {
        case .incomplete: break
        case .broken(let what, let bytes):
            // On a serial device server the next frame begins after the next request.
            if framing == .tcp { close() }
            finish(.broken(what), bytes, at: now)
        case .frame(let number, let unit, let data, let whole):
            guard let flight, flight.sentAt != nil, number == nil || number == transaction else {
                stray { $0.late += 1 }
                return
            }
            guard unit == flight.work.unit else {
                if framing == .rtu {
                    stray { $0.foreign += 1 }
                } else {
                    strays.foreign += 1
                    finish(.broken("an answer of unit \(unit)"), whole, at: now)
                }
                return
            }
            do {
                finish(.answer(try ModbusAnswer(data, to: flight.work.request)), whole, at: now)
            } catch {
                finish(.broken(error.reason), whole, at: now)
            }
        }
    }

    private func stray(_ count: (inout LineStrays) -> Void) {
        var one = LineStrays()
        count(&one)
        onStray(one)
    }
}
