import Telemetry

/// Cuts a driver's stderr into lines for the gateway's log: bounded in length and rate, free of control characters, so that
/// a driver can neither fill the log nor forge lines in it.
struct LogLines: Sendable {
    private let limits: SupervisionLimits
    private var line: [UInt8] = []
    private var isCut = false
    /// Lines that may pass now.
    private var allowance: Double
    private var lastRefill: BootInstant?
    private var suppressed = 0

    init(limits: SupervisionLimits) {
        self.limits = limits
        allowance = Double(limits.logLinesPerSecond * 10)
    }

    /// Takes bytes as they come.
    ///
    /// - Returns: whole lines to log.
    mutating func append(_ bytes: ArraySlice<UInt8>, at now: BootInstant) -> [String] {
        refill(at: now)
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A {
                finish(into: &lines)
            } else if line.count < limits.logLineBytes {
                line.append(byte)
            } else {
                isCut = true
            }
        }
        return lines
    }

    /// What is left when the stream ends.
    mutating func end(at now: BootInstant) -> [String] {
        refill(at: now)
        var lines: [String] = []
        if !line.isEmpty { finish(into: &lines) }
        if suppressed > 0 {
            lines.append("\(suppressed) more lines of the driver were left out")
            suppressed = 0
        }
        return lines
    }

    private mutating func refill(at now: BootInstant) {
        if let last = lastRefill {
            let earned = max(0, now.duration(since: last).inSeconds) * Double(limits.logLinesPerSecond)
            allowance = min(allowance + earned, Double(limits.logLinesPerSecond * 10))
        }
        lastRefill = now
    }

    private mutating func finish(into lines: inout [String]) {
        defer {
            line.removeAll(keepingCapacity: true)
            isCut = false
        }
        if line.last == 0x0D { line.removeLast() }
        guard !line.isEmpty else { return }
        guard allowance >= 1 else {
            suppressed += 1
            return
        }
        allowance -= 1
        if suppressed > 0 {
            lines.append(
                "\(suppressed) lines of the driver were left out: it logs more than \(limits.logLinesPerSecond) a second"
            )
            suppressed = 0
        }
        lines.append(Self.printable(line) + (isCut ? " ... (cut)" : ""))
    }

    private static func printable(_ bytes: [UInt8]) -> String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: text.unicodeScalars.append(" ")
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
