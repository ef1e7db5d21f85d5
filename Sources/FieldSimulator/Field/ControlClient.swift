import CLinux
import Glibc

/// The address of a Unix socket.
enum ControlAddress {
    /// nil when the path is longer than a socket address holds (107 bytes).
    static func socket(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }
}

/// Sends one command to a running simulator.
public enum ControlClient {
    /// Milliseconds. The simulator answers between two polls; after five seconds it is stuck.
    static let patience: Int32 = 5000

    /// - Parameter directory: the simulator's directory.
    /// - Returns: the line of answer, `ok ...` or `error: ...`.
    /// - Throws: ``FieldServerError`` when no simulator listens there or it does not answer.
    public static func send(_ command: String, to directory: String) throws(FieldServerError) -> String {
        let path = "\(directory)/control"
        guard var address = ControlAddress.socket(path) else {
            throw FieldServerError("connecting to \(path)", code: ENAMETOOLONG, advice: "give a shorter directory")
        }
        let descriptor = Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let number = descriptor.number
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected, descriptor.write(ArraySlice((command + "\n").utf8)) != nil else {
            throw FieldServerError("connecting to \(path)", advice: "check that candela-sim runs with this directory")
        }
        var answer: [UInt8] = []
        while !answer.contains(UInt8(ascii: "\n")) {
            var wait = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, patience) == 1, let bytes = descriptor.read(), !bytes.isEmpty else {
                throw FieldServerError(
                    "waiting for the answer of \(path)", code: ETIMEDOUT, advice: "restart candela-sim")
            }
            answer += bytes
        }
        return String(decoding: answer.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
