internal import DriverProtocol
internal import Telemetry

/// Task "corrections": what the devices of this bus refused, as lines for their profiles.
///
/// Arguments `{device?: NAME}`; result `{corrections: [{device, profile, lines: [TEXT]}]}`. Needs no port: what was learned
/// is remembered across restarts.
final class CorrectionsTask: BusTask {
    private let arguments: DriverNode

    init(_ arguments: DriverNode) { self.arguments = arguments }

    func step(_ bench: any TaskBench) -> TaskProgress {
        let devices = (bench as? TaskHost)?.engine?.devices ?? bench.configuration.devices
        let name = arguments.entry("device")?.scalarText
        if let name, !devices.contains(where: { $0.name == name }) {
            return .failed("this bus has no usable device \(name)")
        }
        let corrections = devices.filter { name == nil || $0.name == name }.compactMap { device -> JSONValue? in
            let lines = device.correction
            guard !lines.isEmpty else { return nil }
            return .object([
                .init("device", .string(device.name)), .init("profile", .string(device.profileIdentity)),
                .init("lines", .array(lines.map { .string($0) })),
            ])
        }
        return .done(DriverNode(json: .object([.init("corrections", .array(corrections))])))
    }

    func cancel(_ bench: any TaskBench) {}
}

extension ModbusDevice {
    /// What was learned, in the words of a profile; empty when it is as the profile says.
    var correction: [String] {
        var lines: [String] = []
        if let most = plan.learnedMaximum, most < plan.limits.maximumRegisters {
            lines.append("limits: {max_registers: \(most)}  # instead of \(plan.limits.maximumRegisters)")
        }
        let refused = points.filter { plan.refused.contains($0.index) }
        if !refused.isEmpty {
            lines.append("# refused by \(name); take these values out, or see whether their addresses are right:")
            for point in refused {
                lines.append(
                    "#   \(point.value.name): \(point.value.table.rawValue) \(hex(UInt16(clamping: point.value.address)))"
                )
            }
            lines.append("never_read:")
            for range in Set(refused.map { PlaceRange(point: $0) }).sorted(by: { $0.first < $1.first }) {
                lines.append("  - \(range.words)")
            }
        }
        return lines
    }

    private struct PlaceRange: Hashable {
        let table: RegisterTable
        let first: Int
        let last: Int

        init(point: DevicePoint) {
            table = point.value.table
            first = point.value.addresses.lowerBound
            last = point.value.addresses.upperBound
        }

        var words: String {
            "{table: \(table.rawValue), at: \(hex(UInt16(clamping: first)))-\(hex(UInt16(clamping: last)))}"
        }
    }
}
