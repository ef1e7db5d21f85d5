internal import FoundationEssentials
public import Telemetry

/// Why the columns of a `Samples` message do not fit together.
public struct SampleColumnsError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}

extension DriverSamples {
    /// Rows into columns. Columns that would hold the same everywhere stay empty.
    public init(device: UInt32, samples: [Sample]) {
        self.init()
        self.device = device
        guard let first = samples.map(\.acquired).min() else { return }
        bootNs = UInt64(max(0, first.nanoseconds))
        point = samples.map { UInt32($0.point) }
        if samples.contains(where: { $0.acquired != first }) {
            offsetNs = samples.map { UInt64($0.acquired.nanoseconds - first.nanoseconds) }
        }
        if samples.contains(where: { $0.quality != .good }) { quality = samples.map { UInt32($0.quality.code) } }
        var kinds: [UInt32] = []
        for sample in samples {
            switch sample.value {
            case nil: kinds.append(0)
            case .number(let number)?:
                kinds.append(1)
                mantissa.append(number.mantissa)
                exponent.append(number.exponent)
            case .flag(let flag)?:
                kinds.append(2)
                self.flag.append(flag)
            case .text(let text)?:
                kinds.append(3)
                self.text.append(text)
            }
        }
        if kinds.contains(where: { $0 != 1 }) { kind = kinds }
        if samples.contains(where: { !$0.raw.isEmpty }) { raw = samples.map { Data($0.raw) } }
    }

    /// Columns into rows.
    ///
    /// - Parameter points: how many points the device has.
    /// - Throws: ``SampleColumnsError`` when a column is too short or too long, or an index or code is unknown: the peer is broken.
    public func rows(points: Int) throws(SampleColumnsError) -> [Sample] {
        let count = point.count
        guard offsetNs.isEmpty || offsetNs.count == count, quality.isEmpty || quality.count == count,
            kind.isEmpty || kind.count == count, raw.isEmpty || raw.count == count
        else { throw SampleColumnsError(description: "columns of different length in samples of device \(device)") }
        var rows: [Sample] = []
        rows.reserveCapacity(count)
        var (numbers, flags, texts) = (0, 0, 0)
        for row in 0..<count {
            guard Int(point[row]) < points else {
                throw SampleColumnsError(description: "point \(point[row]) of device \(device), which has \(points)")
            }
            let value: Value?
            switch kind.isEmpty ? 1 : kind[row] {
            case 0: value = nil
            case 1:
                guard numbers < mantissa.count, numbers < exponent.count, abs(Int(exponent[numbers])) <= 400 else {
                    throw SampleColumnsError(
                        description: "a missing or impossible number in samples of device \(device)")
                }
                value = .number(ExactDecimal(mantissa: mantissa[numbers], exponent: exponent[numbers]))
                numbers += 1
            case 2:
                guard flags < flag.count else {
                    throw SampleColumnsError(description: "a missing flag in samples of device \(device)")
                }
                value = .flag(flag[flags])
                flags += 1
            case 3:
                guard texts < text.count else {
                    throw SampleColumnsError(description: "a missing text in samples of device \(device)")
                }
                value = .text(text[texts])
                texts += 1
            default: throw SampleColumnsError(description: "unknown kind \(kind[row]) in samples of device \(device)")
            }
            let code = quality.isEmpty ? 0 : quality[row]
            guard code <= UInt32(UInt16.max), let known = Quality(code: UInt16(code)) else {
                throw SampleColumnsError(description: "unknown quality \(code) in samples of device \(device)")
            }
            let stamp = bootNs &+ (offsetNs.isEmpty ? 0 : offsetNs[row])
            rows.append(
                Sample(
                    point: Int(point[row]), value: value, quality: known,
                    acquired: BootInstant(nanoseconds: Int64(truncatingIfNeeded: stamp)),
                    raw: raw.isEmpty ? [] : Array(raw[row])))
        }
        guard numbers == mantissa.count, numbers == exponent.count, flags == flag.count, texts == text.count else {
            throw SampleColumnsError(description: "more values than rows in samples of device \(device)")
        }
        return rows
    }
}
