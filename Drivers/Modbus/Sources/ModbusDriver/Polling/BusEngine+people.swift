internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// What people ask for: read now, write and read back.
extension BusEngine {
    /// Tries of one request that a person waits for: a single broken frame must not become a "no".
    static let personTries = 2

    private struct NoAnswer: Error {
        let reason: String
    }

    func query(_ query: DriverQuery) async -> DriverQueryDone {
        var done = DriverQueryDone()
        guard let index = devices.firstIndex(where: { $0.index == query.device }) else {
            done.failure = "no usable device has the number \(query.device)"
            return done
        }
        let wanted = query.points.map { Int($0) }
        guard wanted.allSatisfy({ $0 < devices[index].descriptors.count }) else {
            done.failure = "\(devices[index].name) has \(devices[index].descriptors.count) points"
            return done
        }
        do {
            let samples = try await read(
                index, points: wanted.isEmpty ? nil : Set(wanted), deadline: query.deadlineBootNs)
            done.samples = DriverSamples(device: query.device, samples: samples)
        } catch {
            done.failure = error.reason
        }
        return done
    }

    private func read(_ index: Int, points: Set<Int>?, deadline: UInt64) async throws(NoAnswer) -> [Sample] {
        let device = devices[index]
        let needed = points.map { device.decoder.needed(for: $0) }
        let wanted = device.points.filter { needed?.contains($0.index) ?? true }
            // One plan for all of them, whatever their intervals.
            .map { DevicePoint(index: $0.index, value: $0.value, interval: DeviceBuilder.standardInterval) }
        var samples = self.samples(
            wanted.filter { device.plan.refused.contains($0.index) && !$0.isHidden }.map {
                ($0.index, .bad(.notSupported))
            },
            at: clock())
        var blocks = device.plan.blocks(wanted)
        while !blocks.isEmpty {
            let block = blocks.removeFirst()
            if deadline != 0, clock().nanoseconds >= Int64(clamping: deadline) {
                throw NoAnswer(reason: "the time for it was over before all points were read")
            }
            let exchange = try await ask(index, block.request)
            switch exchange.outcome {
            case .answer(.exception(let exception)) where exception.isRefusal && block.points.count > 1:
                // Each by itself: the person gets what there is, the finding is left to the polling.
                blocks = device.cells(of: block).map { device.block(of: $0, like: block) } + blocks
            case .answer(.exception(let exception)):
                let quality: RegisterCodec.Decoded = exception.isRefusal ? .bad(.notSupported) : .bad(.deviceReported)
                let visible = block.points.filter { !device.points[$0].isHidden }
                samples += self.samples(visible.map { ($0, quality) }, at: exchange.ended)
            case .answer(let answer):
                samples += self.samples(devices[index].decoder.decode(answer, block), at: exchange.ended)
            default: break
            }
        }
        // What was read for their sake only is not what was asked for.
        return samples.filter { points?.contains($0.point) ?? true }.sorted { $0.point < $1.point }
    }

    /// Asks until there is an answer, twice at most.
    private func ask(_ index: Int, _ request: ModbusRequest) async throws(NoAnswer) -> Exchange {
        var reason = ""
        for _ in 0..<Self.personTries {
            if let portFailure { throw NoAnswer(reason: portFailure) }
            let (work, exchange) = await errand(request, device: index)
            switch exchange.outcome {
            case .answer(.exception(let exception)) where exception.isGatewayTimeout:
                reason = exception.words
                missed(index, exchange, work, reason)
            case .answer(let answer):
                answered(index, at: exchange.ended)
                if case .exception(let exception) = answer { failed(index, request, exception.words) }
                return exchange
            case .gone(let what):
                reason = what
                gone(index, exchange, work, what)
            case .silence, .broken:
                reason = self.reason(exchange, work)
                missed(index, exchange, work, reason)
            }
        }
        throw NoAnswer(reason: "unit \(devices[index].unit), \(request.words): \(reason)")
    }

    /// One exchange that a person waits for: at once on a line; on a connection others go on meanwhile.
    private func errand(_ request: ModbusRequest, device index: Int) async -> (Work, Exchange) {
        let device = devices[index]
        // A late answer to the same question is waited for first; a line is blocked for it, a connection is not.
        let late = lanes[device.lane].guardedUntil(request, unit: device.unit)
        let rest = line == nil ? .zero : late?.duration(since: clock()) ?? .zero
        func work(_ done: @escaping (Exchange) -> Void) -> Work {
            Work(
                lane: device.lane, device: index, unit: device.unit, request: request,
                // A person waits as long as the device may take at its worst.
                timeout: device.patience.ceiling, pause: max(device.pause, rest), purpose: .errand(done))
        }
        if let line {
            var result: Exchange?
            let errand = work { result = $0 }
            make(errand, on: line)
            if let result { return (errand, result) }
        }
        let exchange: Exchange = await withUnsafeContinuation { continuation in
            start(work { continuation.resume(returning: $0) })
        }
        return (work { _ in }, exchange)
    }

    /// Queues an exchange ahead of all polling of its lane.
    func start(_ errand: Work) {
        lanes[errand.lane].errands.append(errand)
        carry?(errand)
    }

    /// Ends whatever people wait for, because the bus is closed.
    func dismissErrands() {
        let now = clock()
        for lane in lanes.indices {
            for case .errand(let done) in lanes[lane].errands.map(\.purpose) {
                done(
                    Exchange(
                        outcome: .gone("the bus is being closed"), sent: [], received: [], began: now, ended: now,
                        silent: .zero))
            }
            lanes[lane].errands = []
        }
    }

    func command(_ command: DriverCommand) async -> DriverCommandDone {
        var done = DriverCommandDone()
        func end(_ outcome: DriverCommandDone.Outcome, _ reason: String = "") -> DriverCommandDone {
            done.outcome = outcome
            done.reason = reason
            return done
        }
        guard let index = devices.firstIndex(where: { $0.index == command.device }) else {
            return end(.rejected, "no usable device has the number \(command.device)")
        }
        guard command.action == "set" else {
            return end(.rejected, "a Modbus device knows no action \"\(command.action)\", only set")
        }
        let device = devices[index]
        guard Int(command.point) < device.descriptors.count else {
            return end(.rejected, "\(device.name) has \(device.descriptors.count) points")
        }
        let point = device.points[Int(command.point)]
        guard let wanted = command.hasValue ? command.value.telemetry : nil else {
            return end(.rejected, "there is no value to set")
        }
        let request: ModbusRequest
        do {
            request = try self.request(setting: point.value, to: wanted, in: index)
        } catch {
            return end(.rejected, error.reason)
        }
        do throws(NoAnswer) {
            // A write is sent once: after silence nobody knows whether it was done, and doing it twice is not ours to decide.
            if let portFailure { throw NoAnswer(reason: portFailure) }
            var (work, exchange) = await errand(request, device: index)
            if case .answer(.exception(let exception)) = exchange.outcome,
                knowsAnotherFunction(index, request, exception), let other = request.asSeveral
            {
                answered(index, at: exchange.ended)
                (work, exchange) = await errand(other, device: index)
            }
            switch exchange.outcome {
            case .answer(.exception(let exception)) where !exception.isGatewayTimeout:
                answered(index, at: exchange.ended)
                return end(.failed, "unit \(device.unit), \(request.words): \(exception.words)")
            case .answer(.written): answered(index, at: exchange.ended)
            case .gone(let reason): gone(index, exchange, work, reason)
            default: missed(index, exchange, work, reason(exchange, work))
            }
            let isAcknowledged = exchange.outcome == .answer(.written)
            let samples = try await read(index, points: [point.index], deadline: 0)
            done.samples = DriverSamples(device: command.device, samples: samples)
            guard let value = samples.first(where: { $0.point == point.index })?.value else {
                return end(.applied, "\(device.descriptors[point.index].name) cannot be read back")
            }
            done.readBack = DriverValue(value)
            if value == wanted || point.value.codec.holdsSame(value, wanted) { return end(.verified) }
            return end(
                .failed,
                isAcknowledged
                    ? "the device accepted it, but \(device.descriptors[point.index].name) reads \(value)"
                    : "no acknowledgement, and \(device.descriptors[point.index].name) reads \(value)")
        } catch {
            return end(.noAnswer, "\(error.reason); whether the value was set is not known")
        }
    }

    /// By the function that the device takes.
    func request(
        setting value: ProfileValue, to wanted: Value, in index: Int
    ) throws(RegisterCodec.Unwritable) -> ModbusRequest {
        let request = try Self.request(setting: value, to: wanted)
        return devices[index].writesSeveral ? request.asSeveral ?? request : request
    }

    /// Whether a refused write may go by the function for several coils or registers: some devices have only those.
    ///
    /// Exception 1 says that the function itself is unknown, so that nothing was written.
    func knowsAnotherFunction(_ index: Int, _ request: ModbusRequest, _ exception: ModbusException) -> Bool {
        guard exception.code == 1, request.asSeveral != nil, !devices[index].writesSeveral else { return false }
        devices[index].writesSeveral = true
        outlet.log(
            "\(devices[index].name) does not know function \(request.function); what it is told goes by function "
                + "\(request.asSeveral?.function ?? 0)")
        return true
    }

    static func request(
        setting value: ProfileValue, to wanted: Value
    ) throws(RegisterCodec.Unwritable) -> ModbusRequest {
        guard value.isWritable, value.table.isWritable else {
            throw RegisterCodec.Unwritable(reason: "\(value.name) is not writable in its profile")
        }
        if value.table == .coil {
            guard case .flag(let on) = wanted else {
                throw RegisterCodec.Unwritable(reason: "\(value.name) takes true or false")
            }
            return .writeCoil(at: UInt16(value.address), on: on)
        }
        if let number = wanted.number {
            if let minimum = value.minimum, number < minimum {
                throw RegisterCodec.Unwritable(reason: "\(number) is below the limit of \(minimum) \(value.unit)")
            }
            if let maximum = value.maximum, number > maximum {
                throw RegisterCodec.Unwritable(reason: "\(number) is above the limit of \(maximum) \(value.unit)")
            }
        }
        let words = try value.codec.encode(wanted)
        return words.count == 1
            ? .writeRegister(at: UInt16(value.address), value: words[0])
            : .writeRegisters(at: UInt16(value.address), values: words)
    }
}

extension RegisterCodec {
    /// Whether both values are the same registers: 0.1 and what a 32-bit float makes of it.
    func holdsSame(_ a: Value, _ b: Value) -> Bool {
        guard let left = try? encode(a), let right = try? encode(b) else { return false }
        return left == right
    }
}
