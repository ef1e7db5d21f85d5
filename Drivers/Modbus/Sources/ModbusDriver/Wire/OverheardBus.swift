internal import Telemetry

/// What goes on on a bus that we only listen to: which requests got which answers, unit by unit.
struct OverheardBus {
    /// An answer that comes later belongs to nothing any more.
    static let longestWait: Duration = .seconds(5)

    struct Unit: Sendable, Hashable {
        var requests = 0
        var answers = 0
        var exceptions = 0
        var latencies = 0
        var latencySum: Duration = .zero
        var latencyMaximum: Duration = .zero
        /// Ranges that were asked for, by function.
        var seen: [UInt8: Set<ClosedRange<Int>>] = [:]

        var unanswered: Int { max(0, requests - answers - exceptions) }
        var latencyMean: Duration? { latencies == 0 ? nil : latencySum / latencies }
    }

    private(set) var units: [UInt8: Unit] = [:]
    private(set) var frames = 0
    private var asked: (request: ModbusRequest, unit: UInt8, at: BootInstant)?

    /// Adds a frame.
    ///
    /// - Parameter character: how long one takes on this line, to tell the answer's latency from its length.
    /// - Returns: it in words, one line.
    mutating func take(_ frame: HeardFrame, character: Duration) -> String {
        frames += 1
        let what: String
        switch frame.role {
        case .request:
            let request =
                ModbusRequest(bytes: frame.data)
                ?? .custom(function: frame.function, data: Array(frame.data.dropFirst()))
            var unit = units[frame.unit] ?? Unit()
            unit.requests += 1
            if let range = request.range { unit.seen[frame.function, default: []].insert(range) }
            units[frame.unit] = unit
            asked = frame.unit == 0 ? nil : (request, frame.unit, frame.at)
            what = frame.unit == 0 ? "all units: \(request.words)" : "unit \(frame.unit): \(request.words)"
        case .answer: what = answer(frame, character)
        }
        return "\(what)  [\(hex(frame.bytes))]"
    }

    private mutating func answer(_ frame: HeardFrame, _ character: Duration) -> String {
        var unit = units[frame.unit] ?? Unit()
        defer { units[frame.unit] = unit }
        if frame.data.first.map({ $0 & 0x80 != 0 }) ?? false { unit.exceptions += 1 } else { unit.answers += 1 }
        guard let asked, asked.unit == frame.unit, frame.at.duration(since: asked.at) < Self.longestWait,
            let answer = try? ModbusAnswer(frame.data, to: asked.request)
        else {
            return "unit \(frame.unit): an answer to function \(frame.function) whose request was not heard"
        }
        self.asked = nil
        let latency = max(.zero, frame.at.duration(since: asked.at) - character * frame.bytes.count)
        unit.latencies += 1
        unit.latencySum += latency
        unit.latencyMaximum = max(unit.latencyMaximum, latency)
        return "unit \(frame.unit): \(answer) after \(latency.wholeMilliseconds) ms"
    }
}

extension ModbusRequest {
    /// The registers or bits that it is about.
    var range: ClosedRange<Int>? {
        func span(_ at: UInt16, _ count: Int) -> ClosedRange<Int>? { count > 0 ? Int(at)...(Int(at) + count - 1) : nil }
        switch self {
        case .read(_, let at, let count), .readWrite(let at, let count, _, _): return span(at, count)
        case .writeCoil(let at, _), .writeRegister(let at, _), .maskWrite(let at, _, _): return span(at, 1)
        case .writeCoils(let at, let values): return span(at, values.count)
        case .writeRegisters(let at, let values): return span(at, values.count)
        case .reportServerIdentifier, .deviceIdentification, .custom: return nil
        }
    }
}
