internal import CModbus
internal import Glibc
internal import Telemetry

/// The one owner of a libmodbus handle, which opens and sets up the serial port. Frames are this driver's own.
struct ModbusContext: ~Copyable {
    private let handle: OpaquePointer

    /// - Returns: nil with errno set when libmodbus refuses the settings.
    init?(serial path: String, _ settings: SerialSettings) {
        let parity = CChar(bitPattern: settings.parity.letter.asciiValue ?? 78)
        guard let handle = modbus_new_rtu(path, Int32(settings.baud), parity, 8, Int32(settings.stopBits)) else {
            return nil
        }
        self.handle = handle
    }

    deinit {
        modbus_close(handle)
        modbus_free(handle)
    }

    var descriptor: Int32 { modbus_get_socket(handle) }

    /// 0 or an errno.
    borrowing func connect(timeout: Duration) -> Int32 {
        let (seconds, microseconds) = Self.parts(timeout)
        modbus_set_response_timeout(handle, seconds, microseconds)
        return modbus_connect(handle) == 0 ? 0 : max(1, errno)
    }

    static func text(_ code: Int32) -> String { String(cString: modbus_strerror(code)) }

    private static func parts(_ duration: Duration) -> (UInt32, UInt32) {
        // libmodbus takes zero for an error; a microsecond is as good as none.
        let microseconds = max(1, duration.wholeNanoseconds / 1_000)
        return (UInt32(clamping: microseconds / 1_000_000), UInt32(microseconds % 1_000_000))
    }
}
