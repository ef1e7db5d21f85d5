import CLinux
import ControlProtocol
import Glibc
import Synchronization
import Testing

/// A folder for one socket; removed with its owner.
private final class SocketFolder: Sendable {
    let path: String
    var socket: String { path + "/control.sock" }

    init() {
        var template = Array("/tmp/candela-control-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
    }

    deinit {
        unlink(socket)
        rmdir(path)
    }
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs blocking client code off Swift's shared pool.
private func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        var thread = pthread_t()
        let box = Unmanaged.passRetained(ThreadBody { continuation.resume(returning: body()) })
        pthread_create(
            &thread, nil,
            { raw in
                Unmanaged<ThreadBody>.fromOpaque(raw!).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }
}

/// Set once, awaited by the test.
private final class Signal: Sendable {
    private let state = Mutex<(isSet: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

    func set() {
        let waiter = state.withLock { state in
            state.isSet = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isSet = state.withLock { state in
                if !state.isSet { state.waiter = continuation }
                return state.isSet
            }
            if isSet { continuation.resume() }
        }
    }
}

private func status(_ gateway: String) -> ControlReply {
    var reply = ControlReply()
    reply.status.gateway = gateway
    return reply
}

private func statusRequest() -> ControlRequest {
    var request = ControlRequest()
    request.status = .init()
    return request
}

@Suite(.timeLimit(.minutes(1))) struct ControlProtocolTests {
    @Test func `a request is answered, and the daemon knows who asked`() async throws {
        let folder = SocketFolder()
        let server = try ControlServer(path: folder.socket, group: nil) { request, peer, reply in
            try? await reply(status("\(peer.user):\(peer.process):\(request.id)"))
        }
        let path = folder.socket
        let answers = await onThread { () -> [String] in
            do throws(ControlClientError) {
                var client = try ControlClient(path: path)
                let first = try client.ask(statusRequest())
                let second = try client.ask(statusRequest())
                return [first.status.gateway, second.status.gateway]
            } catch {
                return ["\(error)"]
            }
        }
        #expect(answers == ["\(getuid()):\(getpid()):1", "\(getuid()):\(getpid()):2"])
        await server.stop()
        #expect(access(path, F_OK) != 0, "the socket is removed")
    }

    @Test func `a watch streams until its client goes, and is cancelled then`() async throws {
        let folder = SocketFolder()
        let cancelled = Signal()
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, reply in
            var number = 0
            do {
                while true {
                    try await reply(status("\(number)"))
                    number += 1
                    try await Task.sleep(for: .milliseconds(1))
                }
            } catch {
                cancelled.set()
            }
        }
        let path = folder.socket
        let seen = await onThread { () -> [String] in
            guard var client = try? ControlClient(path: path), (try? client.send(statusRequest())) != nil else {
                return []
            }
            return (0..<5).compactMap { _ in (try? client.receive(within: .seconds(20)))??.status.gateway }
        }
        #expect(seen == ["0", "1", "2", "3", "4"])
        await cancelled.wait()
        await server.stop()
    }

    @Test func `large replies wait for a slow client, and arrive whole`() async throws {
        let folder = SocketFolder()
        let text = String(repeating: "x", count: 1_000_000)
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, reply in
            for _ in 0..<20 { try? await reply(status(text)) }
        }
        let path = folder.socket
        let lengths = await onThread { () -> [Int] in
            guard var client = try? ControlClient(path: path), (try? client.send(statusRequest())) != nil else {
                return []
            }
            return (0..<20).compactMap { _ in (try? client.receive(within: .seconds(30)))??.status.gateway.utf8.count }
        }
        #expect(lengths == Array(repeating: 1_000_000, count: 20))
        await server.stop()
    }

    @Test func `a reply over the limit becomes a failure that says so`() async throws {
        let folder = SocketFolder()
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, reply in
            try? await reply(status(String(repeating: "x", count: ControlLimits.reply)))
        }
        let path = folder.socket
        let message = await onThread { () -> String in
            guard var client = try? ControlClient(path: path) else { return "" }
            return (try? client.ask(statusRequest()))?.failure.message ?? ""
        }
        #expect(message.contains("over the limit of 4194304"))
        await server.stop()
    }

    @Test func `the seventeenth client is refused with a reason, and one that goes makes room`() async throws {
        let folder = SocketFolder()
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, reply in
            try? await reply(status("here"))
        }
        let path = folder.socket
        let result = await onThread { () -> (String, String) in
            // Each has been answered, so the server has accepted it.
            let descriptors = (0..<16).map { _ in Self.connectedAndAnswered(path) }
            guard var extra = try? ControlClient(path: path) else { return ("", "") }
            let refusal = (try? extra.ask(statusRequest()))?.failure.message ?? "nothing"
            for descriptor in descriptors { close(descriptor) }
            // The server sees the ends in its own time: whoever comes before is refused, not harmed.
            for _ in 0..<1_000 {
                guard var late = try? ControlClient(path: path), let reply = try? late.ask(statusRequest()) else {
                    continue
                }
                if reply.status.gateway == "here" { return (refusal, "here") }
            }
            return (refusal, "no room")
        }
        #expect(result.0 == "the daemon serves 16 connections already")
        #expect(result.1 == "here")
        await server.stop()
    }

    /// A connection by hand that has got one answer.
    private static func connectedAndAnswered(_ path: String) -> Int32 {
        let descriptor = rawConnection(path)
        // version 1, id 1, StatusRequest.
        let request: [UInt8] = [6, 0x08, 1, 0x10, 1, 0x1A, 0]
        _ = request.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        var bytes = [UInt8](repeating: 0, count: 256)
        _ = read(descriptor, &bytes, bytes.count)
        return descriptor
    }

    private static func rawConnection(_ path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return descriptor
    }

    @Test(
        arguments: [
            ([0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "over the limit of 65536"), ([3, 0xFF, 0xFF, 0xFF], "is no request"),
            ([6, 0x08, 2, 0x10, 1, 0x1A, 0], "the client speaks version 2"),
        ] as [([UInt8], String)])
    func `what is no request is refused with a reason, and others are served on`(bytes: [UInt8], says: String)
        async throws
    {
        let folder = SocketFolder()
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, reply in
            try? await reply(status("here"))
        }
        let path = folder.socket
        let (answer, other) = await onThread { () -> (String, String) in
            let descriptor = Self.rawConnection(path)
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            var answer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1024)
            while true {
                let count = read(descriptor, &chunk, chunk.count)
                if count <= 0 { break }
                answer += chunk[..<count]
            }
            close(descriptor)
            guard var client = try? ControlClient(path: path) else { return ("", "") }
            return (String(decoding: answer, as: UTF8.self), (try? client.ask(statusRequest()))?.status.gateway ?? "")
        }
        #expect(answer.contains(says), "\(answer)")
        #expect(other == "here")
        await server.stop()
    }

    @Test func `a socket left by a crash is replaced, one that answers is not`() async throws {
        let folder = SocketFolder()
        let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: folder.socket.utf8) }
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(left)
        let server = try ControlServer(path: folder.socket, group: nil) { _, _, _ in }
        #expect(throws: ControlServerError.inUse(path: folder.socket)) {
            try ControlServer(path: folder.socket, group: nil) { _, _, _ in }
        }
        #expect(access(folder.socket, F_OK) == 0)
        await server.stop()
    }

    @Test func `a file that is no socket is left alone`() throws {
        let folder = SocketFolder()
        close(open(folder.socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
        #expect(throws: ControlServerError.notASocket(path: folder.socket)) {
            try ControlServer(path: folder.socket, group: nil) { _, _, _ in }
        }
        #expect(access(folder.socket, F_OK) == 0)
    }

    @Test func `only owner and group may connect, and an unknown group is told`() async throws {
        let folder = SocketFolder()
        let server = try ControlServer(path: folder.socket, group: "no-such-group") { _, _, _ in }
        var information = stat()
        #expect(stat(folder.socket, &information) == 0)
        #expect(information.st_mode & 0o777 == 0o660)
        #expect(server.note?.hasPrefix("there is no group 'no-such-group'") == true)
        await server.stop()
    }

    @Test func `a path that is too long is named by both ends`() {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        #expect(throws: ControlServerError.pathTooLong(path: path, bytes: 108)) {
            try ControlServer(path: path) { _, _, _ in }
        }
        #expect(Self.failure(path)?.message.contains("108 bytes long, Linux allows 107") == true)
    }

    @Test func `a daemon that is not there is told with the path and what to do`() {
        let folder = SocketFolder()
        let absent = Self.failure(folder.socket)
        #expect(absent?.kind == .notReachable)
        #expect(absent?.message == "no daemon is reachable: \(folder.socket) does not exist")
        #expect(absent?.hint == "start the daemon, or name its socket with --socket")
    }

    private static func failure(_ path: String) -> ControlClientError? {
        do throws(ControlClientError) {
            _ = try ControlClient(path: path)
            return nil
        } catch {
            return error
        }
    }
}
