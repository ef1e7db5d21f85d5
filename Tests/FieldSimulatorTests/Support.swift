import Telemetry

@testable import FieldSimulator

/// Virtual seconds after an arbitrary start that is no round number.
func second(_ seconds: Double) -> BootInstant { BootInstant(nanoseconds: 1_000_000_000_000 + Int64(seconds * 1e9)) }

func hex(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }

func device(_ product: String, unit: UInt8 = 1, name: String = "meter") throws -> ModbusDevice {
    guard let product = MeterProduct.named(product) else { throw ScenarioError(path: product, problem: "unknown") }
    return ModbusDevice(name: name, unit: unit, product: product, seed: 7)
}

/// The request of a read function.
func readRequest(_ function: UInt8, _ start: UInt16, _ count: UInt16) -> [UInt8] {
    [function, UInt8(start >> 8), UInt8(start & 0xFF), UInt8(count >> 8), UInt8(count & 0xFF)]
}

/// The data of an answer, or its exception code.
enum Served: Equatable {
    case data([UInt8])
    case exception(UInt8)
    case silence
}

extension ModbusDevice {
    func ask(_ request: [UInt8], at now: BootInstant = second(0)) -> Served {
        guard case .answer(let bytes, _, _) = serve(request, at: now) else { return .silence }
        return bytes[0] & 0x80 != 0 ? .exception(bytes[1]) : .data(Array(bytes.dropFirst()))
    }
}

/// Runs a session in virtual time until nothing is left to do; every piece of output with its moment.
func drain(_ session: any PortSession, from start: BootInstant, for limit: Double = 10) -> [(
    at: Double, bytes: [UInt8]
)] {
    var pieces: [(at: Double, bytes: [UInt8])] = []
    let end = start.nanoseconds + Int64(limit * 1e9)
    while let due = session.nextDeadline, due.nanoseconds <= end {
        let bytes = session.advance(to: max(due, start))
        if !bytes.isEmpty { pieces.append((Double(due.nanoseconds - start.nanoseconds) / 1e9, bytes)) }
    }
    return pieces
}
