public import Telemetry

/// The encodings `senml` and `senml-cbor` (RFC 8428, docs/senml.md): readings are packs, one message per batch or part of one. Events
/// and results have no place in SenML and go as the encoding `json` has them.
public struct SenMLEncoding: Encoding {
    public enum Form: Sendable, Hashable {
        /// `application/senml+json`
        case json
        /// `application/senml+cbor`
        case cbor
    }

    public let form: Form

    public init(_ form: Form) { self.form = form }

    public var name: String { form == .json ? "senml" : "senml-cbor" }

    private var contentType: String { form == .json ? "application/senml+json" : "application/senml+cbor" }

    public func encode(batch: Batch, context: EncodingContext) -> [EncodedMessage] {
        guard case .readings(let readings) = batch.content else {
            return JSONEncoding().encode(batch: batch, context: context)
        }
        let chosen = context.devices.map { devices in readings.filter { devices.contains($0.device) } } ?? readings
        guard !chosen.isEmpty else { return [] }
        let moments = SenMLMoments(chosen, boot: batch.boot, context: context)
        // The same cuts in both forms and at every hour: a batch sent again has the same parts.
        var items = EncodedItems()
        items.bounds = chosen.map(Self.bound)
        let cuts = items.cuts()
        return cuts.enumerated().map { index, range in
            let records = self.records(
                chosen[range], moments, part: cuts.count > 1 ? (index + 1, cuts.count) : nil, of: batch,
                context: context)
            return EncodedMessage(
                topicSuffix: "readings", payload: write(records), part: index + 1, parts: cuts.count,
                contentType: contentType, stream: batch.stream, sequence: batch.sequence, count: range.count)
        }
    }

    /// Bytes that a record may take at most, without the first one's head.
    private static func bound(_ reading: Reading) -> Int {
        // Braces, labels, a time, a number of the device's readings.
        var bytes = 128 + 3 * (reading.device.utf8.count + reading.point.utf8.count) + reading.unit.utf8.count
        if case .text(let text)? = reading.value { bytes += 6 * text.utf8.count } else { bytes += 40 }
        if reading.quality != .good { bytes += 80 }
        if reading.period != nil { bytes += 90 }
        if reading.epoch > 0 { bytes += 20 }
        return bytes + 2 * reading.raw.count
    }

    // MARK: - Records

    private func records(
        _ readings: ArraySlice<Reading>, _ moments: SenMLMoments, part: (Int, Int)?, of batch: Batch,
        context: EncodingContext
    ) -> [SenMLRecord] {
        let units = readings.map { SenMLUnit.bySymbol[$0.unit] }
        var records: [SenMLRecord] = []
        records.reserveCapacity(readings.count)
        let base = moments.milliseconds(readings.startIndex)
        for (index, unit) in zip(readings.indices, units) {
            var record = SenMLRecord()
            if index == readings.startIndex {
                if units.contains(where: { $0?.isSecondary == true }) {
                    record.add(.baseVersion, .integer(SenMLUnit.versionWithSecondaryUnits))
                }
                record.add(.baseName, .string(SenMLName.part(context.gateway) + "/"))
                if let base { record.add(.baseTime, Self.seconds(base)) }
                describe(&record, part, batch, moments.quality, context)
            }
            fill(&record, with: readings[index], unit)
            if let base, let own = moments.milliseconds(index) {
                if own != base { record.add(.time, Self.seconds(own - base)) }
            } else {
                record.add("uptime_", Self.seconds(readings[index].acquired.nanoseconds / 1_000_000))
            }
            records.append(record)
        }
        return records
    }

    /// What holds for the whole pack stands in its first record, under labels that receivers may ignore.
    private func describe(
        _ record: inout SenMLRecord, _ part: (Int, Int)?, _ batch: Batch, _ clock: ClockQuality,
        _ context: EncodingContext
    ) {
        record.add("format", .integer(JSONEncoding.format))
        record.add("stream", .string(batch.stream))
        record.add("sequence", .integer(batch.sequence))
        if let part {
            record.add("part", .integer(part.0))
            record.add("parts", .integer(part.1))
        }
        if let revision = context.devicesRevision { record.add("devices", .string(revision)) }
        if clock != .synchronised { record.add("clock", .string(clock.name)) }
        if clock == .unsynchronised { record.add("boot", .string(batch.boot)) }
    }

    private func fill(_ record: inout SenMLRecord, with reading: Reading, _ unit: SenMLUnit?) {
        let name = SenMLName.part(reading.device) + "/" + SenMLName.part(reading.point)
        switch reading.value {
        case nil:
            // SenML has no record without a value: that there is none is a value of a name of its own.
            record.add(.name, .string(name + "/quality"))
            record.add(.stringValue, .string(reading.quality.grade.name))
        case .flag(let flag)?:
            record.add(.name, .string(name))
            record.add(.booleanValue, .bool(flag))
        case .text(let text)?:
            record.add(.name, .string(name))
            record.add(.stringValue, .string(text))
        case .number(let number)?:
            record.add(.name, .string(name))
            if let unit {
                record.add(.unit, .string(unit.name))
            } else if !reading.unit.isEmpty {
                record.add("unit", .string(reading.unit))
            }
            let power = unit?.powerOfTen ?? 0
            record.add(.value, .number(power == 0 ? number : number.scaled(byPowerOfTen: power).normalized))
        }
        record.add("number", .integer(reading.n))
        if reading.quality != .good {
            record.add("quality", .string(reading.quality.grade.name))
            if reading.quality.reason != .none { record.add("reason", .string(reading.quality.reason.name)) }
        }
        if reading.epoch > 0 { record.add("epoch", .integer(reading.epoch)) }
        guard !reading.isPlain else { return }
        if let period = reading.period {
            record.add("start", .integer(period.start))
            record.add("end", .integer(period.end))
            if period.kind != .register { record.add("window", .string(period.kind.name)) }
        }
        if !reading.raw.isEmpty {
            var text = JSONBytes(reserving: 2 * reading.raw.count)
            text.append(hexadecimal: reading.raw)
            record.add("raw", .string(String(decoding: text.bytes, as: UTF8.self)))
        }
    }

    private static func seconds(_ milliseconds: Int64) -> JSONValue {
        .number(ExactDecimal(mantissa: milliseconds, exponent: -3).normalized)
    }

    // MARK: - Forms

    private func write(_ records: [SenMLRecord]) -> [UInt8] {
        switch form {
        case .json:
            var json = JSONWriter(reserving: records.count * 128)
            json.beginArray()
            for record in records {
                json.beginObject()
                for field in record.fields { json.member(field.label.text, field.value) }
                json.endObject()
            }
            json.endArray()
            return json.bytes
        case .cbor:
            var cbor = CBORWriter(reserving: records.count * 96)
            cbor.beginArray(records.count)
            for record in records {
                cbor.beginMap(record.fields.count)
                for field in record.fields {
                    if let number = field.label.number { cbor.write(number) } else { cbor.write(field.label.text) }
                    cbor.write(field.value)
                }
            }
            return cbor.bytes
        }
    }
}

/// When the readings of a batch were taken, as well as it is known now.
private struct SenMLMoments {
    /// Milliseconds since 1970, in the order of the readings; nil all of them while the clock is not trusted.
    private var times: [Int64]?
    /// The worst among them: it holds for the whole pack.
    let quality: ClockQuality

    init(_ readings: [Reading], boot: String, context: EncodingContext) {
        var times: [Int64]? = []
        times?.reserveCapacity(readings.count)
        var worst = ClockQuality.synchronised
        var last: (instant: BootInstant, resolved: ResolvedTime)?
        for reading in readings {
            let resolved =
                last?.instant == reading.acquired ? last?.resolved : context.resolve(reading.acquired, boot)
            guard let resolved else { continue }
            last = (reading.acquired, resolved)
            if resolved.quality.rawValue < worst.rawValue { worst = resolved.quality }
            if let utc = resolved.utc, worst != .unsynchronised {
                let part = utc.nanoseconds - utc.seconds * 1_000_000_000
                times?.append(utc.seconds * 1000 + part / 1_000_000)
            } else {
                times = nil
            }
        }
        self.times = times
        quality = worst
    }

    func milliseconds(_ index: Int) -> Int64? { times?[index] }
}
