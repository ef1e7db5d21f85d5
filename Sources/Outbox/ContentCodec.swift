internal import Telemetry

/// Events and command results in their stored form, format 1: rare, so plainly one after the other.
enum ContentCodec {
    static let format: Int64 = 1
    /// More than any batch holds; a damaged count must not reserve memory.
    static let mostItems = 65_536
    /// What is nested deeper is kept as text: the JSON reader of a head-end would refuse it anyway.
    static let deepestNesting = JSONValue.deepestNesting

    /// First byte of an urgent batch's blob.
    private enum Tag: UInt8 {
        case events = 1
        case results = 2
    }

    static func encode(events: [Event]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Tag.events.rawValue)
        writer.varint(UInt64(events.count))
        for event in events {
            writer.text(event.id)
            writer.text(event.kind)
            writer.text(event.device)
            writer.text(event.point)
            writer.byte(event.severity.rawValue)
            writer.byte(event.active.map { $0 ? 2 : 1 } ?? 0)
            writer.signed(event.occurred.nanoseconds)
            json(event.detail, into: &writer, depth: 0)
        }
        return writer.bytes
    }

    static func encode(results: [CommandResult]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Tag.results.rawValue)
        writer.varint(UInt64(results.count))
        for result in results {
            writer.text(result.id)
            writer.text(result.device)
            writer.text(result.status.rawValue)
            writer.text(result.reason)
            value(result.value, into: &writer)
            writer.text(result.unit)
            writer.signed(result.finished.nanoseconds)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> Batch.Content {
        var reader = ByteReader(bytes)
        guard let tag = Tag(rawValue: try reader.byte()) else { throw reader.fail("neither events nor results") }
        let count = try reader.count(limit: mostItems)
        let content: Batch.Content
        switch tag {
        case .events:
            var events: [Event] = []
            for _ in 0..<count { events.append(try event(from: &reader)) }
            content = .events(events)
        case .results:
            var results: [CommandResult] = []
            for _ in 0..<count { results.append(try result(from: &reader)) }
            content = .results(results)
        }
        guard reader.isAtEnd else { throw reader.fail("more bytes than items") }
        return content
    }

    private static func event(from reader: inout ByteReader) throws(DecodingFailure) -> Event {
        let id = try reader.text()
        let kind = try reader.text()
        let device = try reader.optionalText()
        let point = try reader.optionalText()
        guard let severity = Event.Severity(rawValue: try reader.byte()) else {
            throw reader.fail("an unknown severity")
        }
        let active: Bool?
        switch try reader.byte() {
        case 0: active = nil
        case 1: active = false
        case 2: active = true
        default: throw reader.fail("neither active nor cleared")
        }
        let occurred = BootInstant(nanoseconds: try reader.signed())
        let detail = try json(from: &reader, depth: 0)
        return Event(
            id: id, kind: kind, device: device, point: point, severity: severity, active: active, detail: detail,
            occurred: occurred)
    }

    private static func result(from reader: inout ByteReader) throws(DecodingFailure) -> CommandResult {
        let id = try reader.text()
        let device = try reader.text()
        guard let status = CommandResult.Status(rawValue: try reader.text()) else {
            throw reader.fail("an unknown status")
        }
        let reason = try reader.optionalText()
        let value = try value(from: &reader)
        let unit = try reader.optionalText()
        let finished = BootInstant(nanoseconds: try reader.signed())
        return CommandResult(
            id: id, device: device, status: status, reason: reason, value: value, unit: unit, finished: finished)
    }

    private static func value(_ value: Value?, into writer: inout ByteWriter) {
        switch value {
        case nil: writer.byte(0)
        case .number(let number)?:
            writer.byte(1)
            decimal(number, into: &writer)
        case .flag(let flag)?: writer.byte(flag ? 3 : 2)
        case .text(let text)?:
            writer.byte(4)
            writer.text(text)
        }
    }

    private static func value(from reader: inout ByteReader) throws(DecodingFailure) -> Value? {
        switch try reader.byte() {
        case 0: return nil
        case 1: return .number(try decimal(from: &reader))
        case 2: return .flag(false)
        case 3: return .flag(true)
        case 4: return .text(try reader.text())
        default: throw reader.fail("an unknown kind of value")
        }
    }

    private static func decimal(_ number: ExactDecimal, into writer: inout ByteWriter) {
        writer.signed(number.mantissa)
        writer.signed(Int64(number.exponent))
    }

    private static func decimal(from reader: inout ByteReader) throws(DecodingFailure) -> ExactDecimal {
        let mantissa = try reader.signed()
        guard let exponent = Int32(exactly: try reader.signed()) else { throw reader.fail("an impossible exponent") }
        return ExactDecimal(mantissa: mantissa, exponent: exponent)
    }

    private static func json(_ value: JSONValue, into writer: inout ByteWriter, depth: Int) {
        switch value {
        case .null: writer.byte(0)
        case .bool(let flag): writer.byte(flag ? 2 : 1)
        case .number(let number):
            writer.byte(3)
            decimal(number, into: &writer)
        case .string(let text):
            writer.byte(4)
            writer.text(text)
        case .array, .object:
            guard depth < deepestNesting else { return json(.string(value.description), into: &writer, depth: depth) }
            if case .array(let elements) = value {
                writer.byte(5)
                writer.varint(UInt64(elements.count))
                for element in elements { json(element, into: &writer, depth: depth + 1) }
            }
            if case .object(let members) = value {
                writer.byte(6)
                writer.varint(UInt64(members.count))
                for member in members {
                    writer.text(member.key)
                    json(member.value, into: &writer, depth: depth + 1)
                }
            }
        }
    }

    private static func json(from reader: inout ByteReader, depth: Int) throws(DecodingFailure) -> JSONValue {
        switch try reader.byte() {
        case 0: return .null
        case 1: return .bool(false)
        case 2: return .bool(true)
        case 3: return .number(try decimal(from: &reader))
        case 4: return .string(try reader.text())
        case 5:
            guard depth < deepestNesting else { throw reader.fail("nested too deep") }
            var elements: [JSONValue] = []
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                elements.append(try json(from: &reader, depth: depth + 1))
            }
            return .array(elements)
        case 6:
            guard depth < deepestNesting else { throw reader.fail("nested too deep") }
            var members: [JSONValue.Member] = []
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                members.append(.init(try reader.text(), try json(from: &reader, depth: depth + 1)))
            }
            return .object(members)
        default: throw reader.fail("an unknown kind of detail")
        }
    }
}
