import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

@Suite(.serialized, .timeLimit(.minutes(1))) struct `A serial link` {
    private static let read = ModbusRequest.read(table: .holding, at: 0, count: 1)
    private static func answer(_ unit: UInt8, _ value: UInt8) -> [UInt8] { RTUFrame.checked([unit, 3, 2, 0, value]) }

    private func link(
        _ path: String, finder: SerialPortFinder = SerialPortFinder(), options: SerialLineOptions = SerialLineOptions(),
        log: @escaping (String) -> Void = { _ in }
    ) -> SerialLink {
        SerialLink(
            path: path, SerialSettings(baud: 115_200), turnaround: .zero, options: options, finder: finder, log: log)
    }

    private func ask(_ link: SerialLink, timeout: Duration = .milliseconds(300)) -> Exchange {
        link.exchange(Self.read, unit: 1, timeout: timeout, pause: .zero)
    }

    @Test func `it asks and gets the answer as soon as its last byte is there`() throws {
        let slave = PseudoLine { _ in [(20, Self.answer(1, 42))] }
        let link = link(slave.path)
        try link.open()
        let exchange = ask(link, timeout: .seconds(10))
        #expect(exchange.outcome == .answer(.words([42])))
        #expect(exchange.sent == RTUFrame.checked([1] + Self.read.bytes))
        #expect(exchange.strays.isEmpty)
        #expect((exchange.latency ?? .zero) > .milliseconds(15))
        // Ten seconds of time-out, and none of them waited for.
        #expect(exchange.took < .seconds(5))
    }

    @Test func `an adapter that echoes is found out and told of once`() throws {
        let slave = PseudoLine { request in [(0, request), (10, Self.answer(1, 7))] }
        let lines = Mutex<[String]>([])
        let link = link(slave.path) { line in lines.withLock { $0.append(line) } }
        for _ in 0..<3 {
            let exchange = ask(link)
            #expect(exchange.outcome == .answer(.words([7])))
            #expect(exchange.strays.echoes == 1)
        }
        // A write's answer is its own bytes: the echo is taken off first.
        let write = link.exchange(
            .writeRegister(at: 1, value: 2), unit: 1, timeout: .milliseconds(50), pause: .zero)
        #expect(write.outcome == .silence || write.strays.echoes == 1)
        #expect(lines.withLock { $0.count } == 1)
        #expect(lines.withLock { $0.first?.contains("echo") } == true)
    }

    @Test func `an answer that comes after its time is not the answer to the next request`() throws {
        let count = Atomic(0)
        let slave = PseudoLine { _ in
            // The first request is answered after 150 ms, by which time the second is long sent.
            count.add(1, ordering: .relaxed).newValue == 1
                ? [(150, RTUFrame.checked([1, 3, 4, 0, 1, 0, 2]))] : [(20, Self.answer(1, 9))]
        }
        let link = link(slave.path)
        #expect(ask(link, timeout: .milliseconds(50)).outcome == .silence)
        let second = ask(link, timeout: .seconds(5))
        #expect(second.outcome == .answer(.words([9])))
        #expect(second.strays.late == 1)
    }

    @Test func `what came while nobody listened is thrown away and counted`() throws {
        let count = Atomic(0)
        let slave = PseudoLine { _ in
            count.add(1, ordering: .relaxed).newValue == 1
                ? [(0, Self.answer(1, 1)), (0, Self.answer(9, 5) + [0xFF])] : [(0, Self.answer(1, 2))]
        }
        let link = link(slave.path)
        let first = ask(link)
        #expect(first.outcome == .answer(.words([1])))
        let second = ask(link)
        #expect(second.outcome == .answer(.words([2])))
        var strays = first.strays
        strays.add(second.strays)
        #expect(strays.foreign + strays.noise >= 1)
    }

    @Test func `a port that refuses RS-485 says so and is not worth a second try`() throws {
        let slave = PseudoLine { _ in [] }
        var options = SerialLineOptions()
        options.rs485 = SerialLineOptions.RS485()
        let link = link(slave.path, options: options)
        let failure = #expect(throws: LinkFailure.self) { try link.open() }
        #expect(failure?.isRetriable == false)
        #expect(failure?.message.contains("RS-485") == true)
    }

    @Test func `an adapter that comes back under another name is found by what it is`() throws {
        let folder = TemporaryFolder()
        let sysfs = FakeSysfs(folder)
        let first = PseudoLine { _ in [(0, Self.answer(1, 1))] }
        let second = PseudoLine { _ in [(0, Self.answer(1, 2))] }
        let other = PseudoLine { _ in [(0, Self.answer(1, 3))] }
        let port = folder("ttyUSB0")
        symlink(first.path, port)
        sysfs.plug(first.path, socket: "1-1", serial: "A1", interface: "00")
        sysfs.plug(other.path, socket: "1-2", serial: "B2", interface: "00")
        let link = link(port, finder: sysfs.finder)
        try link.open()
        #expect(ask(link).outcome == .answer(.words([1])))
        first.pull()
        sysfs.unplug(first.path)
        unlink(port)
        guard case .gone = ask(link).outcome else {
            Issue.record("the port is gone and the link does not know")
            return
        }
        #expect(throws: LinkFailure.self) { try link.open() }
        sysfs.plug(second.path, socket: "1-7", serial: "A1", interface: "00")
        try link.open()
        #expect(ask(link).outcome == .answer(.words([2])))
        #expect(link.title.contains(second.path))
    }

    @Test func `it listens without a word of its own`() throws {
        let slave = PseudoLine { _ in [(0, Self.answer(1, 1))] }
        let link = link(slave.path)
        try link.retune(SerialSettings(baud: 9_600))
        #expect(link.settings.baud == 9_600)
        #expect(link.listen(for: .milliseconds(30)).isEmpty)
        try link.retune(nil)
        #expect(link.settings.baud == 115_200)
        #expect(ask(link).outcome == .answer(.words([1])))
    }
}

/// A sysfs with a USB bus of which only what a serial port's identity needs is there.
private struct FakeSysfs {
    let root: String
    let folder: TemporaryFolder
    var finder: SerialPortFinder { SerialPortFinder(sysfs: root, devices: "/dev/pts") }

    init(_ folder: TemporaryFolder) {
        self.folder = folder
        root = folder("sys")
        TestFiles.makeFolder("\(root)/class/tty")
    }

    func plug(_ port: String, socket: String, serial: String, interface: String, vendor: String = "0403") {
        let device = "\(root)/devices/usb1/\(socket)"
        TestFiles.write("\(device)/idVendor", "\(vendor)\n")
        TestFiles.write("\(device)/idProduct", "6001\n")
        if !serial.isEmpty { TestFiles.write("\(device)/serial", "\(serial)\n") }
        TestFiles.write("\(device)/\(socket):1.0/bInterfaceNumber", "\(interface)\n")
        TestFiles.makeFolder("\(device)/\(socket):1.0/\(name(port))")
        TestFiles.makeFolder("\(root)/class/tty/\(name(port))")
        symlink("\(device)/\(socket):1.0/\(name(port))", "\(root)/class/tty/\(name(port))/device")
    }

    func unplug(_ port: String) { TestFiles.removeTree("\(root)/class/tty/\(name(port))") }

    private func name(_ port: String) -> String { port.split(separator: "/").last.map(String.init) ?? "" }
}

@Suite struct `The adapter of a serial port` {
    @Test func `one without a serial number is known by its socket`() {
        let folder = TemporaryFolder()
        let sysfs = FakeSysfs(folder)
        sysfs.plug("/dev/pts/90001", socket: "1-1", serial: "", interface: "00")
        sysfs.plug("/dev/pts/90002", socket: "1-2", serial: "", interface: "00")
        let first = sysfs.finder.adapter(of: "/dev/pts/90001")
        let second = sysfs.finder.adapter(of: "/dev/pts/90002")
        #expect(first?.socket == "1-1")
        #expect(first?.description == "USB adapter 0403:6001 in socket 1-1")
        if let first, let second {
            #expect(first.isSame(as: first))
            #expect(!first.isSame(as: second))
        }
    }

    @Test func `two ports of one adapter are two`() throws {
        let folder = TemporaryFolder()
        let sysfs = FakeSysfs(folder)
        sysfs.plug("/dev/pts/90003", socket: "1-1", serial: "X", interface: "00")
        let one = try #require(sysfs.finder.adapter(of: "/dev/pts/90003"))
        let two = SerialAdapter(vendor: "0403", product: "6001", serial: "X", interface: "01", socket: "1-1")
        #expect(!one.isSame(as: two))
    }

    @Test func `a name that belongs to another adapter now is not taken`() throws {
        let folder = TemporaryFolder()
        let sysfs = FakeSysfs(folder)
        let slave = PseudoLine { _ in [] }
        sysfs.plug(slave.path, socket: "1-1", serial: "NEW", interface: "00")
        let old = SerialAdapter(vendor: "0403", product: "6001", serial: "OLD", interface: "00", socket: "1-1")
        let failure = #expect(throws: LinkFailure.self) { try sysfs.finder.resolve(slave.path, last: old) }
        #expect(failure?.message.contains("is another adapter now") == true)
        #expect(failure?.isRetriable == true)
    }

    @Test func `two of the same kind are not guessed between`() throws {
        let folder = TemporaryFolder()
        let sysfs = FakeSysfs(folder)
        sysfs.plug("/dev/pts/90004", socket: "1-1", serial: "SAME", interface: "00")
        sysfs.plug("/dev/pts/90005", socket: "1-2", serial: "SAME", interface: "00")
        let known = SerialAdapter(vendor: "0403", product: "6001", serial: "SAME", interface: "00", socket: "1-1")
        let failure = #expect(throws: LinkFailure.self) { try sysfs.finder.resolve("/dev/pts/90009", last: known) }
        #expect(failure?.message.contains("2 times") == true)
    }

    @Test func `a port without an adapter keeps its name`() throws {
        #expect(try SerialPortFinder(sysfs: "/nonexistent").resolve("/dev/ttyAMA0", last: nil) == "/dev/ttyAMA0")
        #expect(SerialPortFinder(sysfs: "/nonexistent").adapter(of: "/dev/ttyAMA0") == nil)
    }
}
