import Glibc

/// Why a file could not be read, in a sentence.
struct FileProblem: Error, Sendable {
    let message: String
    let isMissing: Bool
}

/// Reading files and folders, bounded.
enum Files {
    /// - Parameter limit: no more than this plus one byte is read, so that the reader can tell a file that is too large.
    static func read(_ path: String, limit: Int) throws(FileProblem) -> [UInt8] {
        // Non-blocking, so that a FIFO with no writer cannot hang the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw problem(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw problem(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let what = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "a device or pipe"
            throw FileProblem(message: "it is \(what), not a file", isMissing: false)
        }
        var bytes = [UInt8](repeating: 0, count: min(limit + 1, max(0, Int(status.st_size)) + 1))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw problem(errno)
            }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Names in a folder, sorted; empty when it cannot be read.
    static func names(in folder: String) -> [String] {
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

    /// Files that match a pattern, sorted.
    static func matches(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in found.gl_pathv[index].map { String(cString: $0) } }
    }

    /// The one path of a file, links resolved; as given when it does not exist.
    static func canonical(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The folder in which a file lies.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The last part of a path.
    static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// `path` as seen from `folder`, unless it is absolute.
    static func join(_ folder: String, _ path: String) -> String {
        if path.hasPrefix("/") { return path }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        if folder == "." || folder.isEmpty { return String(rest) }
        return folder.hasSuffix("/") ? folder + rest : folder + "/" + rest
    }

    private static func problem(_ code: Int32) -> FileProblem {
        let message: String =
            switch code {
            case ENOENT: "there is no such file"
            case EACCES: "this user may not read it"
            case ENOTDIR: "a part of its path is no folder"
            default: String(cString: strerror(code))
            }
        return FileProblem(message: message, isMissing: code == ENOENT || code == ENOTDIR)
    }
}
