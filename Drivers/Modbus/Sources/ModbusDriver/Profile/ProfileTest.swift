internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Requests and their answers, with the values that must come out of them.
struct ProfileTest: Sendable {
    struct Answer: Sendable {
        var table: RegisterTable
        var address: Int
        var words: [UInt16]
        var bits: [Bool]

        var count: Int { table.isBits ? bits.count : words.count }
        var addresses: Range<Int> { address..<(address + count) }
    }

    enum Wanted: Sendable, Hashable {
        case value(Value)
        /// nil: whatever the reason.
        case bad(Quality.Reason?)
        /// Nothing is told.
        case missing
    }

    var answers: [Answer]
    /// Point name to what it must be.
    var expected: [(point: String, value: Wanted)]
    /// Keys of the site's file.
    var site: DriverNode?
    /// In the profile's list, for messages.
    var position = 0

    /// Differences between what must come out and what does, in sentences; none is a pass.
    func failures(in profile: ModbusProfile) -> [String] {
        let bench: ProfileBench
        do throws(ProfileBench.Problem) {
            bench = try ProfileBench(profile, site: site)
        } catch {
            return [error.reason]
        }
        let told = bench.values(of: answers)
        return expected.compactMap { point, wanted in
            guard let value = profile.values.first(where: { $0.name == point }), bench.names.contains(point) else {
                return "\(point): the profile has no such point"
            }
            guard let decoded = told[point] else {
                if wanted == .missing { return nil }
                let isThere = answers.contains {
                    $0.table == value.table && $0.addresses.contains(value.ownAddresses.lowerBound)
                        && $0.addresses.contains(value.ownAddresses.upperBound)
                }
                return isThere
                    ? "\(point) needs registers that are not in the answer"
                    : "\(point) at \(hex(UInt16(clamping: value.ownAddress))) is not in the answer"
            }
            return difference(point, decoded, wanted)
        }
    }

    private func difference(_ point: String, _ decoded: RegisterCodec.Decoded, _ wanted: Wanted) -> String? {
        switch wanted {
        case .missing: return "\(point) is \(Self.spell(decoded)) instead of missing"
        case .bad(let reason):
            if decoded.quality.grade == .bad, reason == nil || reason == decoded.quality.reason { return nil }
            return "\(point) is \(Self.spell(decoded)) instead of bad" + (reason.map { " \($0.name)" } ?? "")
        case .value(let value):
            // A serial number is written in YAML as a number and told as text.
            if case .text(let text)? = decoded.value, "\(value)" == text { return nil }
            return decoded.value == value ? nil : "\(point) is \(Self.spell(decoded)) instead of \(value)"
        }
    }

    private static func spell(_ decoded: RegisterCodec.Decoded) -> String {
        decoded.value.map { "\($0)" } ?? "bad \(decoded.quality.reason.name)"
    }
}
