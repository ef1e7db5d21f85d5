internal import Telemetry

/// Makes values of what one device answers.
///
/// A value may need registers of other requests (its scale, its unit, a transformer's ratio): the newest of those are kept here, and
/// the plan polls them as hidden points.
struct DeviceDecoder: Sendable {
    let points: [DevicePoint]

    /// What a request brought for one point.
    struct Value: Sendable, Hashable {
        let point: Int
        let decoded: RegisterCodec.Decoded
        /// The point's registers, high byte first, where they were asked for.
        var raw: [UInt8] = []
    }

    init(points: [DevicePoint]) { self.points = points }

    /// Values of the visible points in `block`; a point whose helpers are not known yet is left out.
    mutating func decode(_ answer: ModbusAnswer, _ block: RegisterBlock) -> [Value] {
        block.points.compactMap { index in
            let point = points[index]
            guard !point.isHidden else { return nil }
            let offset = point.value.address - block.address
            switch answer {
            case .words(let words):
                let own = words[offset..<offset + point.value.width]
                return Value(
                    point: index, decoded: point.value.codec.decode(own),
                    raw: point.wantsRaw ? own.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } : [])
            case .bits(let bits): return Value(point: index, decoded: point.value.codec.decode(bit: bits[offset]))
            default: return Value(point: index, decoded: .bad(.communication))
            }
        }
    }
}
