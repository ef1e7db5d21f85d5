internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// Devices that refuse a request: which register is it, or are they too many at once? What was found is kept.
extension BusEngine {
    /// The device refused a part of a block: take it apart until the register is found.
    func refused(_ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock, _ exception: ModbusException) {
        if devices[slot.device].bisections[slot.block] != nil {
            bisected(slot, block, part, isRefused: true)
            return
        }
        if exception.code != 1, let smaller = devices[slot.device].plan.nextShrink(below: part.count) {
            learn(slot.device, maximumRegisters: smaller)
            return
        }
        let cells = devices[slot.device].cells(of: block)
        guard cells.count > 1 else {
            learn(slot.device, refused: block.points)
            return
        }
        devices[slot.device].bisections[slot.block] = Bisection(count: cells.count)
        scheduler.postpone(slot, to: clock())
    }

    func bisected(_ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock, isRefused: Bool) {
        guard var bisection = devices[slot.device].bisections[slot.block] else { return }
        let finding = bisection.result(isRefused: isRefused)
        devices[slot.device].bisections[slot.block] = bisection
        let cells = devices[slot.device].cells(of: block)
        switch finding {
        case .test: scheduler.postpone(slot, to: clock())
        case .refused(let position): learn(slot.device, refused: cells[position])
        case .tooMany(let together):
            let longest = (0...(cells.count - together)).map { first in
                devices[slot.device].block(of: Array(cells[first..<first + together].joined()), like: block).count
            }.min()
            learn(slot.device, maximumRegisters: max(longest ?? 1, 1))
        }
    }

    /// A request that nobody answered: some devices are silent where they should refuse more registers than they take.
    ///
    /// Only what follows an answer to something shorter counts, so that a device that is away learns us nothing. What is concluded holds until the
    /// driver starts again: silence is weaker evidence than a refusal.
    ///
    /// - Returns: true when the device is asked for less from now on.
    func unanswered(
        _ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock, _ exchange: Exchange
    ) -> Bool {
        let index = slot.device
        guard devices[index].bisections[slot.block] == nil, let shortest = devices[index].probeBlock?.count,
            part.count > shortest, let answered = devices[index].lastAnswer
        else { return false }
        var silence = devices[index].silences[slot.block] ?? RepeatedSilence(count: 0, last: nil)
        if silence.last.map({ answered > $0 }) ?? true { silence.count += 1 }
        silence.last = exchange.ended
        devices[index].silences[slot.block] = silence
        guard silence.count >= BusTimes.silencesUntilShrink, devices[index].cells(of: block).count > 1 else {
            return false
        }
        let smaller = devices[index].plan.nextShrink(below: part.count) ?? max(shortest, part.count / 2)
        guard smaller < devices[index].plan.maximumRegisters else { return false }
        devices[index].plan.isMaximumAssumed = true
        devices[index].plan.learnedMaximum = smaller
        let words =
            "\(devices[index].name) answers short requests and none of \(part.count) registers: it is asked for "
            + "\(smaller) at most until the driver starts again; if that helps, lower max_registers in its profile"
        outlet.log(words)
        tellLearned(index, words)
        replan(index)
        return true
    }

    private func learn(_ index: Int, refused points: [Int]) {
        devices[index].plan.refused.formUnion(points)
        // Asked for less at once because of a register that is not there: with that one left out, the profile's limit is tried again.
        if let most = devices[index].plan.learnedMaximum, devices[index].plan.limits.shrinkTo.contains(most) {
            devices[index].plan.learnedMaximum = nil
        }
        devices[index].decoder.refuse(points)
        let device = devices[index]
        let visible = points.filter { !device.points[$0].isHidden }
        let what = points.map { device.points[$0].value.name }.joined(separator: ", ")
        outlet.log("\(device.name) refuses \(what): \(device.lastFailure); it is not asked again")
        tellLearned(
            index,
            "\(what) refused: \(device.lastFailure). It is not asked again; `candela profile corrections BUS` prints the lines for the profile"
        )
        send(index, visible.map { ($0, .bad(.notSupported)) }, at: clock())
        tellFindings(index)
        replan(index)
        remember(index)
    }

    private func learn(_ index: Int, maximumRegisters: Int) {
        let known = devices[index].plan.learnedMaximum
        devices[index].plan.isMaximumAssumed = false
        // Told the same again, it would be asked for ever: take less each time.
        devices[index].plan.learnedMaximum = known.map { max(1, min($0 - 1, maximumRegisters)) } ?? maximumRegisters
        let words =
            "\(devices[index].name) takes no more than \(devices[index].plan.maximumRegisters) registers per request: "
            + "lower max_registers in its profile"
        outlet.log(words)
        tellLearned(index, words)
        replan(index)
        remember(index)
    }

    private func tellLearned(_ index: Int, _ detail: String) {
        tell("register_refused", of: index, detail, severity: 1)
    }

    /// Makes the requests anew from what is known now.
    func replan(_ index: Int) {
        for slot in slots(of: index) { scheduler.remove(slot) }
        devices[index].bisections = [:]
        devices[index].silences = [:]
        devices[index].planNumber += 1
        devices[index].makeBlocks()
        schedule(index, due: clock())
        if !devices[index].isInRound { for slot in slots(of: index) { scheduler.hold(slot) } }
    }

    private func remember(_ index: Int) {
        outlet.remember(
            DriverMemory(
                device: devices[index].name, key: LearnedRegisters.key, bytes: devices[index].learned.bytes))
    }
}

extension ModbusDevice {
    /// What it refused and how much it takes at once.
    var learned: LearnedRegisters {
        var learned = LearnedRegisters(profile: profileIdentity)
        learned.maximumRegisters = plan.isMaximumAssumed ? nil : plan.learnedMaximum
        for point in points where plan.refused.contains(point.index) {
            learned.refused.insert(LearnedRegisters.Place(table: point.value.table, address: point.value.address))
        }
        return learned
    }

    /// Points of a block that stand in the same registers, or must be read together, by address: what can be asked for by itself.
    func cells(of block: RegisterBlock) -> [[Int]] {
        var cells: [[Int]] = []
        var last: ClosedRange<Int>?
        for index in block.points {
            let range = points[index].value.addresses
            let group = points[index].value.group
            let isSameGroup = group != nil && cells.last.map { points[$0[0]].value.group == group } ?? false
            if let previous = last, previous.overlaps(range) || isSameGroup, !cells.isEmpty {
                cells[cells.count - 1].append(index)
                last = previous.lowerBound...max(previous.upperBound, range.upperBound)
            } else {
                cells.append([index])
                last = range
            }
        }
        return cells
    }

    /// A block of these points only.
    func block(of indices: [Int], like block: RegisterBlock) -> RegisterBlock {
        let ranges = indices.map { points[$0].value.addresses }
        guard let first = ranges.map(\.lowerBound).min(), let last = ranges.map(\.upperBound).max() else {
            return block
        }
        var part = block
        part.address = first
        part.count = last - first + 1
        part.points = indices
        return part
    }
}
