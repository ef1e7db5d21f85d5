import Configuration
import Glibc

/// A folder that is gone when the test is.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/candela-configuration-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
    }

    deinit { Self.remove(path) }

    @discardableResult
    func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) -> String {
        let full = path + "/" + name
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/" + part
            mkdir(folder, 0o755)
        }
        guard let file = fopen(full, "w") else { return full }
        _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
        return full
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { remove(path + "/" + name) }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// What lies beside the tests.
enum Fixtures {
    static let folder: String = {
        let file = #filePath
        return file[..<(file.lastIndex(of: "/") ?? file.startIndex)] + "/Fixtures"
    }()
    static let package = folder + "/../../.."
    static let drivers = DriverCatalog.discover(folders: [folder + "/drivers"]).catalog

    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

func load(_ path: String, environment: [String: String] = [:]) -> ConfigurationLoad {
    ConfigurationLoader(environment: { environment[$0] }).load(
        path: path, boards: [Fixtures.folder + "/boards", Fixtures.package + "/Boards"], drivers: Fixtures.drivers)
}

/// Loads a text as `gateway.yaml`, beside other files.
func load(yaml: String, files: [String: String] = [:], in folder: TemporaryFolder = TemporaryFolder())
    -> ConfigurationLoad
{
    for (name, text) in files { folder.write(name, text) }
    return load(folder.write("gateway.yaml", yaml))
}

extension ConfigurationLoad {
    /// The messages without the folder in front of files in it.
    func messages(in folder: String) -> [String] {
        diagnostics.map { diagnostic in
            var text = ""
            var rest = diagnostic.description[...]
            while let character = rest.first {
                if rest.hasPrefix(folder + "/") {
                    rest = rest.dropFirst(folder.count + 1)
                } else {
                    text.append(character)
                    rest = rest.dropFirst()
                }
            }
            return text
        }
    }
}
