internal import DriverKit
internal import Telemetry

/// How a profile's addresses are written, so that a technician can copy them from the manual as they stand there.
struct ProfileNumbers {
    enum Base: Sendable {
        /// As libmodbus and the wire take them, from zero.
        case wire
        /// Register 1 is the first.
        case oneBased
        /// 30001 is the first input register, 40001 the first holding register.
        case modicon
        /// 30000 is the first, whatever the table (Finder, Iskra).
        case minus30000

        /// A wire address as the manual counts it.
        func written(_ address: Int, _ table: RegisterTable) -> String {
            switch self {
            case .wire: return hex(UInt16(clamping: address))
            case .oneBased: return String(address + 1)
            case .minus30000: return String(address + 30_000)
            case .modicon:
                let digit = [RegisterTable.coil: 0, .discrete: 1, .input: 3, .holding: 4][table] ?? 4
                return String(digit * (address > 9_998 ? 100_000 : 10_000) + address + 1)
            }
        }
    }

    static let tables: KeyValuePairs<String, RegisterTable> = [
        "input": .input, "holding": .holding, "coil": .coil, "discrete": .discrete,
    ]

    var base = Base.wire
    var table = RegisterTable.holding
    var layout = WordLayout()

    init(_ map: NodeMap?) {
        guard let map else { return }
        base =
            map.choice(
                "base",
                ["wire": .wire, "one_based": .oneBased, "modicon": .modicon, "wire_minus_30000": Base.minus30000])
            ?? .wire
        table = map.choice("table", Self.tables) ?? .holding
        layout = Self.layout(map, default: layout)
        map.finish()
    }

    static func layout(_ map: NodeMap, default standard: WordLayout) -> WordLayout {
        var layout = standard
        if let low = map.choice("word_order", ["high_first": false, "low_first": true]) { layout.isLowWordFirst = low }
        if let swapped = map.choice("byte_order", ["normal": false, "swapped": true]) {
            layout.isByteSwapped = swapped
        }
        return layout
    }

    /// Table and wire address of a map's `table:` and `at:`; nil with a diagnostic.
    func address(_ map: NodeMap) -> (table: RegisterTable, address: Int)? {
        let named = map.choice("table", Self.tables)
        guard let at = map.required("at", "an address, decimal or in 0x form"), let number = at.integer(in: 0...465_536)
        else { return nil }
        let table = named ?? (base == .modicon ? Self.modiconTable(number) : nil) ?? self.table
        guard let address = wire(number, table) else {
            at.error("\(at.written) is no address of \(table.words(count: 2)) as this profile counts them")
            return nil
        }
        return (table, address)
    }

    /// The address on the wire; nil when the number is none of this table.
    func wire(_ number: Int, _ table: RegisterTable) -> Int? {
        let address: Int
        switch base {
        case .wire: address = number
        case .oneBased: address = number - 1
        case .minus30000: address = number - 30_000
        case .modicon:
            let digit = [RegisterTable.coil: 0, .discrete: 1, .input: 3, .holding: 4][table] ?? 4
            // Five digits (40001) up to 9,999 registers, six (400001) beyond.
            address =
                number >= 100_000 || digit == 0 && number > 9_999
                ? number - digit * 100_000 - 1 : number - digit * 10_000 - 1
        }
        return (0...0xFFFF).contains(address) ? address : nil
    }

    private static func modiconTable(_ number: Int) -> RegisterTable? {
        switch number >= 100_000 ? number / 100_000 : number / 10_000 {
        case 0: .coil
        case 1: .discrete
        case 3: .input
        case 4: .holding
        default: nil
        }
    }
}

/// What holds for every value of a profile unless it says otherwise.
struct ProfileDefaults {
    var absent: Set<UInt64> = []
    var interval: Duration?
    var scale: ExactDecimal?

    init(_ map: NodeMap?) {
        guard let map else { return }
        absent = Self.absent(map.value("absent"))
        interval = ProfileValueReader.interval(map)
        scale = map.decimal("scale")
        map.finish()
    }

    /// A raw number or a list of them; negative ones are not needed, sentinels are bit patterns.
    static func absent(_ value: NodeValue?) -> Set<UInt64> {
        guard let value else { return [] }
        let items = value.isList ? value.list() ?? [] : [value]
        return Set(
            items.compactMap { item in
                guard let text = item.text() else { return nil }
                let raw = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
                if raw == nil { item.error("\(item.written) where a raw number such as 0x7FFFFFFF was expected") }
                return raw
            })
    }
}
