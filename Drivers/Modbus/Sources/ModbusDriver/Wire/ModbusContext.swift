internal import CModbus
internal import Glibc
internal import Telemetry

/// The one owner of a libmodbus handle.
struct ModbusContext: ~Copyable {
    private let handle: OpaquePointer
    /// The connection below, when RTU frames travel over TCP: it owns the socket then.
    private let carrier: OpaquePointer?

    /// - Returns: nil with errno set when libmodbus refuses the settings.
    init?(serial path: String, _ settings: SerialSettings) {
        let parity = CChar(bitPattern: settings.parity.letter.asciiValue ?? 78)
        guard let handle = modbus_new_rtu(path, Int32(settings.baud), parity, 8, Int32(settings.stopBits)) else {
            return nil
        }
        self.handle = handle
        carrier = nil
    }

    init?(tcp host: HostAddress) {
        guard let handle = modbus_new_tcp_pi(host.host, String(host.port)) else { return nil }
        self.handle = handle
        carrier = nil
    }

    init?(rtuOver host: HostAddress) {
        // Path and settings of the RTU handle are never used: it gets the connection's socket instead of opening a port.
        guard let carrier = modbus_new_tcp_pi(host.host, String(host.port)) else { return nil }
        guard let handle = modbus_new_rtu("/dev/null", 9_600, 78, 8, 1) else {
            modbus_free(carrier)
            return nil
        }
        self.handle = handle
        self.carrier = carrier
    }

    deinit {
        if let carrier {
            modbus_close(carrier)
            modbus_free(carrier)
        } else {
            modbus_close(handle)
        }
        modbus_free(handle)
    }

    var descriptor: Int32 { modbus_get_socket(handle) }

    /// 0 or an errno.
    borrowing func connect(timeout: Duration) -> Int32 {
        let target = carrier ?? handle
        set(timeout: timeout, on: target)
        guard modbus_connect(target) == 0 else { return errno == 0 ? ECONNREFUSED : errno }
        if let carrier { modbus_set_socket(handle, modbus_get_socket(carrier)) }
        return 0
    }

    borrowing func set(timeout: Duration, byteTimeout: Duration) {
        set(timeout: timeout, on: handle)
        let (seconds, microseconds) = Self.parts(byteTimeout)
        modbus_set_byte_timeout(handle, seconds, microseconds)
    }

    /// 0 or an errno.
    borrowing func send(unit: UInt8, _ unitAndData: [UInt8]) -> Int32 {
        modbus_set_slave(handle, Int32(unit))
        return modbus_send_raw_request(handle, unitAndData, Int32(unitAndData.count)) < 0 ? max(1, errno) : 0
    }

    enum Reception {
        case frame([UInt8])
        /// A frame that libmodbus takes for another unit's.
        case foreign
        case failure(Int32)
    }

    borrowing func receive() -> Reception {
        var buffer = [UInt8](repeating: 0, count: Int(MODBUS_MAX_ADU_LENGTH))
        errno = 0
        let count = modbus_receive_confirmation(handle, &buffer)
        if count > 0 { return .frame(Array(buffer.prefix(Int(count)))) }
        return count == 0 ? .foreign : .failure(max(1, errno))
    }

    static func text(_ code: Int32) -> String { String(cString: modbus_strerror(code)) }

    /// libmodbus's own errno values, which its header defines by arithmetic that Swift cannot import.
    static let badCRC = Int32(MODBUS_ENOBASE) + 12
    static let badData = Int32(MODBUS_ENOBASE) + 13

    private borrowing func set(timeout: Duration, on target: OpaquePointer) {
        let (seconds, microseconds) = Self.parts(timeout)
        modbus_set_response_timeout(target, seconds, microseconds)
    }

    private static func parts(_ duration: Duration) -> (UInt32, UInt32) {
        // libmodbus takes zero for an error; a microsecond is as good as none.
        let microseconds = max(1, duration.wholeNanoseconds / 1_000)
        return (UInt32(clamping: microseconds / 1_000_000), UInt32(microseconds % 1_000_000))
    }
}
