import CLinux
import Glibc
import SwiftProtobuf
import Telemetry

/// The work of the server's thread: accepts, cuts requests, starts a task for each, writes replies. Lives on that thread alone.
final class ControlServerLoop {
    private struct Client {
        let descriptor: Int32
        let connection: ControlConnection
        var decoder = LengthDelimited.Decoder(limit: ControlLimits.request)
        /// Closed as soon as what waits is written.
        var isClosing = false
        /// It said that it asks for nothing more and reads on: what runs for it is called off, and the last words are still sent.
        var isEnding = false
    }

    /// Without descriptors or memory accept(2) fails again at once: this long it is left alone.
    private static let acceptPause: Int32 = 200

    private let server: ControlServer
    /// nil once closed.
    private var listener: ControlListener?
    private var clients: [Client] = []
    private var lastRequest: UInt64 = 0
    private var isAcceptPaused = false
    private var chunk = [UInt8](repeating: 0, count: 16_384)

    init(server: ControlServer, listener: consuming ControlListener) {
        self.server = server
        self.listener = consume listener
    }

    func run() {
        while !server.isStopping { turn() }
        for client in clients { drop(client) }
        clients = []
        listener = nil
        server.ended()
    }

    private func turn() {
        var polled = [
            pollfd(fd: server.wakeRead, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isAcceptPaused ? -1 : (listener?.descriptor ?? -1), events: Int16(POLLIN), revents: 0),
        ]
        for client in clients {
            var events: Int16 = 0
            if !client.isClosing, !client.isEnding, client.connection.runningRequests < ControlLimits.requestsAtOnce {
                events |= Int16(POLLIN)
            }
            if client.connection.hasOutput { events |= Int16(POLLOUT) }
            polled.append(pollfd(fd: client.descriptor, events: events, revents: 0))
        }
        let ready = poll(&polled, nfds_t(polled.count), isAcceptPaused ? Self.acceptPause : -1)
        isAcceptPaused = false
        guard ready > 0 else { return }
        if polled[0].revents != 0 { clearWake() }
        var remaining: [Client] = []
        for (index, client) in clients.enumerated() {
            var client = client
            if serve(&client, polled[index + 2].revents) { remaining.append(client) } else { drop(client) }
        }
        clients = remaining
        if polled[1].revents != 0 { accept() }
    }

    private func clearWake() {
        while read(server.wakeRead, &chunk, chunk.count) > 0 {}
    }

    /// - Returns: false when the connection is over.
    private func serve(_ client: inout Client, _ events: Int16) -> Bool {
        if events & Int16(POLLIN) != 0 {
            let count = recv(client.descriptor, &chunk, chunk.count, 0)
            if count > 0 {
                client.decoder.append(chunk[..<count])
            } else if count == 0, events & Int16(POLLHUP | POLLERR) == 0 {
                client.isEnding = true
                client.connection.callOff()
            } else if count == 0 || !(UnixSocket.isInterrupted || UnixSocket.wouldBlock) {
                return false
            }
        } else if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 {
            return false
        }
        takeRequests(&client)
        guard client.connection.flush(client.descriptor) else { return false }
        if client.isEnding, client.connection.runningRequests > 0 { return true }
        return !((client.isClosing || client.isEnding) && !client.connection.hasOutput)
    }

    private func drop(_ client: Client) {
        client.connection.close()
        close(client.descriptor)
    }

    // MARK: - Requests

    private func takeRequests(_ client: inout Client) {
        do {
            while !client.isClosing, client.connection.runningRequests < ControlLimits.requestsAtOnce,
                let bytes = try client.decoder.next()
            {
                let request = try ControlRequest(serializedBytes: bytes)
                guard request.version == ControlLimits.version else {
                    return refuse(
                        &client, request.id,
                        "this daemon speaks version \(ControlLimits.version) of the control protocol, "
                            + "the client speaks version \(request.version)",
                        "use the candela program that was installed with the daemon")
                }
                guard request.message != nil else {
                    reply(
                        &client, request.id, "the daemon does not know this request",
                        "use the candela program that was installed with the daemon")
                    continue
                }
                begin(request, for: client.connection)
            }
        } catch {
            refuse(&client, 0, "what was received is no request: \(error)", "is the client a candela program?")
        }
    }

    private func begin(_ request: ControlRequest, for connection: ControlConnection) {
        lastRequest += 1
        let number = lastRequest
        let handler = server.handler
        let task = Task {
            let sender: ControlServer.ControlReplySender = { reply in
                try await connection.answer(reply, to: request.id)
            }
            await handler(request, connection.peer, sender)
            connection.ended(number)
        }
        connection.began(number, task)
    }

    private func reply(_ client: inout Client, _ request: UInt64, _ message: String, _ hint: String) {
        let (connection, reply) = (client.connection, ControlConnection.failure(message, hint))
        lastRequest += 1
        let number = lastRequest
        let task = Task {
            // A client that has gone needs no answer.
            try? await connection.send(reply, to: request)
            connection.ended(number)
        }
        connection.began(number, task)
    }

    /// Says why, then closes the connection.
    private func refuse(_ client: inout Client, _ request: UInt64, _ message: String, _ hint: String) {
        client.isClosing = true
        sendAtOnce(client.descriptor, request, message, hint)
    }

    /// A short message fits into the empty buffer of a socket; if it does not, the client is not reading anyway.
    private func sendAtOnce(_ descriptor: Int32, _ request: UInt64, _ message: String, _ hint: String) {
        if let frame = try? ControlConnection.frame(ControlConnection.failure(message, hint), to: request) {
            _ = UnixSocket.send(descriptor, frame[...])
        }
    }

    // MARK: - Connections

    private func accept() {
        guard let listening = listener?.descriptor else { return }
        let descriptor = Glibc.accept(listening, nil, nil)
        guard descriptor >= 0 else {
            isAcceptPaused = !(UnixSocket.isInterrupted || UnixSocket.wouldBlock || errno == ECONNABORTED)
            return
        }
        UnixSocket.setNonBlocking(descriptor)
        var peer = candela_peer()
        guard candela_socket_peer(descriptor, &peer) == 0 else {
            close(descriptor)
            return
        }
        guard clients.count < ControlLimits.clients else {
            sendAtOnce(
                descriptor, 0, "the daemon serves \(ControlLimits.clients) connections already",
                "close a running 'candela top' or 'candela trace'")
            close(descriptor)
            return
        }
        let connection = ControlConnection(
            peer: ControlPeer(process: peer.pid, user: peer.uid, group: peer.gid),
            wake: { [weak server] in server?.wake() })
        clients.append(Client(descriptor: descriptor, connection: connection))
    }
}
