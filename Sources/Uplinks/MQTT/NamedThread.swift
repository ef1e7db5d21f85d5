internal import CLinux
internal import Glibc

/// A detached thread with a name that `top -H` and a debugger show. Blocking calls of libmosquitto happen on such a one and never on
/// Swift's shared pool.
enum NamedThread {
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "no thread could be started: \(String(cString: strerror(code)))" }
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// - Parameter name: at most 15 bytes, the kernel's limit.
    static func start(name: String, _ run: @escaping @Sendable () -> Void) throws(Failure) {
        let code = create(Unmanaged.passRetained(Body(name, run)).toOpaque())
        if code != 0 { throw Failure(code: code) }
    }

    /// Takes the reference over.
    private static func create(_ body: UnsafeMutableRawPointer) -> Int32 {
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, threadMain, body)
        if code == 0 {
            pthread_detach(thread)
        } else {
            Unmanaged<Body>.fromOpaque(body).release()
        }
        return code
    }

    fileprivate static func live(_ argument: UnsafeMutableRawPointer) {
        blockBrokenPipes()
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        nameCallingThread(body.name)
        body.run()
    }

    private static func nameCallingThread(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, name, min(name.utf8.count, 15))
        close(file)
    }

    /// OpenSSL writes to its socket without MSG_NOSIGNAL; a broker that has gone must not end the gateway.
    private static func blockBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { NamedThread.live(argument) }
    return nil
}
