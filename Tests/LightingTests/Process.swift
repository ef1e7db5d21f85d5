import Glibc
import Testing

/// Output of other programs and content of files, for comparing with independent sources.
enum Process {
    static func lines(of command: String) throws -> [String] {
        let pipe = try #require(popen(command, "r"))
        defer { pclose(pipe) }
        return String(decoding: bytes(from: pipe), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    static func bytes(ofFile path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        return bytes(from: file)
    }

    private static func bytes(from file: UnsafeMutablePointer<FILE>) -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return result }
            result.append(contentsOf: chunk[..<count])
        }
    }
}
