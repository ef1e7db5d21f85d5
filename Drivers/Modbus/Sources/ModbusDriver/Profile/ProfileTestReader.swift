internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads one entry of a profile's `tests:`.
struct ProfileTestReader {
    let numbers: ProfileNumbers

    func read(_ item: NodeValue) -> ProfileTest? {
        guard let map = item.map(), let request = map.required("read", "{at, count}")?.map() else { return nil }
        let location = numbers.address(request)
        let count = request.required("count", "how many registers")?.integer(in: 1...2_000)
        request.finish()
        let answer = map.required("answer", "the answer's data bytes in hex")
        let bytes = answer.flatMap(Self.bytes)
        var expected: [(point: String, value: Value?)] = []
        for (point, value) in map.required("expect", "a map of points and values")?.map()?.all() ?? [] {
            // phases are also written with a slash, as in the product's register tables
            expected.append((point.replacingSlash, Self.value(value)))
        }
        _ = map.value("note")
        map.finish()
        guard let (table, address) = location, let count, let answer, let bytes else { return nil }
        let wanted = table.isBits ? (count + 7) / 8 : count * 2
        guard bytes.count == wanted else {
            answer.error("\(bytes.count) bytes in the answer to a request for \(count); expected \(wanted)")
            return nil
        }
        let words =
            table.isBits
            ? [] : stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let bits = table.isBits ? (0..<count).map { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 } : []
        return ProfileTest(table: table, address: address, words: words, bits: bits, expected: expected)
    }

    private static func bytes(_ value: NodeValue) -> [UInt8]? {
        guard let text = value.text() else { return nil }
        let bytes = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { UInt8($0, radix: 16) }
        guard !bytes.isEmpty, bytes.allSatisfy({ $0 != nil }) else {
            value.error("the answer must be bytes in hex with spaces between, such as 43 66 33 33")
            return nil
        }
        return bytes.compactMap { $0 }
    }

    private static func value(_ value: NodeValue) -> Value? {
        switch value.node.value {
        case .flag(let flag)?: return .flag(flag)
        case .number(let text)?: return ExactDecimal(text).map { .number($0) } ?? .text(text)
        case .text(let text)?: return text == "bad" ? nil : .text(text)
        default: return nil
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
