internal import Telemetry

/// Guesses what the registers of an unknown meter mean, with reasons. It proposes and never claims: three numbers near 230 that
/// stand side by side are probably voltages, and a person who reads the display knows.
///
/// Pure: an image of registers in (two of them, some seconds apart, tell counters from constants), clues out.
struct RegisterDetective: Sendable {
    /// One value that the registers may hold.
    struct Clue: Sendable, Hashable {
        let quantity: String
        let phase: String
        let table: RegisterTable
        let address: Int
        let encoding: RegisterEncoding
        let unit: String
        /// What it would read now.
        let value: Double
        /// Higher is better founded: 1 a number in range, 3 a pattern, 5 patterns that agree with each other.
        let weight: Int
        let reason: String
    }

    /// Line to neutral, 110 V to 277 V systems with their tolerances.
    static let voltages = 90.0...300.0
    /// Nominal voltages that a supply is near to.
    static let nominal = [110.0, 115, 120, 127, 220, 230, 240, 277]
    /// How far a supply may be from one of them (EN 50160: 10 %).
    static let nominalTolerance = 0.1
    /// Phases of one supply differ by less.
    static let phaseSpread = 0.15
    static let frequencies = [49.0...51.0, 59.0...61.0]
    /// Apparent power may differ this much from voltage times current, which were not measured in the same moment.
    static let productTolerance = 0.15

    /// Clues of the best founded way to read the registers, best first; empty when nothing looks like a meter.
    func examine(_ image: RegisterImage, later: RegisterImage? = nil) -> [Clue] {
        var best: [Clue] = []
        for table in image.filledTables where !table.isBits {
            for encoding in RegisterEncoding.all {
                let clues = self.clues(image, later, table, encoding)
                if Self.weight(clues) > Self.weight(best) { best = clues }
            }
        }
        return best.sorted { ($0.weight, -$0.address) > ($1.weight, -$1.address) }
    }

    private static func weight(_ clues: [Clue]) -> Int { clues.reduce(0) { $0 + $1.weight } }

    private func clues(
        _ image: RegisterImage, _ later: RegisterImage?, _ table: RegisterTable, _ encoding: RegisterEncoding
    ) -> [Clue] {
        let addresses = image.addresses(of: table)
        guard let voltages = voltages(image, table, encoding, addresses) else { return [] }
        var clues = voltages
        let width = encoding.type.width
        let taken = Set(clues.map(\.address))
        if let frequency = frequency(image, table, encoding, addresses.filter { !taken.contains($0) }) {
            clues.append(frequency)
        }
        clues += currents(image, table, encoding, after: voltages, width: width)
        if let later {
            clues += counters(
                image, later, table, encoding, addresses.filter { !Set(clues.map(\.address)).contains($0) })
        }
        return clues
    }

    // MARK: voltages

    /// Three alike side by side are the strongest sign there is; a single one needs to be near a nominal voltage.
    private func voltages(
        _ image: RegisterImage, _ table: RegisterTable, _ encoding: RegisterEncoding, _ addresses: [Int]
    ) -> [Clue]? {
        let width = encoding.type.width
        for address in addresses {
            let values = (0..<3).compactMap { encoding.value(in: image, table, at: address + $0 * width) }
            guard values.count == 3, values.allSatisfy(Self.isSupply), Self.spread(values) <= Self.phaseSpread,
                // Whole volts in single registers appear by chance; three of them that are all the same do more so.
                encoding.scale != ExactDecimal(1) || encoding.type == .f32 || Set(values).count > 1
            else { continue }
            return values.enumerated().map { index, value in
                clue(
                    "voltage", "L\(index + 1)", table, address + index * width, encoding, "V", value, 5,
                    "three neighbours near a nominal voltage: \(values.map(Self.short).joined(separator: ", ")) V")
            }
        }
        for address in addresses {
            guard encoding.type == .f32, let value = encoding.value(in: image, table, at: address),
                Self.isSupply(value)
            else { continue }
            return [
                clue(
                    "voltage", "L1", table, address, encoding, "V", value, 2,
                    "\(Self.short(value)) V is near a nominal voltage; only one such number was found")
            ]
        }
        return nil
    }

    /// Whether a voltage is within its tolerance of a nominal one.
    static func isSupply(_ value: Double) -> Bool {
        voltages.contains(value) && nominal.contains { abs(value - $0) <= $0 * nominalTolerance }
    }

    private static func spread(_ values: [Double]) -> Double {
        guard let least = values.min(), let most = values.max(), most > 0 else { return 1 }
        return (most - least) / most
    }

    // MARK: frequency

    private func frequency(
        _ image: RegisterImage, _ table: RegisterTable, _ encoding: RegisterEncoding, _ addresses: [Int]
    ) -> Clue? {
        let ways = encoding.type.isFloat ? [encoding] : [-1, -2, -3].map { encoding.scaled(by: $0) }
        for address in addresses {
            for way in ways {
                guard let value = way.value(in: image, table, at: address),
                    Self.frequencies.contains(where: { $0.contains(value) })
                else { continue }
                return clue(
                    "frequency", "total", table, address, way, "Hz", value, 3,
                    "\(Self.short(value)) Hz is a mains frequency")
            }
        }
        return nil
    }

    // MARK: currents and powers

    /// Currents and powers are believed only where they fit each other and the voltages: P <= U x I.
    private func currents(
        _ image: RegisterImage, _ table: RegisterTable, _ encoding: RegisterEncoding, after voltages: [Clue], width: Int
    ) -> [Clue] {
        guard let first = voltages.first, let last = voltages.last else { return [] }
        let count = voltages.count
        let scales: [Int32] = encoding.type.isFloat ? [0] : [-3, -2, -1]
        for address in [last.address + width, first.address + 6 * width, first.address + 3 * width] {
            for scale in scales {
                let way = encoding.type.isFloat ? encoding : encoding.scaled(by: scale)
                let currents = (0..<count).compactMap { way.value(in: image, table, at: address + $0 * width) }
                guard currents.count == count, currents.allSatisfy({ (0.001...6_000).contains(abs($0)) }) else {
                    continue
                }
                let apparent = zip(voltages, currents).map { $0.value * abs($1) }
                guard let powers = powers(image, table, encoding, apparent, from: address + count * width, width) else {
                    continue
                }
                return currents.enumerated().map { index, value in
                    clue(
                        "current", "L\(index + 1)", table, address + index * width, way, "A", value, 4,
                        "with the voltages it gives \(Self.short(apparent[index])) V.A, and the powers found fit that")
                } + powers
            }
        }
        return []
    }

    private func powers(
        _ image: RegisterImage, _ table: RegisterTable, _ encoding: RegisterEncoding, _ apparent: [Double],
        from start: Int, _ width: Int
    ) -> [Clue]? {
        let scales: [Int32] = encoding.type.isFloat ? [0] : [0, -1, -2]
        for address in stride(from: start, through: start + 12 * width, by: width) {
            for scale in scales {
                let way = encoding.type.isFloat ? encoding : encoding.scaled(by: scale)
                let values = apparent.indices.compactMap { way.value(in: image, table, at: address + $0 * width) }
                guard values.count == apparent.count,
                    zip(values, apparent).allSatisfy({
                        abs($0) <= $1 * (1 + Self.productTolerance) && abs($0) >= $1 * 0.3
                    })
                else { continue }
                return values.enumerated().map { index, value in
                    clue(
                        "active_power", "L\(index + 1)", table, address + index * width, way, "W", value, 4,
                        "between 30 % and 100 % of voltage times current, so active or apparent power: compare with the display"
                    )
                }
            }
        }
        return nil
    }

    // MARK: counters

    /// What only rose, and little, may be a counter.
    private func counters(
        _ image: RegisterImage, _ later: RegisterImage, _ table: RegisterTable, _ encoding: RegisterEncoding,
        _ addresses: [Int]
    ) -> [Clue] {
        guard encoding.type.width == 2 else { return [] }
        var found: [Clue] = []
        for address in addresses {
            guard let before = encoding.value(in: image, table, at: address),
                let after = encoding.value(in: later, table, at: address), before > 1, after > before,
                after - before < before / 100
            else { continue }
            found.append(
                clue(
                    "active_energy_import", "total", table, address, encoding, "kW.h", after, 1,
                    "it rose from \(Self.short(before)) to \(Self.short(after)) between two readings: perhaps a counter; unit and quantity are not known"
                ))
            // More than a few are noise: momentary values rise as often as they fall.
            if found.count == 3 { break }
        }
        return found
    }

    private func clue(
        _ quantity: String, _ phase: String, _ table: RegisterTable, _ address: Int, _ encoding: RegisterEncoding,
        _ unit: String, _ value: Double, _ weight: Int, _ reason: String
    ) -> Clue {
        Clue(
            quantity: quantity, phase: phase, table: table, address: address, encoding: encoding, unit: unit,
            value: value,
            weight: weight, reason: reason)
    }

    /// Two decimals at most, for people.
    static func short(_ value: Double) -> String {
        let scaled = (value * 100).rounded() / 100
        return scaled == scaled.rounded() && abs(scaled) < 1e15 ? "\(Int64(scaled))" : "\(scaled)"
    }
}
