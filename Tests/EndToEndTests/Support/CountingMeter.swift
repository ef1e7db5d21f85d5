import Synchronization
import TestSupport
import Testing

/// A meter that is none of ours (pymodbus), whose counter and serial number a test sets.
final class CountingMeter: Sendable {
    static var hasPeers: Bool { Project.python != nil }
    static let missing: Comment = "no python with pymodbus: CANDELA_PYTHON, or .build/python as scripts/test makes it"

    let port: Int
    private let process: ChildProcess
    private let orders = Mutex(0)

    init() async throws {
        guard let python = Project.python else { throw Failure("no python with pymodbus") }
        port = freePort()
        process = try ChildProcess(python, [Project.root + "/Tests/EndToEndTests/Python/counting_meter.py", "\(port)"])
        try await process.line(containing: "ready")
    }

    deinit { process.signal(9) }

    /// - Parameter energy: in counts.
    func set(energy: Int? = nil, serial: Int? = nil, power: Int? = nil) async throws {
        let values = [("serial", serial), ("energy", energy), ("power", power)].compactMap { name, value in
            value.map { "\(name) \($0)" }
        }
        let number = orders.withLock { orders in
            orders += 1
            return orders
        }
        process.write(values.joined(separator: " ") + "\n")
        _ = try await process.wait("done \(number)") { $0.contains("done \(number)") ? true : nil }
    }

    func stop() async { await process.stop() }

    /// What the meter is, in the driver's words.
    ///
    /// - Parameter energy: how its counter is read.
    static func profile(energy: String = "unit: W.h, rollover: 1000000") -> String {
        """
        driver: modbus
        profile: counting-meter
        version: 7
        status: unverified
        numbers: {base: wire, table: input, word_order: high_first}
        limits: {max_registers: 16}
        values:
          - {quantity: active_energy_import, at: 0, as: u32, \(energy)}
          - {quantity: active_power, at: 4, as: u32, unit: W}
          - {quantity: serial_number, at: 2, as: u32, kind: text}
        """ + "\n"
    }
}
