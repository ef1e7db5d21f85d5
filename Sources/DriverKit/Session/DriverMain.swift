internal import CLinux
internal import Glibc

/// The whole life of a driver process. Its `main.swift` is one line:
///
/// ```swift
/// DriverMain.run(MyDriver.self)
/// ```
public enum DriverMain {
    /// Serves the driver protocol on stdin and stdout until Shutdown or end of input, and exits: 0 in order, 2 when the
    /// stream broke or the runtime speaks another version, 4 when the bus had to be cut off.
    ///
    /// stdout is moved out of the way first: whatever a library prints goes to stderr and cannot corrupt the stream.
    public static func run(_ type: (some BusDriver).Type) -> Never {
        candela_one_heap()
        signal(SIGPIPE, SIG_IGN)
        let output = fcntl(1, F_DUPFD_CLOEXEC, 3)
        let input = fcntl(0, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard output >= 0, input >= 0, null >= 0, dup2(2, 1) >= 0, dup2(null, 0) >= 0 else {
            complain(
                "stdin and stdout must be the runtime's pipes: \(errorText(errno)). candelad starts drivers; by hand use `candela`"
            )
            exit(DriverSession.Status.broken)
        }
        close(null)
        let session = DriverSession(input: input, output: output, name: "bus-\(type.identity.name)")
        // exit handlers of libraries must not keep a process that has to go.
        exit(session.run(type, cutOff: { _exit($0) }))
    }
}
