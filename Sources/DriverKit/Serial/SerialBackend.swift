internal import CLinux
internal import CSerialPort
internal import Glibc

/// The two ways to a tty. Both end in one descriptor, which is all that reading and writing need.
///
/// libserialport 0.1.1 cannot open a pseudo-terminal: it looks the port up under /sys/class/tty, where none is listed, and
/// asks for modem lines, which one does not have. So pseudo-terminals (simulators, tests, tunnels) are opened directly.
enum SerialBackend {
    /// Set to `libserialport`, this variable of the environment opens even a pseudo-terminal through the library: for the
    /// test that runs the library's path without hardware.
    static let environmentVariable = "CANDELA_SERIAL_BACKEND"

    struct Opened {
        let descriptor: Int32
        /// The library's handle; nil when the tty was opened directly.
        let library: OpaquePointer?
    }

    static func open(_ path: String, canonical: String, _ settings: SerialSettings) throws(SerialPortError) -> Opened {
        let forced = getenv(environmentVariable).map { String(cString: $0) } == "libserialport"
        if SerialPath.isPseudoTerminal(canonical), !forced {
            return Opened(descriptor: try openDirectly(path, canonical: canonical, settings), library: nil)
        }
        return try openThroughLibrary(path, canonical: canonical, settings)
    }

    static func close(_ opened: Opened) {
        if let library = opened.library {
            sp_close(library)
            sp_free_port(library)
        } else {
            Glibc.close(opened.descriptor)
        }
    }

    // MARK: libserialport

    private static func openThroughLibrary(
        _ path: String, canonical: String, _ settings: SerialSettings
    ) throws(SerialPortError) -> Opened {
        var handle: OpaquePointer?
        let found = sp_get_port_by_name(canonical, &handle)
        guard found == SP_OK, let port = handle else {
            throw .unsupported(path, "is no serial port known to the system (nothing under /sys/class/tty)")
        }
        guard sp_open(port, SP_MODE_READ_WRITE) == SP_OK else {
            let errno = sp_last_error_code()
            sp_free_port(port)
            throw .opening(path, canonical: canonical, errno: errno)
        }
        var descriptor: Int32 = -1
        let opened: Opened
        if sp_get_port_handle(port, &descriptor) == SP_OK, descriptor >= 0 {
            opened = Opened(descriptor: descriptor, library: port)
        } else {
            sp_close(port)
            sp_free_port(port)
            throw .unsupported(path, "gives no descriptor")
        }
        do throws(SerialPortError) {
            try lock(descriptor, path, canonical: canonical)
            try configure(port, path, settings)
        } catch {
            close(opened)
            throw error
        }
        return opened
    }

    private static func configure(
        _ port: OpaquePointer, _ path: String, _ settings: SerialSettings
    ) throws(SerialPortError) {
        let parity =
            switch settings.parity {
            case .none: SP_PARITY_NONE
            case .even: SP_PARITY_EVEN
            case .odd: SP_PARITY_ODD
            }
        func refuse(_ what: String) -> SerialPortError {
            .unsupported(path, "refuses \(what)", errno: sp_last_error_code())
        }
        guard sp_set_baudrate(port, Int32(settings.baud)) == SP_OK else { throw refuse("\(settings.baud) baud") }
        guard sp_set_bits(port, 8) == SP_OK else { throw refuse("8 data bits") }
        guard sp_set_parity(port, parity) == SP_OK else { throw refuse("parity \(settings.parity.rawValue)") }
        guard sp_set_stopbits(port, Int32(settings.stopBits)) == SP_OK else {
            throw refuse("\(settings.stopBits) stop bits")
        }
        guard sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) == SP_OK else {
            throw refuse("to work without flow control")
        }
        guard sp_set_dtr(port, settings.assertsDTR ? SP_DTR_ON : SP_DTR_OFF) == SP_OK else {
            throw refuse("to switch its DTR line")
        }
        sp_flush(port, SP_BUF_BOTH)
    }

    // MARK: termios

    private static func openDirectly(
        _ path: String, canonical: String, _ settings: SerialSettings
    ) throws(SerialPortError) -> Int32 {
        let descriptor = Glibc.open(canonical, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .opening(path, canonical: canonical, errno: errno) }
        do throws(SerialPortError) {
            try lock(descriptor, path, canonical: canonical)
            var line = termios()
            guard tcgetattr(descriptor, &line) == 0 else { throw .opening(path, canonical: canonical, errno: errno) }
            cfmakeraw(&line)
            // A pseudo-terminal has no wire: the kernel drops parity and keeps speed only as a note, so neither is set.
            line.c_cflag |= tcflag_t(CLOCAL | CREAD)
            guard tcsetattr(descriptor, TCSANOW, &line) == 0 else {
                throw .opening(path, canonical: canonical, errno: errno)
            }
            tcflush(descriptor, TCIOFLUSH)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A port that was closed just now can stay locked for a moment: by a child process of its last user between fork and exec.
    static let lockAttempts = 10
    /// Between two attempts, in microseconds; all together 100 ms.
    static let lockPause: UInt32 = 10_000

    /// flock tells the programs that ask, TIOCEXCL stops those that do not. Both end with the descriptor.
    private static func lock(_ descriptor: Int32, _ path: String, canonical: String) throws(SerialPortError) {
        var attempts = 1
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            guard code == EWOULDBLOCK, attempts < lockAttempts else {
                throw .opening(path, canonical: canonical, errno: code)
            }
            attempts += 1
            usleep(lockPause)
        }
        let refusal = candela_tty_exclusive(descriptor)
        guard refusal == 0 else { throw .opening(path, canonical: canonical, errno: refusal) }
    }
}
