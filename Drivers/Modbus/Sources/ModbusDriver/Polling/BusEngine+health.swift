internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// Devices that answer, fail, go and come back.
extension BusEngine {
    /// Puts a device's present plan into the scheduler.
    func schedule(_ index: Int, due: BootInstant) {
        let device = devices[index]
        for (number, block) in device.blocks.enumerated() {
            let wire = links[device.link].wireTime(bytes: 8 + 5 + block.request.answerLength)
            scheduler.add(
                Slot(device: index, plan: device.planNumber, block: number), device: device.index,
                interval: block.interval, predicted: wire + links[device.link].silence * 2, due: due)
        }
    }

    private func slots(of index: Int) -> [Slot] {
        devices[index].blocks.indices.map { Slot(device: index, plan: devices[index].planNumber, block: $0) }
    }

    /// Anything intelligible came from it.
    func answered(_ index: Int, at moment: BootInstant) {
        devices[index].lastAnswer = moment
        devices[index].hasAnswered = true
        devices[index].misses = 0
        switch devices[index].condition {
        case .offline:
            devices[index].condition = .online
            devices[index].probe.succeeded()
            release(index, at: moment)
            tellState(index)
        case .unknown:
            devices[index].condition = .online
            tellState(index)
        default: break
        }
    }

    /// A whole request went well again.
    func recovered(_ index: Int) {
        guard devices[index].condition == .failing else { return }
        devices[index].condition = .online
        tellState(index)
    }

    /// Takes an offline device's blocks into the round again; intervals that passed meanwhile are missed.
    func release(_ index: Int, at moment: BootInstant) {
        if let since = devices[index].offlineSince {
            scheduler.addMissed(missed(index, since: since, at: moment), device: devices[index].index)
        }
        devices[index].offlineSince = nil
        devices[index].decoder.forget()
        for slot in slots(of: index) { scheduler.release(slot, due: moment) }
        tellRefused(index)
    }

    private func missed(_ index: Int, since: BootInstant, at moment: BootInstant) -> UInt64 {
        let away = max(0, moment.nanoseconds - since.nanoseconds)
        return devices[index].blocks.reduce(0) { $0 + UInt64(away / max(1, $1.interval.wholeNanoseconds)) }
    }

    /// No answer, or none that can be used.
    func missed(_ index: Int, _ exchange: Exchange, _ request: ModbusRequest, _ reason: String) {
        failed(index, request, reason)
        devices[index].misses += 1
        // One that never answered is probably not there at all: it must not cost three time-outs first.
        let limit = devices[index].hasAnswered ? ModbusDevice.missesUntilOffline : 1
        if devices[index].misses >= limit, !devices[index].isOffline { goOffline(index, at: exchange.ended) }
    }

    func failed(_ index: Int, _ request: ModbusRequest, _ reason: String) {
        devices[index].failures += 1
        devices[index].lastFailure = "unit \(devices[index].unit), \(request.words): \(reason)"
        if devices[index].condition == .online || devices[index].condition == .unknown && devices[index].hasAnswered {
            devices[index].condition = .failing
            tellState(index)
        }
    }

    func goOffline(_ index: Int, at moment: BootInstant) {
        devices[index].condition = .offline
        devices[index].offlineSince = moment
        devices[index].bisections = [:]
        devices[index].probe.succeeded()
        devices[index].probe.failed(at: moment)
        for slot in slots(of: index) { scheduler.hold(slot) }
        let visible = devices[index].points.filter { !$0.isHidden }
        send(index, visible.map { ($0.index, .bad(.communication)) }, at: moment)
        tellState(index)
    }

    // MARK: refusals

    /// The device refused a part of a block: take it apart until the register is found.
    func refused(_ slot: Slot, _ block: RegisterBlock, _ part: RegisterBlock) {
        if devices[slot.device].bisections[slot.block] != nil {
            bisected(slot, block, part, isRefused: true)
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

    private func learn(_ index: Int, refused points: [Int]) {
        devices[index].plan.refused.formUnion(points)
        devices[index].decoder.refuse(points)
        let names = points.map { devices[index].points[$0].value.name }.joined(separator: ", ")
        outlet.log("\(devices[index].name) refuses \(names): \(devices[index].lastFailure); it is not asked again")
        let visible = points.filter { !devices[index].points[$0].isHidden }
        send(index, visible.map { ($0, .bad(.notSupported)) }, at: clock())
        tellFindings(index)
        replan(index)
    }

    private func learn(_ index: Int, maximumRegisters: Int) {
        let known = devices[index].plan.learnedMaximum
        // Told the same again, it would be asked for ever: take less each time.
        devices[index].plan.learnedMaximum = known.map { max(1, min($0 - 1, maximumRegisters)) } ?? maximumRegisters
        outlet.log(
            "\(devices[index].name) takes no more than \(devices[index].plan.maximumRegisters) registers per request: "
                + "lower max_registers in its profile")
        replan(index)
    }

    func replan(_ index: Int) {
        for slot in slots(of: index) { scheduler.remove(slot) }
        devices[index].bisections = [:]
        devices[index].planNumber += 1
        devices[index].blocks = devices[index].plan.blocks(devices[index].points)
        schedule(index, due: clock())
        var learned = LearnedRegisters(profile: devices[index].profileIdentity)
        learned.maximumRegisters = devices[index].plan.learnedMaximum
        for point in devices[index].points where devices[index].plan.refused.contains(point.index) {
            learned.refused.insert(LearnedRegisters.Place(table: point.value.table, address: point.value.address))
        }
        outlet.remember(
            DriverMemory(device: devices[index].name, key: LearnedRegisters.key, bytes: learned.bytes))
    }
}

extension ModbusDevice {
    /// Points of a block that stand in the same registers, by address: what can be asked for by itself.
    func cells(of block: RegisterBlock) -> [[Int]] {
        var cells: [[Int]] = []
        var last: ClosedRange<Int>?
        for index in block.points {
            let range = points[index].value.addresses
            if let previous = last, previous.overlaps(range), !cells.isEmpty {
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
        return RegisterBlock(
            table: block.table, address: first, count: last - first + 1, points: indices, interval: block.interval)
    }
}
