internal import CLinux
internal import Glibc

/// A thread that `ps -L` and `top -H` show by name.
public struct NamedThread: Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread.
    ///
    /// - Parameter name: the kernel keeps its first 15 bytes.
    public init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        final class Work {
            let name: String
            let body: @Sendable () -> Void
            init(name: String, body: @escaping @Sendable () -> Void) {
                self.name = name
                self.body = body
            }
        }
        var handle = pthread_t()
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        let status = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                let short = Array(work.name.utf8.prefix(15).map { CChar(bitPattern: $0) }) + [0]
                candela_name_thread(short)
                work.body()
                return nil
            }, work.toOpaque())
        precondition(status == 0, "the system has no thread left for \(name)")
        self.handle = handle
    }

    /// Waits for its end. Once, and never from the thread itself.
    public func join() { pthread_join(handle, nil) }

    /// Nobody will wait for its end.
    public func detach() { pthread_detach(handle) }

    public var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }
}
