import CLinux
import Glibc

@testable import DALIDriver

/// A pseudo-terminal whose master side is in the hands of a test.
struct PseudoTerminal: ~Copyable {
    let master: Int32
    let path: String

    struct Failure: Error {}

    init() throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        // The name comes from openpty itself: ttyname shares one buffer among threads, and tests run side by side.
        var name = [CChar](repeating: 0, count: 128)
        guard openpty(&master, &slave, &name, nil, nil) == 0 else { throw Failure() }
        defer { close(slave) }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        self.master = master
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { close(master) }
}

/// Plays a LUBA interface with lamps on the master side of a pseudo-terminal, in real time, on a thread of its own.
final class LivePeer {
    private final class Work {
        let master: Int32
        let stop: Int32
        let levels: [UInt8: UInt8]

        init(master: Int32, stop: Int32, levels: [UInt8: UInt8]) {
            self.master = master
            self.stop = stop
            self.levels = levels
        }

        func run() {
            let clock = VirtualClock()
            let interface = ScriptedInterface(clock: clock)
            for (address, level) in levels { interface.gear[address] = ScriptedGear(level: level) }
            var decoder = LUBA.Decoder()
            var buffer = [UInt8](repeating: 0, count: 256)
            while true {
                var entries = [
                    pollfd(fd: master, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                ]
                poll(&entries, 2, 2)
                if entries[1].revents != 0 { return }
                clock.advance(to: DALIWorld.real.now())
                if entries[0].revents & Int16(POLLIN) != 0 {
                    let count = read(master, &buffer, buffer.count)
                    if count > 0 { decoder.append(Array(buffer[..<count])) }
                    while let frame = decoder.next() { try? interface.write(frame.bytes, until: clock.now) }
                }
                while let bytes = try? interface.read(until: clock.now), !bytes.isEmpty {
                    _ = write(master, bytes, bytes.count)
                }
            }
        }
    }

    private var thread = pthread_t()
    private let stopPipe: [Int32]

    init(master: Int32, levels: [UInt8: UInt8]) {
        var pipes: [Int32] = [-1, -1]
        pipe(&pipes)
        stopPipe = pipes
        let work = Unmanaged.passRetained(Work(master: master, stop: pipes[0], levels: levels))
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
    }

    deinit {
        close(stopPipe[1])
        pthread_join(thread, nil)
        close(stopPipe[0])
    }
}
