public import Telemetry

/// A protocol on one byte stream as a pure state machine: bytes and time go in, bytes and a deadline come out.
///
/// Nothing here touches a descriptor or a clock, so that the same code runs in virtual time. Not thread-safe.
public protocol PortSession: AnyObject {
    /// Bytes that a client sent, in one piece at `now`.
    func receive(_ bytes: [UInt8], at now: BootInstant)
    /// When ``advance(to:)`` should be called next; nil when nothing is under way.
    var nextDeadline: BootInstant? { get }
    /// Does what is due and gives the bytes that belong on the line by now.
    func advance(to now: BootInstant) -> [UInt8]
    /// Bytes on the line that no device meant.
    func makeNoise(_ bytes: [UInt8], at now: BootInstant)
}
