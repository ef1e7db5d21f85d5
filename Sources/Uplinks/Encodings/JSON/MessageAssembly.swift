import Telemetry

/// The items of one batch as JSON text, one after the other, with what is needed to cut them into messages.
struct EncodedItems {
    /// `{...},{...},{...}`
    var text: [UInt8] = []
    /// Where each item starts in ``text``.
    var starts: [Int] = []
    /// Bytes that each item may need at most, whatever its time looks like: cuts must not move when the clock becomes right.
    var bounds: [Int] = []

    /// The longest member that names a time: `"time":"2026-11-21T16:04:05.250Z",` or `"uptime":9223372036.854,`.
    static let timeBound = 35

    mutating func reserve(_ count: Int) {
        starts.reserveCapacity(count)
        bounds.reserveCapacity(count)
    }

    /// For items that are written elsewhere: one begins at this offset there.
    mutating func begin(at offset: Int) { starts.append(offset) }

    mutating func end(at offset: Int, timeLength: Int) {
        bounds.append(offset - (starts.last ?? 0) - timeLength + Self.timeBound + 1)
    }

    mutating func begin() {
        if !starts.isEmpty { text.append(UInt8(ascii: ",")) }
        starts.append(text.count)
    }

    /// Ends an item of which `timeLength` bytes name the time.
    mutating func end(timeLength: Int) { end(at: text.count, timeLength: timeLength) }

    /// The ranges of items that make a message each: as many as fit, in order. An item too large for any message goes alone.
    func cuts() -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        var size = 0
        for (index, bound) in bounds.enumerated() {
            let isFull = index - start == JSONEncoding.mostItems || size + bound > JSONEncoding.mostBytes - headBound
            if isFull, index > start {
                ranges.append(start..<index)
                (start, size) = (index, 0)
            }
            size += bound
        }
        if start < bounds.count { ranges.append(start..<bounds.count) }
        return ranges
    }

    /// What comes before and after the items: names of 64 characters at most, and numbers.
    private var headBound: Int { 1024 }

    /// Where a range of items stands in a text of this length.
    func place(_ range: Range<Int>, length: Int) -> Range<Int> {
        starts[range.lowerBound]..<(range.upperBound == starts.count ? length : starts[range.upperBound] - 1)
    }
}

extension JSONEncoding {
    /// Puts head and items together.
    func messages(
        _ items: EncodedItems, named list: String, of batch: Batch, clock: ClockQuality, context: EncodingContext,
        responses: [CommandResponse] = []
    ) -> [EncodedMessage] {
        items.text.withUnsafeBufferPointer { text in
            messages(items, in: text, named: list, of: batch, clock: clock, context: context, responses: responses)
        }
    }

    /// - Parameter text: the items' own, wherever it was written.
    func messages(
        _ items: EncodedItems, in text: UnsafeBufferPointer<UInt8>, named list: String, of batch: Batch,
        clock: ClockQuality, context: EncodingContext, responses: [CommandResponse] = []
    ) -> [EncodedMessage] {
        let cuts = items.cuts()
        return cuts.enumerated().map { index, range in
            var head = JSONWriter(reserving: 512)
            head.beginObject()
            head.member("format", .number(ExactDecimal(Self.format)))
            head.member("gateway", .string(context.gateway))
            head.member("stream", .string(batch.stream))
            head.member("sequence", .integer(batch.sequence))
            if cuts.count > 1 {
                head.member("part", .integer(index + 1))
                head.member("parts", .integer(cuts.count))
            }
            if let revision = context.devicesRevision { head.member("devices", .string(revision)) }
            if clock != .synchronised { head.member("clock", .string(clock.name)) }
            if clock == .unsynchronised { head.member("boot", .string(batch.boot)) }
            head.key(list)
            let slice = text[items.place(range, length: text.count)]
            var payload: [UInt8] = []
            payload.reserveCapacity(head.bytes.count + slice.count + 3)
            payload += head.bytes
            payload.append(UInt8(ascii: "["))
            payload += slice
            payload += [UInt8(ascii: "]"), UInt8(ascii: "}")]
            return EncodedMessage(
                topicSuffix: list, payload: payload, part: index + 1, parts: cuts.count, stream: batch.stream,
                sequence: batch.sequence, count: range.count,
                responses: responses.isEmpty ? [] : Array(responses[range]))
        }
    }
}

/// Moments as a message names them. Those that follow each other are mostly the same: what one exchange brought has one stamp.
struct TimeNames {
    /// Each moment that differs from the one before it.
    private var runs: [(instant: BootInstant, resolved: ResolvedTime)] = []
    private var next = 0
    private var current: BootInstant?
    /// `"time":"...",` or, while the clock is not trusted, `"uptime":...,` of the moment named last.
    private(set) var text: [UInt8] = []
    /// The worst quality among them: it holds for the whole message.
    let quality: ClockQuality

    init(_ instants: some Sequence<BootInstant>, boot: String, context: EncodingContext) {
        var worst = ClockQuality.synchronised
        var runs: [(instant: BootInstant, resolved: ResolvedTime)] = []
        for instant in instants where runs.last?.instant != instant {
            let resolved = context.resolve(instant, boot)
            if resolved.quality.rawValue < worst.rawValue { worst = resolved.quality }
            runs.append((instant, resolved))
        }
        self.runs = runs
        quality = worst
    }

    /// Puts this moment into ``text``. To be called in the order of the moments given.
    mutating func name(_ instant: BootInstant) {
        if current == instant { return }
        current = instant
        text.removeAll(keepingCapacity: true)
        let utc = runs[next].resolved.utc
        next += 1
        if quality != .unsynchronised, let utc {
            text += "\"time\":\"".utf8
            text.appendRFC3339(utc)
            text += "\",".utf8
        } else {
            text += "\"uptime\":".utf8
            text += ExactDecimal(mantissa: instant.nanoseconds / 1_000_000, exponent: -3).description.utf8
            text.append(UInt8(ascii: ","))
        }
    }
}

extension [UInt8] {
    /// `2026-11-21T16:04:05.250Z`, without making strings on the way: it is written once per reading.
    mutating func appendRFC3339(_ instant: UTCInstant) {
        let time = CivilTime(instant)
        appendDigits(time.year, 4)
        append(UInt8(ascii: "-"))
        appendDigits(time.month, 2)
        append(UInt8(ascii: "-"))
        appendDigits(time.day, 2)
        append(UInt8(ascii: "T"))
        appendDigits(time.hour, 2)
        append(UInt8(ascii: ":"))
        appendDigits(time.minute, 2)
        append(UInt8(ascii: ":"))
        appendDigits(time.second, 2)
        append(UInt8(ascii: "."))
        appendDigits(time.nanosecond / 1_000_000, 3)
        append(UInt8(ascii: "Z"))
    }

    private mutating func appendDigits(_ value: Int, _ width: Int) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
