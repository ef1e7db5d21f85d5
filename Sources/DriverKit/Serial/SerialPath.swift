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

    /// "PID (name)" of the process whose lock keeps others off the port; nil when none has it locked.
    ///
    /// Several processes may have a port open (a simulator keeps its own pseudo-terminals); the one to stop is the one that
    /// locked it. The kernel lists locks as `1: FLOCK ADVISORY WRITE 1234 00:18:5 0 EOF`: process, device in hexadecimal, inode.
    static func lockHolder(_ canonicalPath: String) -> String? {
        var status = stat()
        guard stat(canonicalPath, &status) == 0 else { return nil }
        let device = UInt64(status.st_dev)
        let major = device >> 8 & 0xFFF
        let minor = device & 0xFF | device >> 12 & 0xFFF00
        for line in lines("/proc/locks") {
            let fields = line.split(separator: " ")
            guard fields.count >= 6, fields[1] == "FLOCK", let process = Int32(fields[4]) else { continue }
            let file = fields[5].split(separator: ":")
            guard file.count == 3, UInt64(file[0], radix: 16) == major, UInt64(file[1], radix: 16) == minor,
                UInt64(file[2]) == UInt64(status.st_ino)
            else { continue }
            return "\(process) (\(lines("/proc/\(process)/comm").first ?? "name unknown"))"
        }
        return nil
    }

    /// A small text file's lines; none when it cannot be read.
    private static func lines(_ path: String) -> [String] {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { Glibc.close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The slave side of a pseudo-terminal.
    static func isPseudoTerminal(_ canonicalPath: String) -> Bool { canonicalPath.hasPrefix("/dev/pts/") }
}
