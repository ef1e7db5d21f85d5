import CLinux
import Glibc
import Telemetry

/// Puts a simulated field on pseudo-terminals, TCP ports and a control socket, in one thread over poll(2).
///
/// Everything happens in ``run(until:)``; the server must be made and run on one thread. Errors of single clients end
/// that client only.
public final class FieldServer {
    /// A stop request is seen within this time; also the longest sleep.
    static let longestSleep: Int64 = 100_000_000
    /// A client that reads nothing is cut off at this backlog.
    static let largestBacklog = 1 << 20
    /// A control line longer than this is no command.
    static let longestLine = 4096
    /// A lamp interface with TCP closes a connection on which it heard nothing for so long (Foxtron DALInet: about 30 s), in
    /// nanoseconds.
    static let idleLimit: Int64 = 30_000_000_000
    /// Waiting connections of a listener.
    static let listenBacklog: Int32 = 64

    private final class PortEndpoint {
        let port: SimulatedPort
        let link: String
        var terminal: PseudoTerminal?
        var watch: Int32 = -1
        /// Who is connected to a port that is reached over TCP: one master at a time.
        weak var client: Connection?

        init(port: SimulatedPort, link: String) {
            self.port = port
            self.link = link
        }
    }

    private final class Connection {
        let descriptor: Descriptor
        /// nil for a control connection.
        let session: (any PortSession)?
        /// The lamp interface behind it; it lives on when the client leaves.
        let port: PortEndpoint?
        var lastHeard: Int64
        var input: [UInt8] = []
        var backlog: [UInt8] = []
        var isDone = false

        init(
            _ descriptor: consuming Descriptor, session: (any PortSession)?, port: PortEndpoint?, at now: BootInstant
        ) {
            self.descriptor = descriptor
            self.session = session
            self.port = port
            lastHeard = now.nanoseconds
        }
    }

    private final class Listener {
        let descriptor: Descriptor
        let purpose: Purpose

        init(_ descriptor: consuming Descriptor, _ purpose: Purpose) {
            self.descriptor = descriptor
            self.purpose = purpose
        }
    }

    /// Whom a listener's clients talk to.
    private enum Purpose {
        case control
        case server(Scenario.Server)
        case port(PortEndpoint)
    }

    public let field: FieldSimulation
    public let directory: String
    /// The TCP port of every server, by name, as the system gave it.
    public private(set) var tcpPorts: [(name: String, address: String)] = []

    private let console: FieldConsole
    private var ports: [PortEndpoint] = []
    private var listeners: [Listener] = []
    private var connections: [Connection] = []
    private let watcher: Descriptor

    /// Opens everything.
    ///
    /// - Parameters:
    ///   - directory: is made when it is not there; gets a link for every serial port, `control`, and a file with the
    ///     number of every TCP port.
    /// - Throws: ``FieldServerError`` when the system refuses something.
    public init(_ field: FieldSimulation, directory: String) throws(FieldServerError) {
        self.field = field
        self.directory = directory
        console = FieldConsole(field)
        watcher = Descriptor(inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK)))
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
            throw FieldServerError("making the directory \(directory)", advice: "give one that can be written")
        }
        for port in field.ports {
            let endpoint = PortEndpoint(port: port, link: "\(directory)/\(port.name)")
            if port.listen == nil { try open(endpoint) }
            ports.append(endpoint)
        }
        for server in field.scenario.servers { try listen(server.name, server.host, server.port, .server(server)) }
        for endpoint in ports {
            guard let place = endpoint.port.listen else { continue }
            try listen(endpoint.port.name, place.host, place.port, .port(endpoint))
        }
        try listenForControl()
    }

    /// Every serial port with the device that it is at present.
    public var serialPorts: [(name: String, path: String)] {
        ports.filter { $0.port.listen == nil }.map { ($0.port.name, $0.terminal?.path ?? "gone") }
    }

    // MARK: Opening

    private func open(_ endpoint: PortEndpoint) throws(FieldServerError) {
        let terminal = try PseudoTerminal(link: endpoint.link)
        endpoint.watch = inotify_add_watch(watcher.number, terminal.path, UInt32(IN_CLOSE_WRITE))
        endpoint.terminal = consume terminal
    }

    private func listen(
        _ name: String, _ host: String, _ wanted: UInt16, _ purpose: Purpose
    ) throws(FieldServerError) {
        let descriptor = Descriptor(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        descriptor.prepare()
        var yes: Int32 = 1
        setsockopt(descriptor.number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = wanted.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw FieldServerError("listening on \(host)", code: EINVAL, advice: "give an IPv4 address")
        }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = descriptor.number
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && Glibc.listen(number, Self.listenBacklog) == 0
                    && getsockname(number, $0, &length) == 0
            }
        }
        guard isListening else {
            throw FieldServerError(
                "listening on \(host):\(wanted)", advice: "port 0 lets the system choose a free one")
        }
        let port = UInt16(bigEndian: address.sin_port)
        // The first server is what a script most often wants.
        if tcpPorts.isEmpty { try write("\(port)\n", to: "\(directory)/tcp-port") }
        try write("\(port)\n", to: "\(directory)/\(name).port")
        tcpPorts.append((name, "\(host):\(port)"))
        listeners.append(Listener(descriptor, purpose))
    }

    private func listenForControl() throws(FieldServerError) {
        let path = "\(directory)/control"
        guard var address = ControlAddress.socket(path) else {
            throw FieldServerError("opening \(path)", code: ENAMETOOLONG, advice: "give a shorter directory")
        }
        unlink(path)
        let descriptor = Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        descriptor.prepare()
        let number = descriptor.number
        let isListening = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                    && Glibc.listen(number, Self.listenBacklog) == 0
            }
        }
        guard isListening else {
            throw FieldServerError("opening the control socket \(path)", advice: "check the directory's permissions")
        }
        listeners.append(Listener(descriptor, .control))
    }

    private func write(_ text: String, to path: String) throws(FieldServerError) {
        let number = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else {
            throw FieldServerError("writing \(path)", advice: "check the directory's permissions")
        }
        let file = Descriptor(number)
        _ = file.write(ArraySlice(text.utf8))
    }

    // MARK: The loop

    private var now: BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }

    /// Serves the field until `shouldStop` says so; it is asked at least every 100 ms.
    ///
    /// - Parameter extra: a descriptor whose end of input also stops the server, or -1.
    public func run(stopAtEndOf extra: Int32 = -1, until shouldStop: () -> Bool) {
        while !shouldStop() {
            let wake = flush()
            if poll(extra: extra, until: wake) { break }
        }
        for name in field.ports.map(\.name) { unlink("\(directory)/\(name)") }
        for (name, _) in tcpPorts { unlink("\(directory)/\(name).port") }
        unlink("\(directory)/tcp-port")
        unlink("\(directory)/control")
    }

    /// Sends what is due everywhere; when something is due next, in nanoseconds.
    private func flush() -> Int64 {
        let now = now
        var wake = now.nanoseconds + Self.longestSleep
        for endpoint in ports {
            let bytes = endpoint.port.session.advance(to: now)
            // A line without a listener loses its bytes, and so does this one when the buffer is full.
            if !bytes.isEmpty { _ = endpoint.terminal?.master.write(bytes[...]) }
            endpoint.client?.backlog += bytes
            if let due = endpoint.port.session.nextDeadline { wake = min(wake, due.nanoseconds) }
        }
        for connection in connections {
            if let session = connection.session {
                connection.backlog += session.advance(to: now)
                if let due = session.nextDeadline { wake = min(wake, due.nanoseconds) }
                if (session as? ModbusTCPSession)?.isBroken == true { connection.isDone = true }
            }
            if connection.port != nil {
                if now.nanoseconds - connection.lastHeard > Self.idleLimit { connection.isDone = true }
            }
            send(connection)
        }
        connections.removeAll(where: \.isDone)
        return wake
    }

    private func send(_ connection: Connection) {
        guard !connection.backlog.isEmpty else { return }
        guard let sent = connection.descriptor.write(connection.backlog[...]),
            connection.backlog.count < Self.largestBacklog
        else {
            connection.isDone = true
            return
        }
        connection.backlog.removeFirst(sent)
    }

    /// Sleeps until a byte comes or `wake`; true when the server should stop.
    private func poll(extra: Int32, until wake: Int64) -> Bool {
        var waits: [pollfd] = []
        var actions: [() -> Void] = []
        func wait(_ number: Int32, _ events: Int32, _ action: @escaping () -> Void) {
            waits.append(pollfd(fd: number, events: Int16(events), revents: 0))
            actions.append(action)
        }
        for endpoint in ports {
            if let number = endpoint.terminal?.master.number { wait(number, POLLIN) { self.read(endpoint) } }
        }
        for listener in listeners { wait(listener.descriptor.number, POLLIN) { self.accept(listener) } }
        for connection in connections {
            let events = connection.backlog.isEmpty ? POLLIN : POLLIN | POLLOUT
            wait(connection.descriptor.number, events) { self.read(connection) }
        }
        wait(watcher.number, POLLIN) { self.noticeClosing() }
        var isFinished = false
        if extra >= 0 {
            wait(extra, POLLIN) {
                var byte: UInt8 = 0
                if Glibc.read(extra, &byte, 1) == 0 { isFinished = true }
            }
        }
        let sleep = max(0, wake - candela_boottime_nanoseconds())
        guard candela_poll(&waits, UInt(waits.count), sleep) > 0 else { return false }
        for (wait, action) in zip(waits, actions) where wait.revents != 0 { action() }
        return isFinished
    }

    private func read(_ endpoint: PortEndpoint) {
        guard let bytes = endpoint.terminal?.master.read(), !bytes.isEmpty else { return }
        endpoint.port.session.receive(bytes, at: now)
    }

    private func accept(_ listener: Listener) {
        let number = Glibc.accept(listener.descriptor.number, nil, nil)
        guard number >= 0 else { return }
        let descriptor = Descriptor(number)
        descriptor.prepare()
        var session: (any PortSession)?
        var port: PortEndpoint?
        switch listener.purpose {
        case .control: break
        case .server(let server): session = field.connect(to: server)
        case .port(let endpoint):
            // One master at a time: the second is closed at once.
            guard endpoint.client == nil, !endpoint.port.isGone else { return }
            port = endpoint
        }
        if session != nil || port != nil {
            var yes: Int32 = 1
            setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        let connection = Connection(descriptor, session: session, port: port, at: now)
        port?.client = connection
        connections.append(connection)
    }

    private func read(_ connection: Connection) {
        guard let bytes = connection.descriptor.read() else {
            connection.isDone = true
            return
        }
        if !bytes.isEmpty { connection.lastHeard = now.nanoseconds }
        if let port = connection.port { return port.port.session.receive(bytes, at: now) }
        if let session = connection.session { return session.receive(bytes, at: now) }
        connection.input += bytes
        while let end = connection.input.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: connection.input[..<end], as: UTF8.self)
            connection.input.removeFirst(end + 1)
            let answer = console.perform(line, at: now)
            let problem = followPlugs()
            connection.backlog += Array((problem.map { "error: \($0)" } ?? answer).utf8) + [UInt8(ascii: "\n")]
        }
        if connection.input.count > Self.longestLine { connection.isDone = true }
        send(connection)
    }

    /// Pulls and plugs the ports as the field says; what went wrong, if anything.
    private func followPlugs() -> String? {
        for endpoint in ports {
            let isThere = endpoint.terminal != nil
            if endpoint.port.isGone, isThere { endpoint.terminal = nil }
            if endpoint.port.isGone { endpoint.client?.isDone = true }
            if !endpoint.port.isGone, !isThere, endpoint.port.listen == nil {
                do { try open(endpoint) } catch { return error.description }
            }
        }
        return nil
    }

    /// A client closed its end of a pseudo-terminal.
    private func noticeClosing() {
        guard let bytes = watcher.read() else { return }
        var offset = 0
        let head = MemoryLayout<inotify_event>.size
        while offset + head <= bytes.count {
            let event = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self) }
            for endpoint in ports where endpoint.watch == event.wd { endpoint.terminal?.clientLeft() }
            offset += head + Int(event.len)
        }
    }
}
