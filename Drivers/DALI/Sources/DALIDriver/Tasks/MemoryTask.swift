internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "memory": a memory bank of one gear, as bytes and as what they mean.
///
/// Arguments: `device` or `address`, `bank`. Result `{bank, name?, bytes, fields: [{name, value, unit?, quality?}]}`; a byte without an answer
/// is `--`.
enum MemoryTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        var bank: Int?
        return TaskSubject.task(
            arguments, extra: { bank = $0.map.required("bank", "0 to 255")?.integer(in: 0...255) }
        ) { address, _, bench in
            let number = UInt8(bank ?? 0)
            guard let table = MemoryBank.numbered(number) else { return plain(address, number) }
            return read(
                MemoryBankReader(table, of: address, mayFreeze: !bench.isReadOnly, priority: .user), address, table)
        }
    }

    private static func read(_ reader: MemoryBankReader, _ address: ShortAddress, _ bank: MemoryBank) -> ScriptStep {
        var reader = reader
        switch reader.next(nil) {
        case .exchange(let requests):
            return .exchange(requests) { [reader] outcomes in
                var reader = reader
                reader.received(outcomes)
                return read(reader, address, bank)
            }
        case .finished:
            switch reader.result {
            case .read(let image)?: return .done(result(image, bank))
            case .absent?: return .failed("\(address) has no memory bank \(bank.number) (\(bank.name))")
            case .collision?: return .failed("\(address): two or more gear answer at once; commission the bus first")
            case .failed(let failure)?: return .failed(failure.description)
            case .silent?, nil: return .failed("\(address) did not answer")
            }
        }
    }

    private static func result(_ image: BankImage, _ bank: MemoryBank) -> JSONValue {
        let fields = bank.fields.map { field -> JSONValue in
            let (value, quality) = image.read(field)
            var members: [JSONValue.Member] = [
                .init("name", .string(field.name)), .init("value", JSONValue(value)),
            ]
            if !field.unit.isEmpty { members.append(.init("unit", .string(field.unit))) }
            if quality != .good { members.append(.init("quality", .string(quality.reason.name))) }
            return .object(members)
        }
        return [
            "bank": .integer(bank.number), "name": .string("\(bank.name), part \(bank.part)"),
            "bytes": .string(
                words(image.bytes.merging([0: image.lastLocation]) { read, _ in read }, image.lastLocation)),
            "fields": .array(fields),
        ]
    }

    private static func words(_ bytes: [UInt8: UInt8], _ last: UInt8) -> String {
        (0...last).map { location in bytes[location].map { hexadecimal([$0]) } ?? "--" }.joined(separator: " ")
    }

    /// A bank that no standard lays out: its bytes.
    private static func plain(_ address: ShortAddress, _ bank: UInt8) -> ScriptStep {
        GearInquiry.bytes(address, bank: bank, from: 0, count: 1) { first in
            guard let last = first.value?.first else {
                return .failed("\(address) did not answer for memory bank \(bank): it has no such bank, or no mains")
            }
            let count = Int(last) + 1
            return GearInquiry.bytes(address, bank: bank, from: 0, count: count) { all in
                let bytes = all.value ?? [last]
                let text =
                    bytes.map { hexadecimal([$0]) }
                    + [String](repeating: "--", count: max(0, count - bytes.count))
                return .done([
                    "bank": .integer(bank), "bytes": .string(text.joined(separator: " ")), "fields": .array([]),
                ])
            }
        }
    }
}
