import DriverProtocol

/// What of a driver's `Configured` can be checked without knowing its bus. Everything after it refers to these lists, so they must be sound.
enum ConfiguredCheck {
    /// Most points of one device: a full `Samples` of them still fits a message.
    static let pointsPerDevice = 4_000
    /// Longest name of a point, in bytes.
    static let pointNameBytes = 128

    /// - Returns: what is wrong; nil: nothing.
    static func fault(in answer: DriverConfigured, to configure: DriverConfigure) -> String? {
        guard answer.request == configure.request else {
            return "Configured answers request \(answer.request), asked was \(configure.request)"
        }
        let asked = Set(configure.devices.map(\.index))
        var seen: Set<UInt32> = []
        for device in answer.devices {
            guard asked.contains(device.index) else {
                return "Configured describes device \(device.index), which was not asked"
            }
            guard seen.insert(device.index).inserted else { return "Configured describes device \(device.index) twice" }
            guard device.points.count <= pointsPerDevice else {
                return "device \(device.index) has \(device.points.count) points, over the limit of \(pointsPerDevice)"
            }
            var names: Set<String> = []
            for point in device.points {
                guard !point.name.isEmpty, point.name.utf8.count <= pointNameBytes else {
                    return
                        "device \(device.index) has a point with an empty name or one of more than \(pointNameBytes) bytes"
                }
                guard names.insert(point.name).inserted else {
                    return "device \(device.index) has two points named '\(point.name)'"
                }
            }
        }
        return nil
    }

    /// Why the bus cannot be used at all, in the driver's words; nil: it can.
    static func busError(in answer: DriverConfigured) -> String? {
        let errors = answer.diagnostics.filter { $0.subject == .bus && $0.severity == .error }
        guard let first = errors.first else { return nil }
        let place = first.path.isEmpty ? "" : "\(first.path.joined(separator: ".")): "
        return place + first.message.clipped + (errors.count > 1 ? " (and \(errors.count - 1) more)" : "")
    }
}
