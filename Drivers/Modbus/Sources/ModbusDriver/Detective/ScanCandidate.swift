internal import Telemetry

/// What a scan needs of one profile of the library to say whether a device is that product.
struct ScanCandidate: Sendable {
    let profile: ModbusProfile
    /// Values whose plausibility says most, cheap to read: voltages, frequency.
    let looks: [Look]

    /// One value that can be read by itself, and what it must be near to.
    struct Look: Sendable {
        let value: ProfileValue
        let range: ClosedRange<Double>

        /// Near to what a supply or a heating really reads: only that speaks for a profile.
        func isLikely(_ reading: Double) -> Bool {
            switch value.quantity {
            case "voltage" where value.name.contains("-L"):
                RegisterDetective.isSupply(reading) || RegisterDetective.isSupply(reading / 3.0.squareRoot())
            case "voltage": RegisterDetective.isSupply(reading)
            case "frequency": RegisterDetective.frequencies.contains { $0.contains(reading) }
            // A pipe that is in use; 0 and a full scale are what an empty register reads.
            default: (10...120).contains(reading)
            }
        }

        var request: ModbusRequest {
            .read(table: value.table, at: UInt16(clamping: value.address), count: value.width)
        }

        /// nil when the answer holds no such value.
        func reading(_ answer: ModbusAnswer) -> Double? {
            guard case .words(let words) = answer, words.count >= value.width,
                let number = value.codec.decode(words[value.offset..<value.offset + value.codec.type.width]).value?
                    .number
            else { return nil }
            return number.approximation
        }
    }

    /// More are not asked of each device: a scan with a hundred profiles must end.
    static let mostLooks = 3
    /// What a supply reads, generously: enough to rule a profile out, never enough to choose one.
    static let ranges: KeyValuePairs<String, ClosedRange<Double>> = [
        "voltage.L1": 80...300, "frequency": 45...65, "voltage.L2": 80...300, "voltage": 80...300,
        "voltage.L1-L2": 140...520, "flow_temperature": 0...180, "return_temperature": 0...180,
    ]

    init(_ profile: ModbusProfile) {
        self.profile = profile
        var looks: [Look] = []
        for (name, range) in Self.ranges where looks.count < Self.mostLooks {
            // Values that others have a part in cannot be judged by themselves.
            guard let value = profile.values.first(where: { $0.name == name && $0.recipe == nil && !$0.isDerived }),
                !value.table.isBits, !value.codec.type.isText
            else { continue }
            looks.append(Look(value: value, range: range))
        }
        self.looks = looks
    }

    var name: String { profile.name }
    var isSunSpec: Bool { profile.kind == .sunspec }
    var identification: [ModbusRequest] { profile.identification.map(\.request) }

    /// Product names long enough that one of them in a device's own words means something.
    var tellingNames: [String] {
        ([profile.name] + profile.models).map(Self.plain).filter { $0.utf8.count >= Self.shortestName }
    }

    /// "EM24" stands in too many other names.
    static let shortestName = 5

    /// Letters and digits only, small: "SDM630-Modbus V2" is "sdm630modbusv2".
    static func plain(_ text: String) -> String {
        String(
            text.lowercased().unicodeScalars.filter {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0))
            })
    }
}
