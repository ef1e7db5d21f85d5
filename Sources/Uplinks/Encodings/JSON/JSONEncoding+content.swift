import Telemetry

extension JSONEncoding {
    func encode(_ readings: [Reading], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = context.devices.map { devices in readings.filter { devices.contains($0.device) } } ?? readings
        guard !chosen.isEmpty else { return [] }
        let times = TimeNames(chosen.map(\.acquired), boot: batch.boot, context: context)
        var names = QuotedNames()
        var items = EncodedItems()
        items.text.reserveCapacity(chosen.count * 192)
        for (index, reading) in chosen.enumerated() {
            items.begin()
            items.text += "{\"device\":".utf8
            items.text += names.quoted(reading.device)
            items.text += ",\"point\":".utf8
            items.text += names.quoted(reading.point)
            items.text += ",\"n\":".utf8
            items.text += JSONValue.integer(reading.n).description.utf8
            items.text.append(UInt8(ascii: ","))
            let timeLength = times.append(index, to: &items.text)
            items.text += "\"value\":".utf8
            items.text.append(value: reading.value)
            if !reading.unit.isEmpty {
                items.text += ",\"unit\":".utf8
                items.text += names.quoted(reading.unit)
            }
            items.text += ",\"quality\":\"".utf8
            items.text += reading.quality.grade.name.utf8
            items.text.append(UInt8(ascii: "\""))
            if reading.quality.reason != .none {
                items.text += ",\"reason\":\"".utf8
                items.text += reading.quality.reason.name.utf8
                items.text.append(UInt8(ascii: "\""))
            }
            items.text.append(UInt8(ascii: "}"))
            items.end(timeLength: timeLength)
        }
        return messages(items, named: "readings", of: batch, clock: times.quality, context: context)
    }

    func encode(_ events: [Event], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = events.filter { event in
            guard let devices = context.devices, let device = event.device else { return true }
            return devices.contains(device)
        }
        guard !chosen.isEmpty else { return [] }
        let times = TimeNames(chosen.map(\.occurred), boot: batch.boot, context: context)
        var items = EncodedItems()
        for (index, event) in chosen.enumerated() {
            items.begin()
            items.text.append(UInt8(ascii: "{"))
            let timeLength = times.append(index, to: &items.text)
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
            items.end(timeLength: timeLength)
        }
        return messages(items, named: "events", of: batch, clock: times.quality, context: context)
    }

    func encode(_ results: [CommandResult], of batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        let chosen = results.filter { result in
            guard let devices = context.devices else { return true }
            return devices.contains(result.device) || context.isOwnCommand(result.id)
        }
        guard !chosen.isEmpty else { return [] }
        let times = TimeNames(chosen.map(\.finished), boot: batch.boot, context: context)
        var items = EncodedItems()
        var responses: [CommandResponse] = []
        for (index, result) in chosen.enumerated() {
            items.begin()
            items.text.append(UInt8(ascii: "{"))
            let timeLength = times.append(index, to: &items.text)
            var json = JSONWriter(reserving: 256)
            json.member("id", .string(result.id))
            json.member("device", .string(result.device))
            json.member("status", .string(result.status.rawValue))
            if let reason = result.reason { json.member("reason", .string(reason)) }
            items.text += json.bytes
            if let value = result.value {
                items.text += ",\"value\":".utf8
                items.text.append(value: value)
                if let unit = result.unit, !unit.isEmpty {
                    items.text += ",\"unit\":".utf8
                    items.text += JSONValue.string(unit).description.utf8
                }
            }
            items.text.append(UInt8(ascii: "}"))
            items.end(timeLength: timeLength)
            responses.append(CommandResponse(id: result.id, payload: items.lastItem))
        }
        return messages(
            items, named: "results", of: batch, clock: times.quality, context: context, responses: responses)
    }
}

extension EncodedItems {
    var lastItem: [UInt8] { Array(text[(starts.last ?? 0)...]) }
}

/// Names with quotes and escapes: the same few stand in every batch.
private struct QuotedNames {
    private var known: [String: [UInt8]] = [:]

    mutating func quoted(_ name: String) -> [UInt8] {
        if let text = known[name] { return text }
        let text = Array(JSONValue.string(name).description.utf8)
        known[name] = text
        return text
    }
}

extension [UInt8] {
    /// Integers up to 2^53 and all fractions are JSON numbers, larger integers strings: most readers of JSON would silently round them.
    fileprivate mutating func append(value: Value?) {
        switch value {
        case nil: self += "null".utf8
        case .flag(let flag)?: self += (flag ? "true" : "false").utf8
        case .text(let text)?: self += JSONValue.string(text).description.utf8
        case .number(let number)?:
            let isLarge = number.exponent >= 0 && (number.integer.map { $0.magnitude > 1 << 53 } ?? false)
            if isLarge { append(UInt8(ascii: "\"")) }
            self += number.description.utf8
            if isLarge { append(UInt8(ascii: "\"")) }
        }
    }
}
