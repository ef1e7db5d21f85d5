extension DriverCatalog {
    /// The file in a driver's folder that says what it is.
    public static let manifestName = "driver.yaml"

    /// Finds the drivers in folders that hold one subfolder per driver.
    ///
    /// - Returns: the sound ones, and what is wrong with the others.
    public static func discover(folders: [String]) -> (catalog: DriverCatalog, diagnostics: [Diagnostic]) {
        let collector = DiagnosticCollector()
        var manifests: [DriverManifest] = []
        for folder in folders {
            for name in Files.names(in: folder) {
                let place = Files.join(folder, name)
                let path = Files.join(place, manifestName)
                guard Files.exists(path),
                    let manifest = DriverManifest(reading: path, folder: place, collector: collector)
                else { continue }
                if let earlier = manifests.first(where: { $0.driver == manifest.driver }) {
                    collector.report(
                        .warning, at: SourcePosition(file: path, line: 1, column: 1),
                        "driver \(manifest.driver) is already in \(earlier.folder), which is used; expected each driver once"
                    )
                } else {
                    manifests.append(manifest)
                }
            }
        }
        return (DriverCatalog(manifests: manifests, searched: folders), collector.diagnostics.sorted())
    }
}

extension DriverManifest {
    init?(reading path: String, folder: String, collector: DiagnosticCollector) {
        guard
            let root = DocumentReader.read(
                path, from: nil, what: "the driver's manifest", collector: collector, subject: nil)
        else {
            return nil
        }
        let before = collector.diagnostics.count
        let reader = MapReader(root, title: "driver", collector: collector, subject: nil)
        let driver = reader.scalar("driver", expected: "a name of " + Names.expected) { text throws(ScalarProblem) in
            guard Names.isName(text) else { throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no name") }
            return text
        }
        let executable = reader.text("executable", expected: "the file to run")
        for key in ["driver", "executable"] where root.entry(key) == nil {
            reader.error(at: reader.node.position, "`\(key)` is missing; expected it in a driver's manifest")
        }
        let profiles = reader.text("profiles", expected: "a folder")
        let version = reader.integer("protocol", default: "1", in: 1...1000)
        let description = reader.text("description") ?? ""
        reader.finish()
        guard let driver, let executable, collector.diagnostics.count == before else { return nil }
        self.init(
            driver: driver, executable: executable, profileFolder: profiles.map { Files.join(folder, $0) },
            protocolVersion: version ?? 1, description: description, folder: folder)
    }

    /// Where the executable is: in the manifest's folder, or beside the daemon's own.
    ///
    /// - Parameter daemonFolder: the folder of the running executable.
    /// - Returns: nil when it is in neither.
    public func executablePath(beside daemonFolder: String) -> String? {
        [folder, daemonFolder].map { Files.join($0, executable) }.first(where: Files.exists)
    }
}
