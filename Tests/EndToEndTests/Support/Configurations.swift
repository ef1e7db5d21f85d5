/// Pieces of gateway.yaml that most end-to-end tests share.
enum Configurations {
    /// A gateway named `e2e` whose clock counts as right, so that readings carry UTC at once.
    ///
    /// - Parameters:
    ///   - field: `buses:` and `devices:`, and whatever else stands beside them.
    ///   - uplink: further keys of the uplink, with a leading comma: `, version: "3.1.1"`.
    static func gateway(
        _ field: String, broker: Broker, flush: String = "200ms", uplink: String = "",
        clock: String = "clock: {sources: [system]}"
    ) -> String {
        """
        gateway:
          id: e2e
          location: {latitude: 51.4508, longitude: 6.7339, timezone: Europe/Berlin}
        \(clock)
        outbox: {flush: \(flush)}
        uplinks:
          head-end: {type: mqtt, url: "\(broker.url)"\(uplink)}
        \(field)
        """ + "\n"
    }
}
