import CLinux
import DriverKit
import Glibc
import Telemetry
import Testing

@Suite struct SerialPortTests {
    /// A pseudo-terminal; the master side stays with the test.
    final class Terminal {
        let master: Int32
        let path: String

        init() throws {
            var (master, slave): (Int32, Int32) = (-1, -1)
            // The name comes from openpty itself: ttyname shares one buffer among threads, and tests run side by side.
            var name = [CChar](repeating: 0, count: 128)
            try #require(openpty(&master, &slave, &name, nil, nil) == 0)
            defer { close(slave) }
            // Programs that other tests start meanwhile must not keep it open.
            _ = fcntl(master, F_SETFD, FD_CLOEXEC)
            self.master = master
            path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        func hangUp() { close(master) }
    }

    static let settings = SerialSettings(baud: 38_400)

    private func soon(_ duration: Duration = .seconds(5)) -> BootInstant { BootClock.now().advanced(by: duration) }

    private func failure(_ path: String) -> SerialPortError? {
        do throws(SerialPortError) {
            let port = try SerialPort(path: path, settings: Self.settings)
            port.close()
            return nil
        } catch {
            return error
        }
    }

    @Test func `bytes go both ways unchanged`() throws {
        let terminal = try Terminal()
        defer { terminal.hangUp() }
        let port = try SerialPort(path: terminal.path, settings: Self.settings)
        let all = (0...255).map { UInt8($0) }
        try port.write(all, until: soon())
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while received.count < all.count {
            let count = read(terminal.master, &buffer, buffer.count)
            try #require(count > 0)
            received += buffer[..<count]
        }
        #expect(received == all)
        #expect(write(terminal.master, all, all.count) == all.count)
        received = []
        while received.count < all.count { received += try port.read(until: soon()) }
        #expect(received == all)
        #expect(port.summary == "\(terminal.path) 38400 8N1")
    }

    @Test func `reading ends at its deadline and not before`() throws {
        let terminal = try Terminal()
        defer { terminal.hangUp() }
        let port = try SerialPort(path: terminal.path, settings: Self.settings)
        let deadline = soon(.milliseconds(30))
        #expect(try port.read(until: deadline) == [])
        #expect(BootClock.now() >= deadline)
        #expect(try port.read(until: BootInstant(nanoseconds: 0)) == [])
    }

    @Test func `a port that nobody reads is stuck and not for ever`() throws {
        let terminal = try Terminal()
        defer { terminal.hangUp() }
        let port = try SerialPort(path: terminal.path, settings: Self.settings)
        let much = [UInt8](repeating: 0x55, count: 1_000_000)
        #expect { try port.write(much, until: soon(.milliseconds(50))) } throws: { error in
            (error as? SerialPortError)?.code == .stuck
        }
    }

    @Test func `a port whose far end is gone says so`() throws {
        let terminal = try Terminal()
        let port = try SerialPort(path: terminal.path, settings: Self.settings)
        terminal.hangUp()
        #expect { try port.read(until: soon()) } throws: { ($0 as? SerialPortError)?.code == .gone }
        #expect { try port.write([1], until: soon()) } throws: { ($0 as? SerialPortError)?.code == .gone }
    }

    @Test func `a second user is told who has the port`() throws {
        let terminal = try Terminal()
        defer { terminal.hangUp() }
        let port = try SerialPort(path: terminal.path, settings: Self.settings)
        let refused = try #require(failure(terminal.path))
        guard case .held(let holder) = refused.code else {
            Issue.record("not held: \(refused)")
            return
        }
        #expect(holder?.hasPrefix("\(getpid()) ") == true)
        #expect(refused.isRetriable)
        #expect(refused.description.contains("in use by"))
        port.close()
        #expect(failure(terminal.path) == nil)
    }

    @Test func `a link of udev is followed`() throws {
        let terminal = try Terminal()
        defer { terminal.hangUp() }
        let link = "/tmp/candela-serial-\(getpid())-\(terminal.master)"
        try #require(symlink(terminal.path, link) == 0)
        defer { unlink(link) }
        let port = try SerialPort(path: link, settings: Self.settings)
        #expect(port.canonicalPath == terminal.path)
        #expect(port.summary == "\(link) (\(terminal.path)) 38400 8N1")
    }

    @Test func `what is not there or no port is told apart`() throws {
        let missing = try #require(failure("/dev/ttyUSB-none"))
        #expect(missing.code == .notThere && missing.isRetriable)
        #expect(missing.description.contains("/dev/serial/by-id"))
        let file = try #require(failure("/etc/hostname"))
        #expect(file.code == .unsupported && !file.isRetriable)
    }
}
