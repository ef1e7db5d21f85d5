public import Telemetry

/// An interface between a byte stream and a DALI bus: one of the products that gateways are connected to.
public protocol LampGateway: PortSession {
    var bus: LampBus { get }
    /// A frame of another master or of a sensor on the bus, 16 or 24 bits: gear obey it and the interface reports it.
    func foreignFrame(_ data: [UInt8], at now: BootInstant)
    /// Another master begins at the same moment as our next so many frames: they are destroyed on the bus.
    func collide(nextFrames count: Int)
}

/// The kinds of interface that the simulator knows, as in `interface:` of a lamp port and of a bus in `gateway.yaml`.
public enum LampInterface: String, Sendable, Hashable, CaseIterable {
    /// Lunatone LUBA, binary.
    case luba
    /// Foxtron DALI232 (serial) and DALInet (TCP), hexadecimal text.
    case foxtron
    /// SevenLab DALI-USB, lines of text.
    case sevenlab

    /// The line as the vendor delivers it.
    public var timing: SerialTiming {
        switch self {
        case .luba: SerialTiming(baud: 38_400)
        case .foxtron: SerialTiming(baud: 19_200, parity: .even)
        case .sevenlab: SerialTiming(baud: 500_000)
        }
    }

    /// - Parameters:
    ///   - timing: of the line; nil takes the vendor's.
    ///   - hasSupply: the interface feeds the bus and can switch it off (LUBA only).
    public func gateway(bus: LampBus, timing: SerialTiming? = nil, hasSupply: Bool = false) -> any LampGateway {
        let timing = timing ?? self.timing
        switch self {
        case .luba: return LUBAGateway(bus: bus, timing: timing, hasSupply: hasSupply)
        case .foxtron: return FoxtronGateway(bus: bus, timing: timing)
        case .sevenlab: return SevenLabGateway(bus: bus, timing: timing)
        }
    }
}
