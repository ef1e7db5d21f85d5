import Telemetry

/// What a server answered, as far as it matters.
struct HTTPAnswer: Sendable, Hashable {
    enum Verdict: Sendable, Hashable {
        /// The server has it.
        case accepted
        /// It may take the same later; it may have it already, and the key tells.
        case later
        /// The same would be refused again until a person changes something.
        case refused
    }

    let status: Int
    /// What the server asks to wait.
    let retryAfter: Duration?
    /// The beginning of the answer's text, printable.
    let detail: String

    init(status: Int, retryAfter: Duration? = nil, detail: String = "") {
        self.status = status
        self.retryAfter = retryAfter
        self.detail = detail
    }

    var verdict: Verdict {
        switch status {
        case 200..<300: .accepted
        // 409: the same key is being worked on (draft-ietf-httpapi-idempotency-key-header, 2.7). 425: RFC 8470. 429: RFC 6585.
        case 408, 409, 425, 429, 500..<600: .later
        default: .refused
        }
    }

    /// For people: `503 Service Unavailable: maintenance`.
    var words: String {
        let known = Self.phrases[status].map { " " + $0 } ?? ""
        return "\(status)\(known)" + (detail.isEmpty ? "" : ": \(detail)")
    }

    /// Of RFC 9110, 15, with what to do where that is not plain.
    private static let phrases: [Int: String] = [
        301: "Moved Permanently (redirects are not followed: put the new address into url)",
        302: "Found (redirects are not followed: put the new address into url)",
        307: "Temporary Redirect (redirects are not followed: put the new address into url)",
        308: "Permanent Redirect (redirects are not followed: put the new address into url)",
        400: "Bad Request", 401: "Unauthorized (token, username and password, or certificate)",
        403: "Forbidden (what this token or certificate may do)", 404: "Not Found (the path in url)",
        405: "Method Not Allowed (the path in url)", 406: "Not Acceptable", 407: "Proxy Authentication Required",
        408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
        413: "Content Too Large (the server must take 128 KB)", 415: "Unsupported Media Type (encoding, compress)",
        422: "Unprocessable Content", 425: "Too Early", 429: "Too Many Requests", 500: "Internal Server Error",
        501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    ]

    /// The wait that `Retry-After` means (RFC 9110, 10.2.3): seconds, or a date, which counts from the server's own `Date`, so that it is right
    /// while the gateway's clock is not.
    static func wait(retryAfter: String, date: String?, now: UTCInstant?, parse: (String) -> UTCInstant?) -> Duration? {
        let text = retryAfter.trimmingSpaces
        if let seconds = Int64(text) { return seconds >= 0 ? .seconds(min(seconds, 1 << 31)) : nil }
        guard let until = parse(text), let from = date.flatMap({ parse($0.trimmingSpaces) }) ?? now else { return nil }
        return max(until.duration(since: from), .zero)
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return String(text)
    }
}
