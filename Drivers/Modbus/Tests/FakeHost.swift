import DriverKit
import Glibc
import Synchronization

@testable import ModbusDriver

/// A Modbus TCP host on a port of its own, in a thread; what it does with a request is the test's.
final class FakeHost: Sendable {
    enum Reaction: Sendable {
        /// These bytes, one piece after the other.
        case send([[UInt8]])
        case nothing
        case close
    }

    struct Seen: Sendable {
        var requests: [[UInt8]] = []
        var connections = 0
        var open = 0
        var mostOpen = 0
    }

    let port: Int
    private let listener: Int32
    private let seen = Mutex(Seen())
    private let isStopping = Mutex(false)
    private let react: @Sendable ([UInt8], Int) -> Reaction
    private let frameLength: @Sendable ([UInt8]) -> Int?

    var all: Seen { seen.withLock { $0 } }
    var address: HostAddress { HostAddress("127.0.0.1:\(port)")! }

    /// - Parameters:
    ///   - frameLength: length of the request that begins like this; nil: more is needed. Modbus TCP when nothing is said.
    ///   - react: to a request, of which it is told how many came before.
    init(
        frameLength: @escaping @Sendable ([UInt8]) -> Int? = {
            $0.count < 6 ? nil : 6 + Int($0[4]) * 256 + Int($0[5])
        }, react: @escaping @Sendable ([UInt8], Int) -> Reaction
    ) throws {
        self.react = react
        self.frameLength = frameLength
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard listener >= 0, bound, listen(listener, 16) == 0 else { throw MiniYAML.Problem(description: "no port") }
        port = Int(UInt16(bigEndian: address.sin_port))
        start()
    }

    /// One answer with as many registers as were asked for, each holding its address.
    static func answer(_ request: [UInt8]) -> [UInt8] {
        let first = Int(request[8]) * 256 + Int(request[9])
        let count = Int(request[10]) * 256 + Int(request[11])
        let words = (0..<count).flatMap { [UInt8((first + $0) >> 8 & 0xFF), UInt8((first + $0) & 0xFF)] }
        let length = 3 + words.count
        return request[0..<4] + [UInt8(length >> 8), UInt8(length & 0xFF), request[6], request[7], UInt8(words.count)]
            + words
    }

    private func start() {
        let host = Unmanaged.passRetained(self)
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<FakeHost>.fromOpaque(context).takeRetainedValue().serve() }
                return nil
            }, host.toOpaque())
        pthread_detach(thread)
    }

    private func serve() {
        var clients: [Int32: [UInt8]] = [:]
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while !isStopping.withLock({ $0 }) {
            var polls = ([listener] + clients.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&polls, nfds_t(polls.count), 20)
            for ready in polls where ready.revents != 0 {
                if ready.fd == listener {
                    let client = accept(listener, nil, nil)
                    guard client >= 0 else { continue }
                    clients[client] = []
                    seen.withLock {
                        $0.connections += 1
                        $0.open += 1
                        $0.mostOpen = max($0.mostOpen, $0.open)
                    }
                    continue
                }
                let count = recv(ready.fd, &buffer, buffer.count, 0)
                var mustClose = count <= 0
                if count > 0 { clients[ready.fd]?.append(contentsOf: buffer[..<count]) }
                while !mustClose, let bytes = clients[ready.fd], let length = frameLength(bytes), bytes.count >= length
                {
                    let request = Array(bytes[..<length])
                    clients[ready.fd]?.removeFirst(length)
                    let number = seen.withLock {
                        $0.requests.append(request)
                        return $0.requests.count - 1
                    }
                    switch react(request, number) {
                    case .nothing: break
                    case .close: mustClose = true
                    case .send(let pieces):
                        for piece in pieces {
                            _ = piece.withUnsafeBytes {
                                send(ready.fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                            }
                        }
                    }
                }
                if mustClose {
                    close(ready.fd)
                    clients[ready.fd] = nil
                    seen.withLock { $0.open -= 1 }
                }
            }
        }
        for client in clients.keys { close(client) }
        close(listener)
    }

    func stop() { isStopping.withLock { $0 = true } }
    deinit { stop() }
}
