internal import CCurl
internal import Glibc
import Telemetry

/// One request of libcurl, with all the memory that the library looks at while it is on its way. It belongs to the thread that made it.
final class CurlTransfer {
    struct Request {
        var method: String
        var url: String
        var headers: [String]
        var body: [UInt8]
    }

    /// What is kept of an answer's text: a sentence for a person.
    private static let detailBytes = 160
    /// What is read of an answer's text before the connection is dropped: a short answer leaves it open for the next request.
    private static let mostBodyBytes = 65_536
    /// After that a connection is not used again, so that a renewed certificate takes effect within the hour.
    private static let connectionLifeSeconds = 3600

    let easy: UnsafeMutableRawPointer
    let purpose: HTTPSession.Purpose
    private let body: UnsafeMutableBufferPointer<UInt8>
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var retryAfter: String?
    private var date: String?
    private var detail: [UInt8] = []
    private var received = 0

    /// Nil when there is no memory.
    init?(_ request: Request, _ options: HTTPOptions, for purpose: HTTPSession.Purpose) {
        guard let easy = candela_curl_easy_init() else { return nil }
        self.easy = easy
        self.purpose = purpose
        body = .allocate(capacity: max(request.body.count, 1))
        _ = body.initialize(from: request.body)
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        for header in request.headers { headers = candela_curl_slist_append(headers, header) }
        // Small messages would wait a second for a "100 Continue" that few servers send.
        headers = candela_curl_slist_append(headers, "Expect:")
        setText(CURLOPT_URL, request.url)
        setText(CURLOPT_CUSTOMREQUEST, request.method)
        _ = candela_curl_set_body(easy, body.baseAddress, request.body.count)
        _ = candela_curl_set_headers(easy, headers)
        _ = candela_curl_set_error_buffer(easy, errorText)
        _ = candela_curl_set_sinks(easy, headerArrived, bodyArrived, Unmanaged.passUnretained(self).toOpaque())
        apply(options)
    }

    deinit {
        candela_curl_easy_cleanup(easy)
        candela_curl_slist_free_all(headers)
        body.deallocate()
        errorText.deallocate()
    }

    private func apply(_ options: HTTPOptions) {
        // No signals: this is one thread of many.
        setNumber(CURLOPT_NOSIGNAL, 1)
        // A redirect would carry the token to wherever it points.
        setNumber(CURLOPT_FOLLOWLOCATION, 0)
        // What the environment says of proxies is not the configuration.
        setText(CURLOPT_PROXY, "")
        setText(CURLOPT_USERAGENT, "candela")
        setNumber(CURLOPT_TCP_KEEPALIVE, 1)
        setNumber(CURLOPT_CONNECTTIMEOUT_MS, Int(options.timing.connectTime.wholeMilliseconds))
        setNumber(CURLOPT_TIMEOUT_MS, Int(options.timeout.wholeMilliseconds))
        setNumber(CURLOPT_MAXLIFETIME_CONN, Self.connectionLifeSeconds)
        if case .basic(let username, let password) = options.authorization {
            setNumber(CURLOPT_HTTPAUTH, 1)
            setText(CURLOPT_USERNAME, username)
            setText(CURLOPT_PASSWORD, password)
        }
        setNumber(CURLOPT_SSL_VERIFYPEER, 1)
        setNumber(CURLOPT_SSL_VERIFYHOST, 2)
        setNumber(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        candela_curl_forget_authorities(easy)
        if let ca = options.tls.ca {
            setText(CURLOPT_CAINFO, ca)
            // These authorities and no others: not those of the system's folder too.
            _ = candela_curl_set_text(easy, CURLOPT_CAPATH, nil)
        }
        if let certificate = options.tls.certificate { setText(CURLOPT_SSLCERT, certificate) }
        if let key = options.tls.key { setText(CURLOPT_SSLKEY, key) }
    }

    private func setNumber(_ option: CURLoption, _ value: Int) { _ = candela_curl_set_number(easy, option, value) }

    /// The library keeps a copy.
    private func setText(_ option: CURLoption, _ value: String) { _ = candela_curl_set_text(easy, option, value) }

    /// What came of it.
    func outcome(_ result: CURLcode, now: UTCInstant?) -> HTTPSession.Event {
        let status = candela_curl_status(easy)
        // An answer that is too long to be read to its end is an answer.
        guard result == CURLE_OK || (result == CURLE_WRITE_ERROR && status >= 200) else {
            let text = String(cString: errorText)
            return .failed(purpose, text.isEmpty ? String(cString: candela_curl_easy_strerror(result)) : text)
        }
        let wait = retryAfter.flatMap {
            HTTPAnswer.wait(retryAfter: $0, date: date, now: now) { text in
                let seconds = candela_curl_getdate(text)
                return seconds < 0 ? nil : UTCInstant(seconds: Int64(seconds))
            }
        }
        let text = String(decoding: detail.prefix { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
        return .answered(purpose, HTTPAnswer(status: status, retryAfter: wait, detail: text))
    }

    fileprivate func take(header line: UnsafeRawBufferPointer) {
        // A later answer's headers (after "100 Continue") replace an earlier one's.
        if line.starts(with: "HTTP/".utf8) { (retryAfter, date) = (nil, nil) }
        guard line.count < 256, let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
        switch name {
        case "retry-after": retryAfter = value
        case "date": date = value
        default: break
        }
    }

    /// - Returns: whether more is wanted.
    fileprivate func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        detail += bytes.prefix(max(0, Self.detailBytes - detail.count))
        received += bytes.count
        return received <= Self.mostBodyBytes
    }
}

private func headerArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    transfer.take(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}

private func bodyArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.take(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}
