
/// One named thread per port, as the executor of the bus's actor: blocking calls of C libraries happen here and
/// never on Swift's shared pool.
public final class BusThread: Sendable {
    public init(name: String) {}
}
