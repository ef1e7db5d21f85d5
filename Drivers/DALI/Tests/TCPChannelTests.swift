import DriverKit
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import DALIDriver

@Suite struct TCPChannelTests {
    /// A listening socket on a port of the system's choice.
    final class Server {
        let descriptor: Int32
        let port: Int

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let number = descriptor
            let isListening = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(number, $0, length) == 0 && listen(number, 1) == 0 && getsockname(number, $0, &length) == 0
                }
            }
            try #require(isListening)
            port = Int(UInt16(bigEndian: address.sin_port))
        }

        deinit { close(descriptor) }

        func accepted() -> Int32 { accept(descriptor, nil, nil) }
    }

    static func soon(_ milliseconds: Int64) -> BootInstant {
        DALIWorld.real.now().advanced(by: .milliseconds(milliseconds))
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `bytes go both ways over a name or a number`(_ host: String) throws {
        let server = try Server()
        let channel = try TCPChannel(path: "tcp://\(host):\(server.port)")
        #expect(channel.summary == "tcp://\(host):\(server.port)")
        let client = server.accepted()
        defer { close(client) }
        try channel.write([1, 2, 3], until: Self.soon(1000))
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(read(client, &buffer, 8) == 3 && buffer.prefix(3) == [1, 2, 3])
        #expect(try channel.read(until: Self.soon(10)) == [])
        _ = write(client, [7, 8] as [UInt8], 2)
        #expect(try channel.read(until: Self.soon(5000)) == [7, 8])
    }

    @Test func `a host that closes is a lost port, and says that it serves one master`() throws {
        let server = try Server()
        let channel = try TCPChannel(path: "tcp://127.0.0.1:\(server.port)")
        close(server.accepted())
        let error = #expect(throws: SerialPortError.self) { _ = try channel.read(until: Self.soon(5000)) }
        #expect(error?.code == .gone && error?.isRetriable == true)
        #expect(error?.description.contains("one master at a time") == true)
    }

    @Test func `nobody there is said with the reason`() throws {
        let port = freePort()
        let error = #expect(throws: SerialPortError.self) { _ = try TCPChannel(path: "tcp://127.0.0.1:\(port)") }
        #expect(error?.code == .notThere)
        #expect(error?.description.contains("127.0.0.1:\(port) is not reached (Connection refused)") == true)
    }
}
