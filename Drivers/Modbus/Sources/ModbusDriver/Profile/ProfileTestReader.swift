internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads one entry of a profile's `tests:`.
struct ProfileTestReader {
    let numbers: ProfileNumbers

    func read(_ item: NodeValue) -> ProfileTest? {
        guard let map = item.map(), let read = map.required("read", "{at, count}") else { return nil }
        let requests = (read.isList ? read.list() ?? [] : [read]).map { request($0) }
        var answers: [ProfileTest.Answer?] = []
        if let answer = map.required("answer", "the answer's data bytes in hex") {
            let texts = answer.isList ? answer.list() ?? [] : [answer]
            if texts.count != requests.count {
                answer.error("\(texts.count) answers to \(requests.count) requests")
            }
            answers = zip(requests, texts).map { request, text in request.flatMap { self.answer($0, text) } }
        }
        var expected: [(point: String, value: ProfileTest.Wanted)] = []
        for (point, value) in map.required("expect", "a map of points and values")?.map()?.all() ?? [] {
            // phases are also written with a slash, as in the product's register tables
            if let wanted = Self.wanted(value) { expected.append((point.replacingSlash, wanted)) }
        }
        let site = map.value("device")
        if let site, !site.isMap { site.error("keys of the site's file were expected, such as {ct_ratio: 40}") }
        _ = map.value("note")
        map.finish()
        let complete = answers.compactMap { $0 }
        guard complete.count == requests.count, !complete.isEmpty else { return nil }
        return ProfileTest(
            answers: complete, expected: expected, site: site?.node,
            position: item.place.path.last.flatMap { Int($0) } ?? 0)
    }

    private struct Request {
        let table: RegisterTable
        let address: Int
        let count: Int
    }

    private func request(_ value: NodeValue) -> Request? {
        guard let map = value.map() else { return nil }
        let location = numbers.address(map)
        let count = map.required("count", "how many registers")?.integer(in: 1...2_000)
        map.finish()
        guard let location, let count else { return nil }
        return Request(table: location.table, address: location.address, count: count)
    }

    private func answer(_ request: Request, _ value: NodeValue) -> ProfileTest.Answer? {
        guard let bytes = Self.bytes(value) else { return nil }
        let isBits = request.table.isBits
        let wanted = isBits ? (request.count + 7) / 8 : request.count * 2
        guard bytes.count == wanted else {
            value.error("\(bytes.count) bytes in the answer to a request for \(request.count); expected \(wanted)")
            return nil
        }
        let words =
            isBits
            ? [] : stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let bits = isBits ? (0..<request.count).map { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 } : []
        return ProfileTest.Answer(table: request.table, address: request.address, words: words, bits: bits)
    }

    private static func bytes(_ value: NodeValue) -> [UInt8]? {
        guard let text = value.text() else { return nil }
        guard text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A || Character(Unicode.Scalar($0)).isHexDigit }) else {
            value.error("the answer must be bytes in hex with spaces between, such as 43 66 33 33")
            return nil
        }
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        // One group may also be written without spaces; YAML takes 0017 for a number, and gives it as written.
        let pairs = parts.flatMap { part -> [Substring] in
            guard part.utf8.count % 2 == 0 else { return [part] }
            return stride(from: 0, to: part.utf8.count, by: 2).map { start in
                let first = part.utf8.index(part.startIndex, offsetBy: start)
                return part[first..<part.utf8.index(first, offsetBy: 2)]
            }
        }
        let bytes = pairs.map { UInt8($0, radix: 16) }
        guard !bytes.isEmpty, bytes.allSatisfy({ $0 != nil }) else {
            value.error("the answer must be bytes in hex with spaces between, such as 43 66 33 33")
            return nil
        }
        return bytes.compactMap { $0 }
    }

    private static func wanted(_ value: NodeValue) -> ProfileTest.Wanted? {
        switch value.node.value {
        case .flag(let flag)?: return .value(.flag(flag))
        case .number(let text)?: return .value(ExactDecimal(text).map { .number($0) } ?? .text(text))
        case .text("missing")?: return .missing
        case .text("bad")?, .null?, nil: return .bad(nil)
        case .text(let text)?:
            guard text.hasPrefix("bad ") else { return .value(.text(text)) }
            let name = text.dropFirst(4)
            guard let reason = Quality.Reason.allCases.first(where: { $0.name == name }) else {
                value.error(
                    "\(name) is no reason; expected one of \(Quality.Reason.allCases.dropFirst().map(\.name).joined(separator: ", "))"
                )
                return nil
            }
            return .bad(reason)
        default:
            value.error("a value, bad, bad REASON or missing was expected")
            return nil
        }
    }
}

extension String {
    fileprivate var replacingSlash: String {
        let parts = split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return self }
        return parts[1] == "total" ? String(parts[0]) : "\(parts[0]).\(parts[1])"
    }
}
