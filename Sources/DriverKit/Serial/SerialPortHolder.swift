internal import CLinux
internal import Glibc

/// Who has a port open, as far as /proc tells this user.
enum SerialPortHolder {
    struct Process: Sendable, Hashable {
        let process: Int32
        let name: String
    }

    /// The other process that has a descriptor on `path`; nil when /proc shows none, for instance for want of rights.
    static func find(_ path: String) -> Process? {
        let own = getpid()
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            guard let process = Int32(name(of: entry)), process != own, holds(process, path) else { continue }
            return Process(process: process, name: commandName(process))
        }
        return nil
    }

    private static func holds(_ process: Int32, _ path: String) -> Bool {
        let folder = "/proc/\(process)/fd"
        guard let directory = opendir(folder) else { return false }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            if SerialPath.linkTarget("\(folder)/\(name(of: entry))") == path { return true }
        }
        return false
    }

    private static func commandName(_ process: Int32) -> String {
        let file = Glibc.open("/proc/\(process)/comm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "name unknown" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return "name unknown" }
        return String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Paths of ports: udev's links lead to the device, and only the device's own path is known to libserialport.
enum SerialPath {
    /// The path without links; nil (with errno set) when there is none.
    static func canonical(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress!, $0.count) }
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// The slave side of a pseudo-terminal.
    static func isPseudoTerminal(_ canonicalPath: String) -> Bool { canonicalPath.hasPrefix("/dev/pts/") }
}
