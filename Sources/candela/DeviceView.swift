import ControlProtocol

/// One device as a person reads it.
enum DeviceView {
    static func text(_ device: ControlDeviceInfo) -> String {
        var lines = [
            "device       \(device.name) on bus \(device.bus), \(device.address)",
            "profile      \(device.profile)",
            "state        \(device.state)" + (device.detail.isEmpty ? "" : ": \(device.detail)"),
            "last answer  \(Formats.age(Formats.lastAnswer(device)))",
            "failed       \(Formats.failures(device.failures, of: device.requests)), \(Formats.count(Int(clamping: device.missedIntervals), "interval")) missed",
            "",
        ]
        if device.household {
            lines.append("a household's device: its values are not shown; candela read \(device.name) --household")
        } else {
            lines += values(device.points).lines
        }
        return lines.joined(separator: "\n")
    }

    static func values(_ points: [ControlPointValue]) -> Table {
        var table = Table([("POINT", .left), ("VALUE", .right), ("UNIT", .left), ("QUALITY", .left), ("TIME", .left)])
        for point in points {
            table.add(
                point.point, point.quality == "bad" || point.quality == "unknown" ? "-" : Formats.plain(point.value),
                point.unit.isEmpty ? "-" : point.unit,
                point.quality + (point.reason.isEmpty ? "" : " (\(point.reason))"),
                (point.time.isEmpty ? "-" : point.time) + (point.writable ? "  writable" : ""))
        }
        return table
    }
}
