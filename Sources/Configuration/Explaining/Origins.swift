/// Turning a driver's word about its options into a place in a file.
extension GatewayConfiguration {
    /// - Parameters:
    ///   - path: keys and list positions in the bus's options; empty for the bus as such.
    ///   - atKey: the last key itself is wrong, not its value.
    public func diagnostic(
        _ severity: Diagnostic.Severity, forBus name: String, path: [String], atKey: Bool = false, message: String
    ) -> Diagnostic {
        Diagnostic(
            severity, at: position(bus: name, path: path, atKey: atKey), "bus \(name): \(message)", subject: .bus(name))
    }

    /// - Parameter path: keys and list positions in the device's options; empty for the device as such.
    public func diagnostic(
        _ severity: Diagnostic.Severity, forDevice name: String, path: [String], atKey: Bool = false, message: String
    ) -> Diagnostic {
        Diagnostic(
            severity, at: position(device: name, path: path, atKey: atKey), "device \(name): \(message)",
            subject: .device(name))
    }

    /// - Parameter path: keys and list positions in the profile; empty for the profile as such.
    public func diagnostic(
        _ severity: Diagnostic.Severity, forProfile name: String, driver: String, path: [String], atKey: Bool = false,
        message: String
    ) -> Diagnostic {
        let place =
            profile(driver: driver, name: name)?.content.position(path: path, atKey: atKey)
            ?? SourcePosition(file: name + ".yaml", line: 1, column: 1)
        return Diagnostic(
            severity, at: place, "profile \(name): \(message)", subject: .profile(driver: driver, name: name))
    }

    /// Where a bus's option was written; the bus's name where it was not.
    public func position(bus name: String, path: [String], atKey: Bool = false) -> SourcePosition {
        guard let bus = bus(name) else { return SourcePosition(file: files.first ?? "", line: 1, column: 1) }
        guard let first = path.first, bus.options.entry(first) != nil else { return bus.position }
        return bus.options.position(path: path, atKey: atKey)
    }

    /// Where a device's value was written, in its own entry, a range or the defaults of its bus; the device's name where it was not.
    ///
    /// - Parameter path: also reaches keys that the runtime owns (`interval`, `points`).
    public func position(device name: String, path: [String], atKey: Bool = false) -> SourcePosition {
        guard let device = device(name) else { return SourcePosition(file: files.first ?? "", line: 1, column: 1) }
        guard let first = path.first, device.merged.entry(first) != nil else { return device.position }
        return device.merged.position(path: path, atKey: atKey)
    }

    /// For devices whose driver describes counters: without a rating nobody can tell a possible step from an impossible one.
    ///
    /// - Parameter devices: names of the devices that have counters.
    /// - Returns: one warning per device that has no `rating`.
    public func warningsAboutRatings(devicesWithCounters devices: some Sequence<String>) -> [Diagnostic] {
        devices.compactMap { name in
            guard let device = device(name), device.rating == nil else { return nil }
            return Diagnostic(
                .warning, at: device.position,
                "device \(name): it counts energy or volume and has no `rating`; steps of its counters are checked against "
                    + "the most its profile allows, not against this installation",
                hint: "rating: 63 A", subject: .device(name))
        }
    }
}
