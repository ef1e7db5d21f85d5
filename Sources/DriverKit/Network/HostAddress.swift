/// HOST or HOST:PORT; an IPv6 address stands in brackets.
public struct HostAddress: Sendable, Hashable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// nil when it is neither a name nor a number with a port from 1 to 65,535.
    ///
    /// - Parameter standardPort: where none is written.
    public init?(_ text: String, standardPort: Int) {
        var host = Substring(text)
        var port: Substring?
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            if rest.hasPrefix(":") { port = rest.dropFirst() } else if !rest.isEmpty { return nil }
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            if host.contains(":") { return nil }
        }
        guard !host.isEmpty, host.utf8.count <= 253,
            host.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") })
        else { return nil }
        if let port {
            guard let number = Int(port), (1...65_535).contains(number) else { return nil }
            self.port = number
        } else {
            self.port = standardPort
        }
        self.host = String(host)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
