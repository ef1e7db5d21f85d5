import Telemetry

extension JSONEncoding {
    /// What a reading takes beside its names, about: keys, punctuation, n, time, number and quality.
    private static let usualBytes = 112

    func encode(_ readings: [Reading], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = context.devices.map { devices in readings.filter { devices.contains($0.device) } } ?? readings
        guard let first = chosen.first else { return [] }
        let room = chosen.count * (Self.usualBytes + first.identity.nameBytes)
        // Field by field where they stand: copies of the readings would cost as much as writing them.
        return chosen.withUnsafeBufferPointer { rows in
            var times = TimeNames(rows.indices.lazy.map { rows[$0].acquired }, boot: batch.boot, context: context)
            var items = EncodedItems()
            items.reserve(rows.count)
            var json = JSONBytes(reserving: room)
            for row in rows.indices {
                items.begin(at: json.count)
                times.name(rows[row].acquired)
                append(rows[row], times.text, to: &json)
                items.end(at: json.count, timeLength: times.text.count)
                json.append(UInt8(ascii: ","))
            }
            return json.withBytes { text in
                messages(
                    items, in: UnsafeBufferPointer(rebasing: text.dropLast()), named: "readings", of: batch,
                    clock: times.quality, context: context)
            }
        }
    }

    @inline(__always)
    private func append(_ reading: Reading, _ time: [UInt8], to json: inout JSONBytes) {
        let identity = reading.identity
        if identity.isPlainText {
            json.append("{\"device\":\"")
            json.append(plain: identity.device)
            json.append("\",\"point\":\"")
            json.append(plain: identity.point)
            json.append("\",\"n\":")
        } else {
            json.append("{\"device\":")
            json.append(quoted: identity.device)
            json.append(",\"point\":")
            json.append(quoted: identity.point)
            json.append(",\"n\":")
        }
        if reading.n <= 1 << 53 {
            json.append(reading.n)
        } else {
            json.append(quoted: String(reading.n))
        }
        json.append(UInt8(ascii: ","))
        json.append(time)
        json.append("\"value\":")
        json.append(reading.value)
        if !identity.unit.isEmpty {
            if identity.isPlainText {
                json.append(",\"unit\":\"")
                json.append(plain: identity.unit)
                json.append(UInt8(ascii: "\""))
            } else {
                json.append(",\"unit\":")
                json.append(quoted: identity.unit)
            }
        }
        if reading.quality == .good {
            json.append(",\"quality\":\"good\"")
        } else {
            json.append(",\"quality\":\"")
            json.append(plain: reading.quality.grade.name)
            json.append(UInt8(ascii: "\""))
            if reading.quality.reason != .none {
                json.append(",\"reason\":\"")
                json.append(plain: reading.quality.reason.name)
                json.append(UInt8(ascii: "\""))
            }
        }
        if reading.epoch > 0 {
            json.append(",\"epoch\":")
            json.append(UInt64(reading.epoch))
        }
        if !reading.isPlain { appendExtra(reading, to: &json) }
        json.append(UInt8(ascii: "}"))
    }

    @inline(never)
    private func appendExtra(_ reading: Reading, to json: inout JSONBytes) {
        if let period = reading.period {
            json.append(",\"period\":{\"start\":\"")
            json.append(plain: UTCInstant(seconds: period.start).description)
            json.append("\",\"end\":\"")
            json.append(plain: UTCInstant(seconds: period.end).description)
            json.append("\"}")
            // A register at a period's end is what a period means unless something else is said.
            if period.kind != .register {
                json.append(",\"window\":\"")
                json.append(plain: period.kind.name)
                json.append(UInt8(ascii: "\""))
            }
        }
        let raw = reading.raw
        if !raw.isEmpty {
            json.append(",\"raw\":\"")
            json.append(hexadecimal: raw)
            json.append(UInt8(ascii: "\""))
        }
    }

    func encode(_ events: [Event], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = events.filter { event in
            guard let devices = context.devices, let device = event.device else { return true }
            return devices.contains(device)
        }
        guard !chosen.isEmpty else { return [] }
        var times = TimeNames(chosen.lazy.map(\.occurred), boot: batch.boot, context: context)
        var items = EncodedItems()
        for event in chosen {
            items.begin()
            items.text.append(UInt8(ascii: "{"))
            times.name(event.occurred)
            items.text += times.text
            var json = JSONWriter(reserving: 256)
            json.member("kind", .string(event.kind))
            if !event.id.isEmpty { json.member("id", .string(event.id)) }
            if let device = event.device { json.member("device", .string(device)) }
            if let point = event.point { json.member("point", .string(point)) }
            json.member("severity", .string(event.severity.name))
            if let active = event.active { json.member("active", .bool(active)) }
            json.member("detail", event.detail)
            items.text += json.bytes
            items.text.append(UInt8(ascii: "}"))
            items.end(timeLength: times.text.count)
        }
        return messages(items, named: "events", of: batch, clock: times.quality, context: context)
    }

    func encode(_ results: [CommandResult], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = results.filter { result in
            guard let devices = context.devices else { return true }
            return devices.contains(result.device) || context.isOwnCommand(result.id)
        }
        guard !chosen.isEmpty else { return [] }
        var times = TimeNames(chosen.lazy.map(\.finished), boot: batch.boot, context: context)
        var items = EncodedItems()
        var responses: [CommandResponse] = []
        for result in chosen {
            items.begin()
            items.text.append(UInt8(ascii: "{"))
            times.name(result.finished)
            items.text += times.text
            var json = JSONWriter(reserving: 256)
            json.member("id", .string(result.id))
            json.member("device", .string(result.device))
            json.member("status", .string(result.status.rawValue))
            if let reason = result.reason { json.member("reason", .string(reason)) }
            items.text += json.bytes
            if let value = result.value {
                items.text += ",\"value\":".utf8
                var text = JSONBytes(reserving: 64)
                text.append(value)
                items.text += text.bytes
                if let unit = result.unit, !unit.isEmpty {
                    items.text += ",\"unit\":".utf8
                    items.text += JSONValue.string(unit).description.utf8
                }
            }
            items.text.append(UInt8(ascii: "}"))
            items.end(timeLength: times.text.count)
            responses.append(CommandResponse(id: result.id, payload: items.lastItem))
        }
        return messages(
            items, named: "results", of: batch, clock: times.quality, context: context, responses: responses)
    }
}

extension EncodedItems {
    var lastItem: [UInt8] { Array(text[(starts.last ?? 0)...]) }
}

extension JSONBytes {
    /// Integers up to 2^53 and all fractions are JSON numbers, larger integers strings: most readers of JSON would silently round them.
    fileprivate mutating func append(_ value: Value?) {
        switch value {
        case nil: append("null")
        case .flag(true)?: append("true")
        case .flag(false)?: append("false")
        case .text(let text)?: append(quoted: text)
        case .number(let number)?:
            let isLarge = number.exponent >= 0 && (number.integer.map { $0.magnitude > 1 << 53 } ?? false)
            if isLarge { append(UInt8(ascii: "\"")) }
            append(number)
            if isLarge { append(UInt8(ascii: "\"")) }
        }
    }
}
