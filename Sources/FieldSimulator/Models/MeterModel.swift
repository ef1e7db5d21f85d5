public import Telemetry

/// The physics behind a meter: it knows quantities, no registers.
public protocol MeterModel {
    /// Moves the model to `now`; true when a value may have changed. A time before the last one changes nothing.
    mutating func advance(to now: BootInstant) -> Bool
    /// Every quantity by its point name (`voltage.L1`, `active_energy_import`), in the base units of ``RegisterPoint``:
    /// W, var, V.A, V, A, Hz, W.h, var.h, V.A.h, m3, m3/h, Cel, W for heat power, degrees.
    func quantities() -> [String: Double]
}

/// A thing without physics: an I/O module.
public struct NoModel: MeterModel {
    public init() {}
    public mutating func advance(to now: BootInstant) -> Bool { false }
    public func quantities() -> [String: Double] { [:] }
}
