internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// Devices that answer, fail, go and come back.
extension BusEngine {
    /// Share of a pause before a host is tried again that is left to chance.
    static let reconnectJitter = 0.25

    /// Puts a device's present plan into the scheduler.
    func schedule(_ index: Int, due: BootInstant) {
        let device = devices[index]
        let cost = lanes[device.lane].cost
        for (number, block) in device.blocks.enumerated() {
            scheduler.add(
                Slot(device: index, plan: device.planNumber, block: number), device: device.index, lane: device.lane,
                interval: block.interval,
                predicted: cost.exchange(
                    dataBytes: block.request.answerLength - 2, latency: LinkCost.assumedLatency, pause: device.pause),
                due: due, isBoundary: block.isBoundary)
        }
    }

    func slots(of index: Int) -> [Slot] {
        devices[index].blocks.indices.map { Slot(device: index, plan: devices[index].planNumber, block: $0) }
    }

    /// Anything intelligible came from it.
    func answered(_ index: Int, at moment: BootInstant) {
        devices[index].lastAnswer = moment
        devices[index].hasAnswered = true
        devices[index].misses = 0
        guard !devices[index].isInRound else { return }
        let wasKnown = devices[index].condition
        if wasKnown != .failing { devices[index].condition = .online }
        devices[index].probe.succeeded()
        release(index, at: moment)
        if wasKnown == .offline { tellRefused(index) }
        if wasKnown != .failing { tellState(index) }
    }

    /// A whole request went well again.
    func recovered(_ index: Int) {
        guard devices[index].condition != .online else { return }
        devices[index].condition = .online
        tellState(index)
    }

    /// Takes a device's blocks into the round again; intervals that passed meanwhile are missed.
    func release(_ index: Int, at moment: BootInstant) {
        guard !devices[index].isInRound else { return }
        if devices[index].awaySince != nil {
            scheduler.addMissed(missedAway(index, at: moment), device: devices[index].index)
        }
        devices[index].awaySince = nil
        devices[index].isInRound = true
        // Another may stand in its place now.
        devices[index].identityRead = nil
        devices[index].decoder.forget()
        lanes[devices[index].lane].unwell -= 1
        for slot in slots(of: index) { scheduler.release(slot, due: moment) }
        beginSetup(index)
    }

    /// Takes a device out of the round: it is asked only within the failing devices' share.
    func withdraw(_ index: Int, at moment: BootInstant) {
        guard devices[index].isInRound else { return }
        devices[index].isInRound = false
        devices[index].awaySince = moment
        devices[index].bisections = [:]
        lanes[devices[index].lane].unwell += 1
        for slot in slots(of: index) { scheduler.hold(slot) }
    }

    /// Intervals that passed while it was out of the round.
    func missedAway(_ index: Int, at moment: BootInstant) -> UInt64 {
        guard let since = devices[index].awaySince else { return 0 }
        let away = max(0, moment.nanoseconds - since.nanoseconds)
        return devices[index].blocks.reduce(0) { $0 + UInt64(away / max(1, $1.interval.wholeNanoseconds)) }
    }

    /// No answer, or none that can be used.
    func missed(_ index: Int, _ exchange: Exchange, _ work: Work, _ reason: String) {
        failed(index, work.request, reason)
        countMiss(index, at: exchange.ended)
    }

    private func countMiss(_ index: Int, at moment: BootInstant) {
        devices[index].misses += 1
        // One that never answered is probably not there at all: it must not cost three time-outs first.
        let limit = devices[index].hasAnswered ? ModbusDevice.missesUntilOffline : 1
        if devices[index].isOffline {
            devices[index].probe.failed(at: moment)
        } else if devices[index].misses >= limit {
            goOffline(index, at: moment)
        } else if !lanes[devices[index].lane].budget.isDue(at: moment) {
            withdraw(index, at: moment)
        }
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
        withdraw(index, at: moment)
        devices[index].condition = .offline
        if devices[index].awaySince == nil { devices[index].awaySince = moment }
        devices[index].probe.succeeded()
        devices[index].probe.failed(at: moment)
        send(index, devices[index].visiblePoints.map { ($0, .bad(.communication)) }, at: moment)
        tellState(index)
    }

    /// The way to the device is gone: the port, or the connection to its host.
    func gone(_ index: Int, _ exchange: Exchange, _ work: Work, _ reason: String) {
        guard lanes[work.lane].isConnection else {
            failed(index, work.request, reason)
            portGone(exchange, reason)
            return
        }
        lanes[work.lane].reopen.failed(at: exchange.ended, jitter: Self.reconnectJitter)
        for other in lanes[work.lane].devices {
            failed(other, work.request, reason)
            countMiss(other, at: exchange.ended)
        }
    }

    /// A connection has carried something: the others behind it get their chance now.
    func connected(_ lane: Int) {
        guard lanes[lane].reopen.failures > 0 else { return }
        lanes[lane].reopen.succeeded()
        for index in lanes[lane].devices where devices[index].isOffline { devices[index].probe.succeeded() }
    }
}
