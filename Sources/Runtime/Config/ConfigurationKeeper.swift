import CLinux
public import Configuration
import Glibc

/// Finds drivers and boards, loads the configuration, and keeps the last good one for the day the file cannot be used.
public struct ConfigurationKeeper: Sendable {
    /// What is to run.
    public struct Choice: Sendable {
        public private(set) var load: ConfigurationLoad
        public private(set) var configuration: GatewayConfiguration
        /// The file is unusable and the last good one runs instead; its errors are here.
        public let refused: [Diagnostic]
        public var runsLastGood: Bool { !refused.isEmpty }

        /// What only somebody who looks at a configuration needs is let go.
        mutating func dropTrees() {
            load.dropTrees()
            configuration.dropTrees()
        }
    }

    /// Neither the file nor a last good one can be used.
    public struct Unusable: Error, Sendable {
        public let diagnostics: [Diagnostic]
    }

    public let path: String
    public let driverFolders: [String]
    public let boardFolders: [String]

    /// - Parameters:
    ///   - path: of `gateway.yaml`.
    ///   - driverFolders: each holds driver packages.
    ///   - boardFolders: each holds board files.
    public init(path: String, driverFolders: [String], boardFolders: [String]) {
        self.path = path
        self.driverFolders = driverFolders
        self.boardFolders = boardFolders
    }

    /// The installed drivers, and what is wrong with manifests that cannot be read.
    public func catalog() -> (catalog: DriverCatalog, diagnostics: [Diagnostic]) {
        DriverCatalog.discover(folders: driverFolders)
    }

    /// Reads and checks the file, without asking drivers.
    public func load() -> ConfigurationLoad { load(path) }

    private func load(_ path: String) -> ConfigurationLoad {
        ConfigurationLoader().load(path: path, boards: boardFolders, drivers: catalog().catalog)
    }

    /// The file if it can be used at all, or else the last good one kept in `stateDirectory`.
    ///
    /// A sound file becomes the new last good one.
    public func choose(stateDirectory: String) throws(Unusable) -> Choice {
        let now = load()
        let shelf = stateDirectory + "/last-good"
        if let configuration = now.configuration {
            if !now.hasErrors { keep(configuration, on: shelf) }
            return Choice(load: now, configuration: configuration, refused: [])
        }
        for place in [shelf, shelf + ".old"] {
            guard let main = SmallFile.text(place + "/main") else { continue }
            let before = load(place + "/files" + main)
            if let configuration = before.configuration {
                return Choice(load: before, configuration: configuration, refused: now.errors)
            }
        }
        throw Unusable(diagnostics: now.diagnostics)
    }

    /// Copies every file of a sound configuration, each under its whole path, so that relative names still fit together.
    private func keep(_ configuration: GatewayConfiguration, on shelf: String) {
        let fresh = shelf + ".new"
        Self.removeTree(fresh)
        for file in configuration.files {
            let whole = Self.absolute(file)
            guard let bytes = SmallFile.bytes(whole) else { return }
            let target = fresh + "/files" + whole
            SmallFile.makeFolder(
                target.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/"))
            guard SmallFile.replace(target, with: bytes) else { return }
        }
        guard SmallFile.replace(fresh + "/main", with: Array(Self.absolute(path).utf8)) else { return }
        // A power cut between the two renames leaves `.old`, which is then taken.
        let old = shelf + ".old"
        Self.removeTree(old)
        _ = rename(shelf, old)
        _ = rename(fresh, shelf)
        Self.removeTree(old)
    }

    static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func removeTree(_ path: String) {
        var information = stat()
        guard lstat(path, &information) == 0 else { return }
        guard information.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { removeTree(path + "/" + name) }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
