internal import CZlib

/// Compression of what is posted.
enum Gzip {
    /// Nil when there is no memory for it.
    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        let bound = candela_gzip_bound(bytes.count)
        let made = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = candela_gzip(bytes, bytes.count, buffer.baseAddress, bound)
        }
        return made.isEmpty ? nil : made
    }
}
