import CLinux
import Glibc

/// One end of a serial cable that exists only in the kernel, and a symbolic link by which a client finds the other end.
struct PseudoTerminal: ~Copyable {
    let master: Descriptor
    /// Kept open, so that clients can come and go without the line hanging up.
    private let slave: Descriptor
    let path: String
    let link: String

    /// Opens a pair in raw mode and makes `link` point to the client's end.
    init(link: String) throws(FieldServerError) {
        let pair = try Self.openPair(for: link)
        var name = [CChar](repeating: 0, count: 128)
        _ = ttyname_r(pair.slave, &name, name.count)
        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        unlink(link)
        guard symlink(path, link) == 0 else {
            let code = errno
            close(pair.master)
            close(pair.slave)
            throw FieldServerError(
                "making the link \(link)", code: code, advice: "check that the directory can be written")
        }
        self.init(master: pair.master, slave: pair.slave, path: path, link: link)
    }

    private init(master: Int32, slave: Int32, path: String, link: String) {
        self.master = Descriptor(master)
        self.slave = Descriptor(slave)
        self.path = path
        self.link = link
        self.master.prepare()
    }

    private static func openPair(for link: String) throws(FieldServerError) -> (master: Int32, slave: Int32) {
        var (master, slave): (Int32, Int32) = (-1, -1)
        guard openpty(&master, &slave, nil, nil, nil) == 0 else {
            throw FieldServerError("opening a pseudo-terminal for \(link)", advice: "check that /dev/pts is mounted")
        }
        _ = fcntl(slave, F_SETFD, FD_CLOEXEC)
        makeRaw(slave)
        return (master, slave)
    }

    /// Raw, at a speed that no meter or interface uses.
    ///
    /// A pseudo-terminal has no parity. The C library lets a client that asks for one pass as long as anything else of its
    /// settings could be changed, and refuses it (EINVAL) when all is as it wants already: as a killed client left it.
    private static func makeRaw(_ slave: Int32) {
        var settings = termios()
        _ = tcgetattr(slave, &settings)
        cfmakeraw(&settings)
        cfsetspeed(&settings, speed_t(B50))
        _ = tcsetattr(slave, TCSANOW, &settings)
    }

    deinit { unlink(link) }

    /// The last client has closed: forget what it did not read, as a real line does, its claim to be alone and its settings.
    func clientLeft() {
        tcflush(slave.number, TCIFLUSH)
        _ = candela_tty_shared(slave.number)
        Self.makeRaw(slave.number)
    }
}
