/// All profiles that devices of a driver may name, whether any does or not.
public struct ProfileShelf: Sendable {
    public struct Entry: Sendable, Hashable {
        /// The file's name without `.yaml`.
        public let name: String
        public let path: String
    }

    public let driver: String
    /// In the order in which they are searched.
    public let folders: [String]

    /// - Parameters:
    ///   - folders: those of the configuration, searched before the driver's own.
    ///   - catalog: the installed drivers.
    public init(driver: String, folders: [String] = [], catalog: DriverCatalog) {
        self.driver = driver
        self.folders = folders + [catalog[driver]?.profileFolder].compactMap { $0 }
    }

    /// By name; of two files with one name the one that devices get.
    public var entries: [Entry] {
        var found: [String: String] = [:]
        for folder in folders {
            for name in ProfileLibrary.names(in: folder) where found[name] == nil {
                found[name] = Files.join(folder, name + ".yaml")
            }
        }
        return found.sorted { $0.key < $1.key }.map { Entry(name: $0.key, path: $0.value) }
    }

    /// Reads a profile's file: its tree, or what makes it unreadable.
    public func read(_ entry: Entry) -> (document: ProfileDocument?, diagnostics: [Diagnostic]) {
        let collector = DiagnosticCollector()
        let part = ConfigurationPart.profile(driver: driver, name: entry.name)
        let root = DocumentReader.read(
            entry.path, from: nil, what: "the profile", collector: collector, subject: part)
        let document = root.map { ProfileDocument(driver: driver, name: entry.name, path: entry.path, content: $0) }
        return (document, collector.diagnostics)
    }

    /// The readable ones among `names`; nil: all. Those that say they are another driver's are left out.
    public func documents(_ names: [String]?) -> [ProfileDocument] {
        let wanted = names.map(Set.init)
        return entries.filter { wanted?.contains($0.name) ?? true }.compactMap { entry in
            guard let document = read(entry).document, document.content["driver"]?.scalar == driver else { return nil }
            return document
        }
    }

    /// A profile file anywhere, as one that is still being written.
    public static func entry(ofFile path: String) -> Entry {
        let name = Files.name(of: path)
        return Entry(name: name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name, path: path)
    }
}
