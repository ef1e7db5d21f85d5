import Telemetry

/// Judges what a head-end got, as the guarantee of docs/delivery.md lets it: nothing missing, nothing twice but a repeated message.
struct Ledger {
    /// What is wrong, in words; empty when the guarantee held.
    private(set) var violations: [String] = []
    private(set) var messages = 0
    private(set) var duplicates = 0
    /// Repeated messages whose times differ by no more than the rounding to milliseconds.
    private(set) var readings = 0
    /// Highest sequence of each stream.
    private(set) var lastSequence: [String: Int] = [:]
    /// Highest n by stream and device.
    private(set) var lastN: [String: Int] = [:]

    private struct Key: Hashable {
        let stream: String
        let sequence: Int
        let part: Int
    }

    /// - Parameter selection: false where the uplink gets all devices, so that no sequence may be missing.
    init(_ all: [Message]) {
        var first: [Key: Message] = [:]
        var order: [Key] = []
        for message in all where ["readings", "events", "results"].contains(message.suffix) {
            messages += 1
            let key = Key(stream: message.stream, sequence: message.sequence, part: message.part)
            guard let before = first[key] else {
                first[key] = message
                order.append(key)
                continue
            }
            duplicates += 1
            if let difference = Self.difference(before, message) {
                violations.append("sequence \(key.sequence) came again with other content: \(difference)")
            }
        }
        sequences(first)
        numbers(order.compactMap { first[$0] })
    }

    /// Every sequence from 1 on is there, with all its parts.
    private mutating func sequences(_ messages: [Key: Message]) {
        for (stream, keys) in Dictionary(grouping: messages.keys, by: \.stream) {
            let parts = Dictionary(grouping: keys, by: \.sequence)
            let last = parts.keys.max() ?? 0
            lastSequence[stream] = last
            let missing = (1...max(1, last)).filter { parts[$0] == nil }
            if !missing.isEmpty {
                violations.append(
                    "stream \(stream): \(missing.count) of \(last) sequences missing, the first \(missing[0])")
            }
            for (sequence, keys) in parts {
                let expected = keys.compactMap { messages[$0]?.body["parts"]?.integer }.first ?? 1
                if keys.count != expected {
                    violations.append("sequence \(sequence): \(keys.count) of \(expected) parts")
                }
            }
        }
    }

    /// Every n from 1 on is there once, in the order of acquisition, and first arrivals of a point keep that order.
    private mutating func numbers(_ messages: [Message]) {
        let all = messages.flatMap(\.readings)
        readings = all.count
        for (device, own) in Dictionary(grouping: all, by: { "\($0.stream)/\($0.device)" }) {
            let numbers = own.map(\.n).sorted()
            lastN[device] = numbers.last
            let twice = zip(numbers.dropFirst(), numbers).filter { $0 == $1 }.map(\.0)
            if !twice.isEmpty { violations.append("\(device): n in two batches: \(twice.prefix(5))") }
            let missing = Set(1...max(1, numbers.last ?? 1)).subtracting(numbers)
            if !missing.isEmpty {
                violations.append(
                    "\(device): \(missing.count) of \(numbers.last ?? 0) n missing, the first \(missing.min() ?? 0)")
            }
            let bySequence = own.sorted { ($0.sequence, $0.n) < ($1.sequence, $1.n) }
            if zip(bySequence.dropFirst(), bySequence).contains(where: { $0.n <= $1.n }) {
                violations.append("\(device): sequence order is not the order of n")
            }
            // A window is told when its period is over, after readings of the point that are younger than its value.
            for (point, values) in Dictionary(
                grouping: own, by: { "\($0.point) \($0.period == nil ? "" : $0.window ?? "register")" })
            {
                for (later, earlier) in zip(values.dropFirst(), values)
                where later.n <= earlier.n || later.time < earlier.time {
                    violations.append("\(device).\(point): \(later) came after \(earlier)")
                    break
                }
            }
        }
    }

    /// How a repeated message differs from the first; nil when it is the same.
    ///
    /// The revision of the devices' description is not content: it names what describes the points at the time of sending.
    private static func difference(_ first: Message, _ again: Message) -> String? {
        guard first.suffix == again.suffix else { return "\(first.suffix) and \(again.suffix)" }
        let (a, b) = (content(first), content(again))
        guard a != b else { return nil }
        return "\(String("\(a)".prefix(400)))\nand\n\(String("\(b)".prefix(400)))"
    }

    private static func content(_ message: Message) -> JSONValue {
        .object((message.body.members ?? []).filter { $0.key != "devices" })
    }

    var figures: String {
        "\(messages) messages, \(duplicates) repeated, \(readings) readings, sequences \(lastSequence.values.sorted()), "
            + "n \(lastN.values.sorted())"
    }
}
