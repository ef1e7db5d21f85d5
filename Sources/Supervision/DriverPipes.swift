import CLinux
import Glibc

/// A descriptor with one owner; closed when that goes.
struct OwnedDescriptor: ~Copyable {
    private(set) var number: Int32

    init(_ number: Int32) { self.number = number }

    var isOpen: Bool { number >= 0 }

    mutating func close() {
        if number >= 0 { _ = Glibc.close(number) }
        number = -1
    }

    deinit { if number >= 0 { _ = Glibc.close(number) } }
}

/// Both ends of a pipe, close-on-exec.
struct PipeEnds: ~Copyable {
    var read: OwnedDescriptor
    var write: OwnedDescriptor

    /// Throws the errno.
    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let failure = candela_pipe(&ends, false)
        guard failure == 0 else { throw SystemError(code: failure) }
        read = OwnedDescriptor(ends[0])
        write = OwnedDescriptor(ends[1])
    }
}

struct SystemError: Error, Sendable {
    let code: Int32
}

/// Lets a poll(2) that waits without a time limit return.
///
/// Unchecked: both descriptors are set in `init` and closed in `deinit`; in between they are only read and written
/// by the kernel.
final class WakePipe: @unchecked Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let failure = candela_pipe(&ends, true)
        guard failure == 0 else { throw SystemError(code: failure) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// From any thread. A full pipe has woken the reader already.
    func wake() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// On the reading thread.
    func clear() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(readEnd, &bytes, bytes.count) > 0 {}
    }
}

func setNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}
