/// Finds profiles by driver and name, and reads each once.
final class ProfileLibrary {
    private let collector: DiagnosticCollector
    private let folders: [String]
    private let drivers: DriverCatalog
    private(set) var documents: [ProfileDocument] = []
    private var tried: [ConfigurationPart: Bool] = [:]

    /// - Parameter folders: searched before the driver's own.
    init(collector: DiagnosticCollector, folders: [String], drivers: DriverCatalog) {
        self.collector = collector
        self.folders = folders
        self.drivers = drivers
    }

    /// Names of the YAML files in a folder, without `.yaml`.
    static func names(in folder: String) -> [String] {
        Files.names(in: folder).compactMap {
            $0.hasSuffix(".yaml") && !$0.hasPrefix(".") ? String($0.dropLast(5)) : nil
        }
    }

    /// Whether a device's profile can be used. Errors of the file are reported once, for the profile; a missing one for each device.
    func use(driver: String, name: String, device: DeviceSource) -> Bool {
        let part = ConfigurationPart.profile(driver: driver, name: name)
        let searched = folders + [drivers[driver]?.profileFolder].compactMap { $0 }
        guard let path = searched.map({ Files.join($0, name + ".yaml") }).first(where: Files.exists) else {
            let known = Set(searched.flatMap(Self.names(in:))).sorted()
            let place = searched.isEmpty ? "no folder" : searched.joined(separator: ", ")
            // Enough names to see what kind of thing is wanted; the nearest one is in the hint.
            let shown = 8
            let expected =
                known.isEmpty
                ? "a profile there"
                : "one of " + known.prefix(shown).joined(separator: ", ") + (known.count > shown ? ", ..." : "")
            collector.report(
                .error, at: device.merged["profile"]?.position ?? device.position, title: "device \(device.written)",
                "`profile`: there is no profile \"\(name)\" in \(place); expected \(expected)",
                hint: Spelling.hint(for: name, among: known), subject: .device(device.name))
            return false
        }
        if let known = tried[part] { return known }
        let document = read(path, driver: driver, name: name, part: part)
        tried[part] = document != nil
        if let document { documents.append(document) }
        return document != nil
    }

    private func read(_ path: String, driver: String, name: String, part: ConfigurationPart) -> ProfileDocument? {
        guard let root = DocumentReader.read(path, from: nil, what: "the profile", collector: collector, subject: part)
        else { return nil }
        let title = "profile \(name)"
        guard let entries = root.entries else {
            collector.report(
                .error, at: root.position, title: title,
                "the file holds \(root.kindName); expected a map beginning with `driver: \(driver)`",
                subject: part)
            return nil
        }
        guard let first = entries.first, first.key == "driver", let owner = first.value.scalar else {
            collector.report(
                .error, at: entries.first?.keyPosition ?? root.position, title: title,
                "the first key is not `driver`; expected `driver: \(driver)`", subject: part)
            return nil
        }
        guard owner == driver else {
            collector.report(
                .error, at: first.value.position, title: title,
                "it is for driver \"\(ScalarParser.shown(owner))\"; expected one for \"\(driver)\", the driver of the device's bus",
                subject: part)
            return nil
        }
        guard collector.failed[part] == nil else { return nil }
        return ProfileDocument(driver: driver, name: name, path: path, content: root)
    }
}
