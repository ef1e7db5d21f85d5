/// Names frames in the order in which they went over the bus: what a command of a device type means depends on the frame before it.
struct FrameNaming: Sendable {
    /// The type that the frame before enabled.
    private var enabledType: UInt8?

    /// - Returns: as ``ForwardFrame/description``, and `DT6 A0 QUERY DIMMING CURVE` directly behind ENABLE DEVICE TYPE 6.
    mutating func name(_ frame: ForwardFrame) -> String {
        // Frames to control devices are not for gear: they end nothing there.
        guard frame.bits == 16 else { return frame.description }
        let (first, second) = (UInt8(truncatingIfNeeded: frame.data >> 8), UInt8(truncatingIfNeeded: frame.data))
        let type = enabledType
        enabledType = SpecialCommand(rawValue: first) == .enableDeviceType ? second : nil
        guard let type, first & 1 == 1, second >= DeviceTypeOpcode.lowest,
            let address = GearAddress(firstByte: first)
        else { return frame.description }
        let name = DeviceTypeOpcode.known(type: type, second)?.name ?? "command \(hexadecimal([second]))"
        return "DT\(type) \(address.short) \(name)"
    }

    /// Frames that follow each other, in words.
    static func names(_ frames: [ForwardFrame]) -> [String] {
        var naming = FrameNaming()
        return frames.map { naming.name($0) }
    }
}
