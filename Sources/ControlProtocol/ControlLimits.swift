/// Numbers both ends of the control socket keep to.
public enum ControlLimits {
    /// The version both ends speak today.
    public static let version: UInt32 = 1
    /// Longest request, in bytes: a name, a point, a value.
    public static let request = 65_536
    /// Longest reply, in bytes: a snapshot of 300 devices with all their points fits.
    public static let reply = 4_194_304
    /// Connections at once: some technicians and a few scripts. One more is refused with a message.
    public static let clients = 16
    /// Requests of one connection that are worked on at once; then it is read no further.
    public static let requestsAtOnce = 8
    /// Bytes that wait for one client before ``ControlServer/ControlReplySender`` waits too: two largest replies.
    public static let waitingBytes = 8_388_608
    /// Longest path of a Unix socket on Linux, in bytes: `sun_path` holds 108 with the closing zero (unix(7)).
    public static let pathBytes = 107
    /// Group whose members may use the gateway's control socket.
    public static let group = "candela"
}
