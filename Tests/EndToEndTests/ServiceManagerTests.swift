import Glibc
import TestSupport
import Testing

/// The daemon under a service manager: sd_notify(3).
@Suite(.serialized)
struct ServiceManagerTests {
    /// What systemd would hear: datagrams on a socket of its own.
    private final class Listener {
        let folder = TemporaryFolder()
        let path: String
        private let descriptor: Int32
        private(set) var heard: [String] = []

        init() throws {
            path = folder("notify")
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0)
        }

        /// Takes what has come so far.
        func listen() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let got = buffer.withUnsafeMutableBytes {
                    recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
                }
                guard got > 0 else { return }
                heard.append(String(decoding: buffer[0..<got], as: UTF8.self))
            }
        }

        deinit { close(descriptor) }
    }

    @Test func `systemd hears ready, then the watchdog's food, then stopping`() async throws {
        let listener = try Listener()
        // Nobody listens on port 9: a gateway without its field and its head-end is ready all the same.
        let gateway = try GatewayProcess(
            """
            gateway: {id: notify-test}
            buses:
              meters: {driver: modbus, port: "tcp://127.0.0.1:9"}
            devices:
              feeder-a: {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A}
            """, environment: ["NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "2000000"])
        try await eventually("the watchdog is fed three times") {
            listener.listen()
            return listener.heard.count { $0 == "WATCHDOG=1" } >= 3
        }
        #expect(listener.heard.first?.hasPrefix("READY=1\nSTATUS=1 devices on 1 buses") == true)
        #expect(try await gateway.terminate() == 0)
        listener.listen()
        #expect(listener.heard.contains("STOPPING=1"))
        #expect(!TestFiles.exists(gateway.socket), "the control socket is gone after an orderly stop")
    }
}
