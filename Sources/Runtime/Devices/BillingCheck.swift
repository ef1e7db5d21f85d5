import Configuration
import Telemetry

/// What the configuration wants to bill by, against the points that the device really has.
enum BillingCheck {
    /// One message per point of a window that the device does not have or that cannot be put into such a window.
    static func diagnostics(of device: DeviceConfiguration, points: [PointDescriptor]) -> [Diagnostic] {
        var found: [Diagnostic] = []
        func report(_ severity: Diagnostic.Severity, _ place: SourcePosition, _ text: String, hint: String? = nil) {
            found.append(
                Diagnostic(
                    severity, at: place, "device \(device.name): \(text)", hint: hint, subject: .device(device.name)))
        }
        for window in device.windows {
            for name in window.points {
                guard let point = points.first(where: { $0.name == name }) else {
                    // A driver that could not use the point has said so itself.
                    guard device.points[name] == nil else { continue }
                    let counters = points.filter { $0.kind == .counter }.map(\.name)
                    report(
                        .error, window.position,
                        "`windows`: it has no point \(name); expected one of \(list(counters.isEmpty ? points.map(\.name) : counters))",
                        hint: NearestName.of(name, among: points.map(\.name)).map { "did you mean \"\($0)\"?" })
                    continue
                }
                for value in window.values {
                    if let problem = misfit(value, point) {
                        report(.error, window.position, "`windows`: \(value.rawValue) of \(name): \(problem)")
                    }
                }
            }
        }
        if device.privacy == .household, device.windows.isEmpty, points.contains(where: { $0.kind == .counter }) {
            report(
                .warning, device.position,
                "it is a household's and has no `windows`: every value that is read goes to the uplinks that name it",
                hint: "windows: [{every: 15min, points: [active_energy_import]}] sends nothing but those")
        }
        return found
    }

    private static func misfit(_ value: WindowConfiguration.Value, _ point: PointDescriptor) -> String? {
        switch (value, point.kind) {
        case (_, .text): "a text has no windows"
        case (.register, _), (_, .gauge): nil
        case (_, .counter): "a counter only rises; expected register"
        case (_, .state): "a state has no average, minimum or maximum; expected register"
        }
    }

    /// As many names as fit on a line.
    private static func list(_ names: [String]) -> String {
        let shown = 6
        return names.prefix(shown).joined(separator: ", ") + (names.count > shown ? ", ..." : "")
    }
}
