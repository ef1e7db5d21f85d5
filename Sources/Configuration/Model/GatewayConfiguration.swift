/// Everything that `gateway.yaml`, what it includes, the board and the profiles say, checked and with defaults filled in.
///
/// Only sound parts are in it; what was left out stands in ``ConfigurationLoad/disabled``.
public struct GatewayConfiguration: Sendable {
    /// Names the gateway upstream.
    public let id: String
    public let location: Location?
    /// No write may reach the field.
    public let isReadOnly: Bool
    public let board: Board?
    public let clock: ClockConfiguration
    public let buses: [BusConfiguration]
    public private(set) var devices: [DeviceConfiguration]
    /// Each profile that a device uses, once.
    public let profiles: [ProfileDocument]
    public let lighting: LightingConfiguration?
    public let outbox: OutboxConfiguration
    public let uplinks: [UplinkConfiguration]
    /// Folders searched for profiles before the driver's own, as paths.
    public let profileFolders: [String]
    /// Every file that was read, the main one first.
    public let files: [String]
    /// The whole configuration as it is in force, defaults filled in; values from no file are ``SourcePosition/builtIn``.
    public private(set) var effective: YAMLNode

    /// Lets go of ``effective`` and each device's ``DeviceConfiguration/merged``: they are for showing a configuration, and of a thousand
    /// devices they take megabytes.
    public mutating func dropTrees() {
        let nothing = YAMLNode(.null, at: .builtIn)
        effective = nothing
        for index in devices.indices { devices[index].merged = nothing }
    }

    public func bus(_ name: String) -> BusConfiguration? { buses.first { $0.name == name } }
    public func device(_ name: String) -> DeviceConfiguration? { devices.first { $0.name == name } }
    public func uplink(_ name: String) -> UplinkConfiguration? { uplinks.first { $0.name == name } }
    public func profile(driver: String, name: String) -> ProfileDocument? {
        profiles.first { $0.driver == driver && $0.name == name }
    }
    /// The devices of a bus, in the order of the file.
    public func devices(onBus bus: String) -> [DeviceConfiguration] { devices.filter { $0.bus == bus } }
    /// The devices of a group, in the order of the file.
    public func devices(inGroup group: String) -> [DeviceConfiguration] { devices.filter { $0.groups.contains(group) } }
}

/// Where the gateway stands.
public struct Location: Sendable, Hashable {
    /// Degrees, north positive.
    public let latitude: Double
    /// Degrees, east positive.
    public let longitude: Double
    /// A name of the IANA time zone database.
    public let timeZone: String
}

/// From where the time comes and how wrong it may be.
public struct ClockConfiguration: Sendable, Hashable {
    public enum Source: String, Sendable, Hashable, CaseIterable {
        case ntp
        case rtc
        case headEnd = "head-end"
        /// Whatever the system clock says is taken as right: for benches, and where a time daemon works that the kernel knows nothing of.
        case system
    }

    public let sources: [Source]
    /// While the estimated error is smaller, schedules run.
    public let lightingError: Duration
    /// While the estimated error is smaller, quarter-hour values are good.
    public let billingError: Duration
    /// How fast the clock goes wrong without a source, in millionths.
    public let driftPartsPerMillion: Double
}

/// A profile file: the driver's own language, handed on as a tree.
public struct ProfileDocument: Sendable, Hashable {
    public let driver: String
    /// The file's name without `.yaml`.
    public let name: String
    public let path: String
    public let content: YAMLNode
}

/// What a board offers, from `Boards/NAME.yaml`.
public struct Board: Sendable, Hashable {
    public struct Port: Sendable, Hashable {
        public let name: String
        /// A device path, variables resolved.
        public let path: String
        /// `rs485`, `rs232` or `usb`.
        public let kind: String
        public let position: SourcePosition
    }

    public let name: String
    public let description: String
    /// 1 tested on hardware by the project, 2 reported to work, 3 neither.
    public let tier: Int
    public let ports: [Port]
    /// What drops the DALI supply when nobody rules the lamps any more; nil: nothing does.
    public let lampWatchdog: LampWatchdog?
    /// The whole file.
    public let content: YAMLNode

    public func port(_ name: String) -> Port? { ports.first { $0.name == name } }
}

/// An output that lighting feeds while it really rules the lamps. Starved, its hardware drops the supply of the DALI buses (or closes
/// the contactor), and the gear goes to the level it was given for that.
public struct LampWatchdog: Sendable, Hashable {
    public enum Output: Sendable, Hashable {
        /// A file that is written: a GPIO's `value`, a kernel watchdog device, a file that another program watches.
        case path(String)
        /// A writable point of a device, such as a relay module's output.
        case point(device: String, point: String)
    }

    public let output: Output
    /// How often it is fed.
    public let every: Duration
    /// What is written, in turns: `1` and `0` make the edges that a retriggerable relay wants.
    public let feed: [String]
    /// Buses whose supply it drops; empty: all with lamps under a calendar.
    public let buses: [String]
    public let position: SourcePosition
}

/// The durable queue.
public struct OutboxConfiguration: Sendable, Hashable {
    /// Relative to the state directory, unless absolute.
    public let path: String
    /// Readings are committed at least this often: the loss bound of a power cut.
    public let flush: Duration
    /// On disk, in bytes.
    public let limit: Int64
    /// Billing readings are kept this long after their acknowledgement.
    public let keepAcknowledged: Duration
    /// At most this many backlog readings leave per second.
    public let backlogRate: Double
    /// A backlog starts to leave after a random part of this span.
    public let backlogStart: DurationRange
}
