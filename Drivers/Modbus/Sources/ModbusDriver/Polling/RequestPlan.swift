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
    let address: Int
    let count: Int
    /// Indices of points, by address.
    let points: [Int]
    let interval: Duration

    var request: ModbusRequest { .read(table: table, at: UInt16(address), count: count) }
    var addresses: ClosedRange<Int> { address...(address + count - 1) }
}

/// Groups points into as few requests as the product allows.
struct RequestPlan {
    /// A hole wider than this costs more wire time than a second request (8 bytes out, 5 bytes around the answer, two
    /// silences and the device's own delay, against 2 bytes per register).
    static let widestGap = 24
    /// The same for coils and discrete inputs, of which eight go into a byte.
    static let widestBitGap = 256

    let limits: ModbusProfile.Limits
    let neverRead: [ModbusProfile.RegisterRange]
    /// Values the device has refused: left out, and nothing is read across them.
    var refused: Set<Int> = []
    /// Most registers per request, when the device turned out to take fewer than its profile says.
    var learnedMaximum: Int?

    var maximumRegisters: Int { min(limits.maximumRegisters, learnedMaximum ?? .max) }

    /// Blocks of all points, points of one interval together.
    func blocks(_ points: [DevicePoint]) -> [RegisterBlock] {
        let barriers = points.filter { refused.contains($0.index) }.map { ($0.value.table, $0.value.addresses) }
        let wanted = points.filter { !refused.contains($0.index) }
        var blocks: [RegisterBlock] = []
        for interval in Set(wanted.map(\.interval)).sorted() {
            for table in RegisterTable.allCases {
                let group = wanted.filter { $0.interval == interval && $0.value.table == table }
                    .sorted { ($0.value.address, $0.index) < ($1.value.address, $1.index) }
                blocks += merged(group, table, interval, barriers.filter { $0.0 == table }.map(\.1))
            }
        }
        return blocks
    }

    private func merged(
        _ group: [DevicePoint], _ table: RegisterTable, _ interval: Duration, _ barriers: [ClosedRange<Int>]
    ) -> [RegisterBlock] {
        var blocks: [RegisterBlock] = []
        var open: (first: Int, last: Int, points: [Int])?
        var isAlone = false
        func close() {
            guard let block = open else { return }
            blocks.append(
                RegisterBlock(
                    table: table, address: block.first, count: block.last - block.first + 1, points: block.points,
                    interval: interval))
            open = nil
        }
        for point in group {
            let range = point.value.addresses
            // The flags of one status word share its request, also when it must be read alone.
            let isSameWord = open.map { $0.first...$0.last == range } ?? false
            let mayJoin = isSameWord || !(point.value.isAlone || isAlone)
            if let block = open, mayJoin, joins(block.first, block.last, range, table, barriers) {
                open = (block.first, max(block.last, range.upperBound), block.points + [point.index])
            } else {
                close()
                open = (range.lowerBound, range.upperBound, [point.index])
            }
            isAlone = point.value.isAlone
        }
        close()
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
        guard limits.gaps.mayBeRead, gap <= (table.isBits ? Self.widestBitGap : Self.widestGap) else { return false }
        if limits.isEvenOnly && count % 2 != 0 { return false }
        let hole = (last + 1)...(next.lowerBound - 1)
        if neverRead.contains(where: { $0.table == table && $0.range.overlaps(hole) }) { return false }
        return !barriers.contains { $0.overlaps(hole) }
    }
}
