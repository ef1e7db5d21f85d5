import CLinux
import Glibc

/// A folder that is removed with everything in it when the test lets go of it.
public final class TemporaryFolder: Sendable {
    public let path: String

    public init(_ label: String = "candela") {
        var template = Array("/tmp/\(label)-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let made = mkdtemp(buffer.baseAddress!) else { return "/tmp" }
            return String(cString: made)
        }
        precondition(path != "/tmp", "no temporary folder could be made: \(String(cString: strerror(errno)))")
    }

    /// The path of `name` inside.
    public func callAsFunction(_ name: String) -> String { path + "/" + name }

    @discardableResult
    public func write(_ name: String, _ text: String) -> String {
        TestFiles.write(self(name), text)
        return self(name)
    }

    deinit { TestFiles.removeTree(path) }
}

public enum TestFiles {
    public static func write(_ path: String, _ text: String) { write(path, bytes: Array(text.utf8)) }

    public static func write(_ path: String, bytes content: [UInt8]) {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if !parent.isEmpty { makeFolder(parent) }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        precondition(descriptor >= 0, "\(path): \(String(cString: strerror(errno)))")
        defer { close(descriptor) }
        var bytes = content[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { CLinux.write(descriptor, $0.baseAddress, $0.count) }
            precondition(written > 0, "\(path): \(String(cString: strerror(errno)))")
            bytes = bytes.dropFirst(written)
        }
    }

    public static func makeFolder(_ path: String) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += part
            if !made.isEmpty { _ = mkdir(made, 0o755) }
            made += "/"
        }
    }

    /// The bytes of a file; nil when it cannot be read.
    public static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if got <= 0 { return got == 0 ? all : nil }
            all.append(contentsOf: chunk[0..<got])
        }
    }

    public static func text(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Names in a folder, sorted.
    public static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    public static func removeTree(_ path: String) {
        var information = stat()
        guard lstat(path, &information) == 0 else { return }
        if information.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) { removeTree(path + "/" + name) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// Where things are while tests run.
public enum Project {
    /// The package's root folder, found from this source file.
    public static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// The folder that holds the built programs: the one the running test bundle is in.
    public static let programs: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        var runner = ""
        if length > 0 { runner = String(decoding: buffer[0..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        var parts = runner.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast()
        let beside = parts.joined(separator: "/")
        if TestFiles.exists(beside + "/candelad") { return beside }
        return root + "/.build/debug"
    }()

    public static func program(_ name: String) -> String { programs + "/" + name }

    /// The Python with the independent peers, made by scripts/test; nil: tests that need it say so and are skipped.
    public static let python: String? = {
        if let set = getenv("CANDELA_PYTHON") { return String(cString: set) }
        let made = root + "/.build/python/bin/python"
        return TestFiles.exists(made) ? made : nil
    }()
}
