/// Numbers both sides keep to; docs/driver-protocol.md tells a driver's author why.
public enum DriverProtocolLimits {
    /// The version both sides speak today.
    public static let version: UInt32 = 1
    /// Longest message from a driver, in bytes: a full `Samples` of 4,000 points fits.
    public static let fromDriver = 262_144
    /// Longest message to a driver, in bytes: a bus of 247 devices with large profiles fits.
    public static let toDriver = 4_194_304
    /// Messages per second, averaged over five seconds, beyond which a driver counts as flooding.
    public static let messagesPerSecond = 2_000
    /// A heartbeat comes this often.
    public static let heartbeatInterval: Duration = .seconds(1)
    /// Without progress for this long a driver is restarted, unless its hello says otherwise.
    public static let stallAfter: Duration = .seconds(10)
}
