public import Telemetry

/// What `/devices` says: which device is which meter or lamp, and what its points mean.
public struct DeviceDirectory: Sendable {
    public struct Device: Sendable {
        public var name: String
        /// Earlier names.
        public var was: [String]
        public var bus: String
        public var driver: String
        public var profile: String
        public var profileVersion: String?
        public var labels: [JSONValue.Member]
        /// The serial number the device itself gives.
        public var serial: String?
        public var groups: [String]
        public var points: [PointDescriptor]
        /// Facts of the site: ratios, rating, address.
        public var extra: [JSONValue.Member]

        public init(
            name: String, was: [String] = [], bus: String, driver: String, profile: String,
            profileVersion: String? = nil, labels: [JSONValue.Member] = [], serial: String? = nil,
            groups: [String] = [], points: [PointDescriptor], extra: [JSONValue.Member] = []
        ) {
            self.name = name
            self.was = was
            self.bus = bus
            self.driver = driver
            self.profile = profile
            self.profileVersion = profileVersion
            self.labels = labels
            self.serial = serial
            self.groups = groups
            self.points = points
            self.extra = extra
        }
    }

    public var gateway: String
    public var devices: [Device]

    public init(gateway: String, devices: [Device]) {
        self.gateway = gateway
        self.devices = devices
    }

    /// The hash of all that the document says, in 16 hexadecimal digits. Every message carries it as `devices`. It tells
    /// versions apart; it is no protection against forgery (FNV-1a, 64 bits).
    public var revision: String { Self.hash(list()) }

    /// The `/devices` document and its revision. With `selection`, only these devices; the revision stays that of the whole.
    public func document(selection: Set<String>? = nil) -> (payload: [UInt8], revision: String) {
        let whole = list()
        let revision = Self.hash(whole)
        var json = JSONWriter(reserving: whole.count + 128)
        json.beginObject()
        json.member("format", .number(ExactDecimal(JSONEncoding.format)))
        json.member("gateway", .string(gateway))
        json.member("revision", .string(revision))
        json.key("devices")
        json.beginArray()
        for device in devices where selection?.contains(device.name) ?? true { write(device, to: &json) }
        json.endArray()
        json.endObject()
        return (json.bytes, revision)
    }

    private func list() -> [UInt8] {
        var json = JSONWriter(reserving: devices.count * 512)
        json.beginArray()
        for device in devices { write(device, to: &json) }
        json.endArray()
        return json.bytes
    }

    private static func hash(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private func write(_ device: Device, to json: inout JSONWriter) {
        json.beginObject()
        json.member("device", .string(device.name))
        if !device.was.isEmpty { json.member("was", .array(device.was.map { .string($0) })) }
        json.member("bus", .string(device.bus))
        json.member("driver", .string(device.driver))
        json.member("profile", .string(device.profile))
        if let version = device.profileVersion { json.member("profile_version", .string(version)) }
        if let serial = device.serial { json.member("serial", .string(serial)) }
        if !device.groups.isEmpty { json.member("groups", .array(device.groups.map { .string($0) })) }
        if !device.labels.isEmpty { json.member("labels", .object(device.labels)) }
        for member in device.extra { json.member(member.key, member.value) }
        json.key("points")
        json.beginArray()
        for point in device.points { write(point, to: &json) }
        json.endArray()
        json.endObject()
    }

    private func write(_ point: PointDescriptor, to json: inout JSONWriter) {
        json.beginObject()
        json.member("point", .string(point.name))
        json.member("kind", .string(point.kind.name))
        if !point.unit.isEmpty { json.member("unit", .string(point.unit)) }
        if let obis = point.obis { json.member("obis", .string(obis)) }
        json.member("writable", .bool(point.isWritable))
        if let minimum = point.minimum { json.member("minimum", .number(minimum)) }
        if let maximum = point.maximum { json.member("maximum", .number(maximum)) }
        if let rollover = point.rollover { json.member("rollover", .number(rollover)) }
        if !point.basis.isEmpty { json.member("basis", .string(point.basis)) }
        if point.isDerived { json.member("derived", .bool(true)) }
        if point.isIdentity { json.member("identity", .bool(true)) }
        let seconds = ExactDecimal(mantissa: point.interval.wholeMilliseconds, exponent: -3).normalized
        json.member("interval", .number(seconds))
        json.endObject()
    }
}
