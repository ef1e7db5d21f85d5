internal import Telemetry

/// A value of a device with what this installation makes of it.
struct DevicePoint: Sendable {
    /// In the device's list of points.
    let index: Int
    let value: ProfileValue
    let interval: Duration
    /// Polled for other values' sake; the runtime does not know it. Hidden points come after the visible ones.
    var isHidden = false
    /// Samples carry the registers as they came.
    var wantsRaw = false
    /// Besides the interval: due at each UTC multiple of this, ahead of other polling.
    var boundary: Duration?
}

/// Registers that one request reads, and the points they hold.
struct RegisterBlock: Sendable, Hashable {
    let table: RegisterTable
    var address: Int
    var count: Int
    /// Indices of points, by address.
    var points: [Int]
    let interval: Duration
    /// Read at each UTC multiple of the interval, ahead of everything else.
    var isBoundary = false
    /// Some points are wanted less often than the block is read.
    var hasRiders = false
    /// Some points are counters, which are judged by the device's serial number.
    var hasCounter = false

    var request: ModbusRequest { .read(table: table, at: UInt16(address), count: count) }
    var addresses: ClosedRange<Int> { address...(address + count - 1) }
}

/// Groups points into as few requests as the product allows and as the link makes worthwhile.
///
/// Registers are merged when reading the hole between them is cheaper than a second request on this link.
struct RequestPlan {
    let limits: ModbusProfile.Limits
    let neverRead: [ModbusProfile.RegisterRange]
    /// Values the device has refused: left out, and nothing is read across them.
    var refused: Set<Int> = []
    /// Most registers per request, when the device turned out to take fewer than its profile says.
    var learnedMaximum: Int?
    /// ``learnedMaximum`` was concluded from silence, and is tried anew at the next start.
    var isMaximumAssumed = false
    /// What asking costs here.
    var cost = LinkCost(SerialSettings(), turnaround: .zero)
    var latency: Duration
    var pause: Duration = .zero
    /// Points by which the device is known; they do not ride along with others.
    var identity: Set<Int> = []
    var counters: Set<Int> = []

    init(limits: ModbusProfile.Limits, neverRead: [ModbusProfile.RegisterRange]) {
        self.limits = limits
        self.neverRead = neverRead
        latency = limits.latency
    }

    var maximumRegisters: Int { min(limits.maximumRegisters, learnedMaximum ?? .max) }

    /// The next size that the profile names for a product that refuses `count` registers at once.
    func nextShrink(below count: Int) -> Int? {
        limits.shrinkTo.filter { $0 < count && $0 < maximumRegisters }.max()
    }

    /// What must be read by one request: a value, the flags of a word, or the values of a group.
    private struct Atom {
        var points: [DevicePoint]
        var range: ClosedRange<Int>
        var isAlone: Bool
    }

    /// Blocks of all points: the quarter hours' first, then the frequent ones.
    func blocks(_ points: [DevicePoint]) -> [RegisterBlock] {
        let wanted = points.filter { !refused.contains($0.index) }
        var blocks: [RegisterBlock] = []
        for table in RegisterTable.allCases {
            let barriers = points.filter { refused.contains($0.index) && $0.value.table == table }
                .map(\.value.addresses)
            let own = wanted.filter { $0.value.table == table }
            guard !own.isEmpty else { continue }
            for boundary in Set(own.compactMap(\.boundary)).sorted() {
                let due = atoms(own.filter { $0.boundary == boundary })
                blocks += merged(due, table, boundary, barriers, isBoundary: true)
            }
            blocks += polled(own.filter { $0.boundary == nil || $0.boundary != $0.interval }, table, barriers)
        }
        for place in blocks.indices {
            blocks[place].hasCounter = blocks[place].points.contains { counters.contains($0) }
        }
        return blocks.sorted { ($0.isBoundary ? 0 : 1, $0.interval) < ($1.isBoundary ? 0 : 1, $1.interval) }
    }

    /// Blocks of the ordinary round of one table; slow points ride along with fast ones where that costs less than asking for them.
    private func polled(
        _ points: [DevicePoint], _ table: RegisterTable, _ barriers: [ClosedRange<Int>]
    ) -> [RegisterBlock] {
        var blocks: [RegisterBlock] = []
        let all = atoms(points)
        for interval in Set(all.map { Self.interval($0) }).sorted() {
            var rest: [Atom] = []
            for atom in all where Self.interval(atom) == interval {
                let host = blocks.firstIndex { block in
                    mayRide(atom) && block.interval < interval && block.addresses.lowerBound <= atom.range.lowerBound
                        && block.addresses.upperBound >= atom.range.upperBound && !isAlone(block, points)
                }
                if let host { board(atom.points.map(\.index), atom.range, &blocks[host]) } else { rest.append(atom) }
            }
            for block in merged(rest, table, interval, barriers, isBoundary: false) {
                let host = blocks.firstIndex { worthwhile(block, with: $0, points, barriers) }
                if let host { board(block.points, block.addresses, &blocks[host]) } else { blocks.append(block) }
            }
        }
        let byIndex = Dictionary(uniqueKeysWithValues: points.map { ($0.index, $0) })
        for place in blocks.indices {
            blocks[place].points.sort {
                (byIndex[$0]?.value.address ?? 0, $0) < (byIndex[$1]?.value.address ?? 0, $1)
            }
        }
        return blocks
    }

    private static func interval(_ atom: Atom) -> Duration { atom.points.map(\.interval).min() ?? .zero }

    private func mayRide(_ atom: Atom) -> Bool {
        !atom.isAlone && !atom.points.contains { identity.contains($0.index) }
    }

    private func isAlone(_ block: RegisterBlock, _ points: [DevicePoint]) -> Bool {
        points.contains { $0.value.isAlone && block.points.contains($0.index) }
    }

    /// Whether a slow block costs less as a longer answer of a fast one than as a request of its own.
    private func worthwhile(
        _ slow: RegisterBlock, with fast: RegisterBlock, _ points: [DevicePoint], _ barriers: [ClosedRange<Int>]
    ) -> Bool {
        guard fast.interval < slow.interval, !isAlone(fast, points), !isAlone(slow, points),
            !slow.points.contains(where: { identity.contains($0) })
        else { return false }
        let (low, high) = fast.address < slow.address ? (fast, slow) : (slow, fast)
        guard !fast.addresses.overlaps(slow.addresses),
            joins(low.address, low.addresses.upperBound, high.addresses, fast.table, barriers)
        else { return false }
        let extra = bytes(high.addresses.upperBound - low.address + 1 - fast.count, fast.table)
        let own = cost.exchange(dataBytes: bytes(slow.count, slow.table), latency: latency, pause: pause)
        return cost.time(bytes: extra).inSeconds / fast.interval.inSeconds
            <= own.inSeconds / slow.interval.inSeconds
    }

    private func board(_ points: [Int], _ range: ClosedRange<Int>, _ block: inout RegisterBlock) {
        let last = max(block.addresses.upperBound, range.upperBound)
        block.address = min(block.address, range.lowerBound)
        block.count = last - block.address + 1
        block.points += points
        block.hasRiders = true
    }

    /// Points that cannot be read apart, by address.
    private func atoms(_ points: [DevicePoint]) -> [Atom] {
        var atoms: [Atom] = []
        var groups: [String: Int] = [:]
        let sorted = points.sorted { ($0.value.address, $0.index) < ($1.value.address, $1.index) }
        for point in sorted {
            let range = point.value.addresses
            if let group = point.value.group, let place = groups[group] {
                let old = atoms[place].range
                atoms[place].points.append(point)
                atoms[place].range =
                    min(old.lowerBound, range.lowerBound)...max(old.upperBound, range.upperBound)
                continue
            }
            if let group = point.value.group { groups[group] = atoms.count }
            // The flags of one status word share its request, also when it must be read alone.
            if point.value.group == nil, let last = atoms.indices.last, atoms[last].range == range,
                atoms[last].points.last?.interval == point.interval
            {
                atoms[last].points.append(point)
                atoms[last].isAlone = atoms[last].isAlone || point.value.isAlone
                continue
            }
            atoms.append(Atom(points: [point], range: range, isAlone: point.value.isAlone))
        }
        return atoms.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private func merged(
        _ atoms: [Atom], _ table: RegisterTable, _ interval: Duration, _ barriers: [ClosedRange<Int>],
        isBoundary: Bool
    ) -> [RegisterBlock] {
        var blocks: [RegisterBlock] = []
        var wasAlone = false
        for atom in atoms {
            let indices = atom.points.map(\.index)
            if var block = blocks.last, !(atom.isAlone || wasAlone),
                joins(block.address, block.addresses.upperBound, atom.range, table, barriers)
            {
                block.count = max(block.addresses.upperBound, atom.range.upperBound) - block.address + 1
                block.points += indices
                blocks[blocks.count - 1] = block
            } else {
                blocks.append(
                    RegisterBlock(
                        table: table, address: atom.range.lowerBound, count: atom.range.count, points: indices,
                        interval: interval, isBoundary: isBoundary))
            }
            wasAlone = atom.isAlone
        }
        return blocks
    }

    private func joins(
        _ first: Int, _ last: Int, _ next: ClosedRange<Int>, _ table: RegisterTable, _ barriers: [ClosedRange<Int>]
    ) -> Bool {
        let count = max(last, next.upperBound) - first + 1
        let limit = table.isBits ? min(table.protocolLimit, maximumRegisters * 16) : maximumRegisters
        guard count <= limit else { return false }
        let gap = next.lowerBound - last - 1
        guard gap > 0 else { return true }
        guard limits.gaps.mayBeRead,
            bytes(gap, table) <= cost.bytesWorthARequest(latency: latency, pause: pause)
        else { return false }
        if limits.isEvenOnly && count % 2 != 0 { return false }
        let hole = (last + 1)...(next.lowerBound - 1)
        if neverRead.contains(where: { $0.table == table && $0.range.overlaps(hole) }) { return false }
        return !barriers.contains { $0.overlaps(hole) }
    }

    private func bytes(_ count: Int, _ table: RegisterTable) -> Int { table.isBits ? (count + 7) / 8 : count * 2 }
}
