import Glibc

/// A capture file that Wireshark and tshark decode as it is: each frame of a bus becomes Modbus/TCP between the gateway and one
/// made-up host per unit, at the time it crossed the wire.
///
/// The format is pcap with nanoseconds (magic 0xA1B23C4D) over Ethernet. Hosts are of the range for documentation (RFC 5737):
/// the gateway 192.0.2.1, unit 17 is 198.51.100.17. What is no sound frame goes as UDP to port 9 (discard), so that it is seen
/// and not taken for Modbus. A serial line has no transaction numbers: each request gets the next one, its answer the same.
struct ModbusCapture {
    private let descriptor: Int32
    private var transaction: UInt16 = 0
    private var sequences: [UInt8: (ours: UInt32, theirs: UInt32)] = [:]

    private static let gateway: [UInt8] = [192, 0, 2, 1]
    private static let modbusPort: UInt16 = 502
    /// The gateway's own, in the dynamic range (RFC 6335).
    private static let ownPort: UInt16 = 49_502
    private static let discardPort: UInt16 = 9

    /// - Returns: nil when the file is there already or cannot be made; errno says which.
    init?(path: String) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        var header: [UInt8] = []
        header.little(0xA1B2_3C4D as UInt32)
        header.little(2 as UInt16)
        header.little(4 as UInt16)
        header += [0, 0, 0, 0, 0, 0, 0, 0]
        // Longest packet, and the link type: Ethernet.
        header.little(262_144 as UInt32)
        header.little(1 as UInt32)
        guard Self.write(descriptor, header) else { return nil }
    }

    /// - Parameters:
    ///   - nanoseconds: UTC since 1970.
    ///   - frame: as it crossed the wire: an RTU frame with its checksum, or Modbus/TCP with its header.
    /// - Returns: false when the file cannot be written any more; errno says why.
    mutating func add(_ frame: [UInt8], isSent: Bool, at nanoseconds: Int64) -> Bool {
        let packet: [UInt8]
        if let (unit, pdu, number) = Self.parts(frame) {
            if let number { transaction = number } else if isSent { transaction &+= 1 }
            packet = tcp(Self.header(transaction, unit, pdu), unit: unit, isSent: isSent)
        } else {
            packet = Self.udp(frame, isSent: isSent)
        }
        var record: [UInt8] = []
        record.little(UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000))
        record.little(UInt32(truncatingIfNeeded: nanoseconds % 1_000_000_000))
        record.little(UInt32(packet.count))
        record.little(UInt32(packet.count))
        return Self.write(descriptor, record + packet)
    }

    func close() { Glibc.close(descriptor) }

    // MARK: - Modbus

    /// Unit, PDU and, of Modbus/TCP, the transaction; nil: no sound frame.
    private static func parts(_ frame: [UInt8]) -> (unit: UInt8, pdu: ArraySlice<UInt8>, transaction: UInt16?)? {
        // The checksum first: a serial request for two registers at 0 has the look of a network frame.
        if frame.count >= 4 {
            let sum = checksum(frame.dropLast(2))
            if frame[frame.count - 2] == UInt8(sum & 0xFF), frame[frame.count - 1] == UInt8(sum >> 8) {
                return (frame[0], frame[1..<(frame.count - 2)], nil)
            }
        }
        guard frame.count >= 8, frame[2] == 0, frame[3] == 0,
            Int(frame[4]) << 8 | Int(frame[5]) == frame.count - 6
        else { return nil }
        return (frame[6], frame[7...], UInt16(frame[0]) << 8 | UInt16(frame[1]))
    }

    /// CRC-16 of Modbus over serial line 1.02, 6.2.2.
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0xFFFF) { sum, byte in
            (0..<8).reduce(sum ^ UInt16(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xA001 : sum >> 1 }
        }
    }

    private static func header(_ transaction: UInt16, _ unit: UInt8, _ pdu: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.big(transaction)
        bytes.big(0 as UInt16)
        bytes.big(UInt16(pdu.count + 1))
        return bytes + [unit] + pdu
    }

    // MARK: - Packets

    private mutating func tcp(_ payload: [UInt8], unit: UInt8, isSent: Bool) -> [UInt8] {
        var (ours, theirs) = sequences[unit] ?? (1, 1)
        var segment: [UInt8] = []
        segment.big(isSent ? Self.ownPort : Self.modbusPort)
        segment.big(isSent ? Self.modbusPort : Self.ownPort)
        segment.big(isSent ? ours : theirs)
        segment.big(isSent ? theirs : ours)
        // Five words of header, PSH and ACK, a full window; checksum and urgent pointer follow.
        segment += [0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]
        segment += payload
        if isSent { ours &+= UInt32(payload.count) } else { theirs &+= UInt32(payload.count) }
        sequences[unit] = (ours, theirs)
        return Self.packet(segment, protocolNumber: 6, checksumAt: 16, unit: unit, isSent: isSent)
    }

    private static func udp(_ payload: [UInt8], isSent: Bool) -> [UInt8] {
        var segment: [UInt8] = []
        segment.big(isSent ? ownPort : discardPort)
        segment.big(isSent ? discardPort : ownPort)
        segment.big(UInt16(truncatingIfNeeded: 8 + payload.count))
        segment.big(0 as UInt16)
        return packet(segment + payload, protocolNumber: 17, checksumAt: 6, unit: payload.first ?? 0, isSent: isSent)
    }

    private static func packet(
        _ segment: [UInt8], protocolNumber: UInt8, checksumAt: Int, unit: UInt8, isSent: Bool
    ) -> [UInt8] {
        let host: [UInt8] = [198, 51, 100, unit]
        let (source, target) = isSent ? (gateway, host) : (host, gateway)
        var segment = segment
        var pseudo = source + target + [0, protocolNumber]
        pseudo.big(UInt16(truncatingIfNeeded: segment.count))
        let sum = internetChecksum(pseudo + segment)
        segment[checksumAt] = UInt8(sum >> 8)
        segment[checksumAt + 1] = UInt8(sum & 0xFF)
        var address: [UInt8] = [0x45, 0]
        address.big(UInt16(truncatingIfNeeded: 20 + segment.count))
        // No identification, not to be fragmented, 64 hops.
        address += [0, 0, 0x40, 0, 64, protocolNumber, 0, 0]
        address += source + target
        let headerSum = internetChecksum(address)
        address[10] = UInt8(headerSum >> 8)
        address[11] = UInt8(headerSum & 0xFF)
        // Locally administered addresses: 02:00 and the IPv4 address.
        var frame: [UInt8] = [2, 0]
        frame += target
        frame += [2, 0]
        frame += source
        frame += [0x08, 0x00]
        return frame + address + segment
    }

    /// RFC 1071.
    private static func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
        }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

extension [UInt8] {
    fileprivate mutating func little<Number: FixedWidthInteger>(_ number: Number) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func big<Number: FixedWidthInteger>(_ number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
