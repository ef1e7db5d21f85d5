internal import CLinux
internal import Glibc

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
