public import DriverProtocol
internal import FoundationEssentials

// The generated code carries bytes as Data; drivers need not know it.
extension DriverMemory {
    /// What a driver wants back at the next Configure.
    ///
    /// - Parameter device: name of the device; empty for the bus.
    public init(device: String, key: String, bytes: [UInt8]) {
        self.init()
        self.device = device
        self.key = key
        value = Data(bytes)
    }

    public var bytes: [UInt8] { Array(value) }
}

extension DriverTraceRecord {
    /// Something that crossed the wire.
    public init(bootNanoseconds: Int64, sent: Bool, bytes: [UInt8], text: String) {
        self.init()
        bootNs = UInt64(max(0, bootNanoseconds))
        self.sent = sent
        data = Data(bytes)
        self.text = text
    }

    public var bytes: [UInt8] { Array(data) }
}
