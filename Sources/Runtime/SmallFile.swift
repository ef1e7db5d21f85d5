import CLinux
import Glibc

/// Small files read and written whole: kernel facts, last good configurations.
enum SmallFile {
    /// Longer files are not small: refused.
    static let limit = 4_194_304

    /// The text without surrounding white space; nil when it cannot be read.
    static func text(_ path: String) -> String? {
        guard let bytes = bytes(path) else { return nil }
        var part = bytes[...]
        while let last = part.last, last <= 0x20 { part.removeLast() }
        while let first = part.first, first <= 0x20 { part.removeFirst() }
        return String(decoding: part, as: UTF8.self)
    }

    static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while all.count <= limit {
            let got = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { return got == 0 ? all : nil }
            all.append(contentsOf: chunk[0..<got])
        }
        return nil
    }

    /// Writes a file so that after a power cut it is either the old one or the new one, whole.
    ///
    /// - Returns: false when it could not be written.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) -> Bool {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { return false }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                close(descriptor)
                return false
            }
            rest = rest.dropFirst(written)
        }
        let synced = fsync(descriptor) == 0
        close(descriptor)
        return synced && rename(temporary, path) == 0
    }

    static func makeFolder(_ path: String) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += part
            if !made.isEmpty { _ = mkdir(made, 0o750) }
            made += "/"
        }
    }
}
