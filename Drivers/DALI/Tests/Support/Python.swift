import Glibc
import Testing

/// An independent peer, where one is installed: the interpreter that CANDELA_PYTHON names, with python-dali 0.16.
enum Python {
    static let interpreter: String? = getenv("CANDELA_PYTHON").map { String(cString: $0) }
    static var isAvailable: Bool { interpreter.map { access($0, X_OK) == 0 } ?? false }
    static var whyNot: Comment {
        "CANDELA_PYTHON names no interpreter with python-dali: independent decoding was not run"
    }

    /// What a script prints when it reads `input`.
    static func run(_ script: String, input: String) throws -> String {
        let folder = try TemporaryFolder()
        let (source, given, printed) = (folder.path + "/script.py", folder.path + "/in", folder.path + "/out")
        try folder.write(script, to: source)
        try folder.write(input, to: given)
        let program = try #require(interpreter)
        let status = Glibc.system("'\(program)' '\(source)' < '\(given)' > '\(printed)'")
        try #require(status == 0, "the script failed")
        return try folder.read(printed)
    }
}

/// A folder that goes when the value goes.
final class TemporaryFolder {
    let path: String

    struct Failure: Error {
        let what: String
    }

    init() throws {
        var template = Array("/tmp/candela-dali-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(what: "no temporary folder") }
        path = String(cString: made)
    }

    deinit {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }

    func write(_ text: String, to file: String) throws {
        guard let stream = fopen(file, "w") else { throw Failure(what: "cannot write \(file)") }
        fputs(text, stream)
        fclose(stream)
    }

    func read(_ file: String) throws -> String {
        guard let stream = fopen(file, "r") else { throw Failure(what: "cannot read \(file)") }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
