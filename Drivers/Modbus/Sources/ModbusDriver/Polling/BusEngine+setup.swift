internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// The check of one device's setup values: each is read, written where it differs, and read again.
struct SetupRun: Sendable {
    enum Stage: Sendable, Hashable {
        /// What stands there now?
        case look
        case write
        /// Did it take it?
        case verify
    }

    /// A value that is lost again and again is not written for ever: flash memory in meters stands some 10,000 writes.
    static let mostWrites = 5

    var remaining: [SetupValue]
    var stage = Stage.look
    /// What stood there before it was written.
    var before: Value?
}

// Values that the configuration wants in a device: compared when it comes into the round, written only where they differ.
extension BusEngine {
    /// Begins with each coming (back) of a device.
    func beginSetup(_ index: Int) {
        guard !devices[index].setup.isEmpty else { return }
        devices[index].setupRun = SetupRun(remaining: devices[index].setup)
        lanes[devices[index].lane].setups.insert(index)
    }

    private func endSetup(_ index: Int) {
        devices[index].setupRun = nil
        lanes[devices[index].lane].setups.remove(index)
    }

    /// The next request of a device whose setup is being checked; nothing is written before it is known to be the right product.
    func setupWork(_ lane: Int, at now: BootInstant) -> Work? {
        for index in lanes[lane].setups.sorted() {
            guard devices[index].isInRound else {
                endSetup(index)
                continue
            }
            guard devices[index].decoder.isRecognised, !devices[index].decoder.isWrongDevice,
                let run = devices[index].setupRun
            else { continue }
            guard let setup = run.remaining.first else {
                endSetup(index)
                continue
            }
            let value = devices[index].points[setup.point].value
            var request = ModbusRequest.read(
                table: value.table, at: UInt16(clamping: value.address), count: value.width)
            if run.stage == .write {
                do throws(RegisterCodec.Unwritable) {
                    request = try self.request(setting: value, to: setup.value, in: index)
                } catch {
                    skipSetup(index, error.reason)
                    continue
                }
            }
            if let guarded = lanes[lane].guardedUntil(request, unit: devices[index].unit), guarded > now { continue }
            return work(index, request, .setup)
        }
        return nil
    }

    func setUp(_ index: Int, _ exchange: Exchange, _ work: Work) {
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(index, exchange, work, exception.words)
        case .answer(.exception(let exception)):
            answered(index, at: exchange.ended)
            // Nothing was written: the same by the other function.
            if knowsAnotherFunction(index, work.request, exception) { return }
            skipSetup(index, "\(work.request.words): \(exception.words)")
        case .answer(let answer):
            answered(index, at: exchange.ended)
            advanceSetup(index, answer)
        case .silence, .broken:
            missed(index, exchange, work, reason(exchange, work))
            // Whether it was written is not known: look again.
            devices[index].setupRun?.stage = .look
        case .gone(let what): gone(index, exchange, work, what)
        }
    }

    private func advanceSetup(_ index: Int, _ answer: ModbusAnswer) {
        guard let run = devices[index].setupRun, let setup = run.remaining.first else { return }
        if run.stage == .write {
            devices[index].setupWrites[setup.point, default: 0] += 1
            devices[index].setupRun?.stage = .verify
            return
        }
        let codec = devices[index].points[setup.point].value.codec
        let found: Value? =
            switch answer {
            case .words(let words): codec.decode(words[...]).value
            case .bits(let bits): bits.first.map { .flag($0) }
            default: nil
            }
        let isSame = found.map { $0 == setup.value || codec.holdsSame($0, setup.value) } ?? false
        let name = devices[index].points[setup.point].value.name
        switch (run.stage, isSame) {
        case (.look, true): nextSetup(index)
        case (.look, false):
            guard !isReadOnly else {
                skipSetup(index, "the gateway is read-only; \(name) is \(words(found)) instead of \(setup.value)")
                return
            }
            guard devices[index].setupWrites[setup.point, default: 0] < SetupRun.mostWrites else {
                skipSetup(
                    index, "\(name) was written \(SetupRun.mostWrites) times and lost each time; it is \(words(found))")
                return
            }
            devices[index].setupRun?.before = found
            devices[index].setupRun?.stage = .write
        case (_, true):
            tellSetup(index, "\(name) set to \(setup.value); it was \(words(run.before))", severity: 0)
            nextSetup(index)
        case (_, false):
            tellSetup(
                index,
                "\(name) was set to \(setup.value), but reads \(words(found)); check whether the device is locked",
                severity: 1)
            nextSetup(index)
        }
    }

    private func words(_ value: Value?) -> String { value.map { "\($0)" } ?? "without a value" }

    private func nextSetup(_ index: Int) {
        devices[index].setupRun?.remaining.removeFirst()
        devices[index].setupRun?.stage = .look
        devices[index].setupRun?.before = nil
        if devices[index].setupRun?.remaining.isEmpty ?? true { endSetup(index) }
    }

    private func skipSetup(_ index: Int, _ reason: String) {
        outlet.log("\(devices[index].name): its setup is not as configured: \(reason)")
        nextSetup(index)
    }

    private func tellSetup(_ index: Int, _ detail: String, severity: UInt32) {
        outlet.log("\(devices[index].name): \(detail)")
        tell("setup_written", of: index, detail, severity: severity)
    }
}
