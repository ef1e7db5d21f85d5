internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Commands and reads of people and schedules.
extension BusEngine {
    func submit(_ command: DriverCommand, completion: @escaping (DriverCommandDone) -> Void) {
        guard let position = gear.firstIndex(where: { $0.index == command.device }) else {
            completion(.rejected("the bus has no usable device number \(command.device)"))
            return
        }
        guard configuration?.isReadOnly != true else {
            completion(.rejected("the gateway is read-only"))
            return
        }
        if ColourCommand.isMeant(by: command, gear: gear[position]) {
            submitColour(command, to: position, completion: completion)
            return
        }
        let order: LampOrder
        do throws(LampOrder.Refusal) {
            order = try LampOrder(command, gear: gear[position])
        } catch {
            completion(.rejected(error.reason))
            return
        }
        // The latest order for a lamp's light counts; the one before is answered for, not read back for ever.
        if order != .identify { replaceCommands(at: position, unsent: !order.isRelative) }
        let now = world.now()
        let run = LampCommand(order, command: command, gear: gear[position], at: now)
        jobs.append(
            Job(
                position: position, work: .command(run, completion),
                gathersUntil: isShared(position) ? now.advanced(by: Job.gathering) : now))
    }

    func submit(_ query: DriverQuery, completion: @escaping (DriverQueryDone) -> Void) {
        guard let position = gear.firstIndex(where: { $0.index == query.device }) else {
            var done = DriverQueryDone()
            done.failure = "the bus has no usable device number \(query.device)"
            completion(done)
            return
        }
        let deadline =
            query.deadlineBootNs == 0
            ? BootInstant(nanoseconds: .max) : BootInstant(nanoseconds: Int64(clamping: query.deadlineBootNs))
        let run = LampQuery(query.points, of: gear[position], mayWrite: configuration?.isReadOnly != true)
        jobs.append(Job(position: position, work: .query(run, deadline: deadline, completion)))
    }

    /// - Parameter unsent: also those that wait for their turn. A step up counts from where they lead.
    private func replaceCommands(at position: Int, unsent: Bool) {
        jobs.removeAll { job in
            guard job.position == position, case .command(let command, _) = job.work, command.order != .identify,
                unsent || command.isSent
            else { return false }
            job.complete(
                gear[position],
                reason: command.isSent
                    ? "sent, but a later command to this lamp came before it was read back"
                    : "a later command to this lamp took its place; nothing was sent")
            return true
        }
    }

    func failJobs(_ reason: String) {
        let failed = jobs
        jobs.removeAll()
        for job in failed { job.complete(gear[job.position], reason: reason) }
    }

    /// One exchange of the job that goes first.
    ///
    /// - Parameter mayReadBack: false: what a schedule sent is not looked at yet.
    /// - Returns: nil when something was done; otherwise when the next job has something to do (never: the far future).
    func runJob(_ connection: DALIConnection, at now: BootInstant, mayReadBack: Bool) -> BootInstant? {
        var earliest = BootInstant(nanoseconds: .max)
        // Equal ranks keep their order: sort is stable by position in the list.
        let order = jobs.indices.sorted { (jobs[$0].rank, $0) < (jobs[$1].rank, $1) }
        for index in order where mayReadBack || jobs[index].rank <= Job.lastBeforeReadBacks {
            let position = jobs[index].position
            switch jobs[index].next(gear[position], registerUses: registerUses, at: now) {
            case .wait(let until): earliest = min(earliest, until)
            case .finished:
                let job = jobs.remove(at: index)
                job.complete(gear[position])
                // A restart right after the first order is to cost no question a second time: the street waits for it.
                if let memory = gear[position].newMemory() {
                    outlet.remember(DriverMemory(device: gear[position].name, key: Gear.memoryKey, bytes: memory))
                }
                return nil
            case .exchange(let requests):
                if let frame = jobs[index].sharedFrame(gear[position]) {
                    let shared = sharing(index, frame, at: now)
                    if let shared, shared.jobs.count > 1 {
                        sendShared(shared.jobs, frame, to: shared.address, on: connection)
                        return nil
                    }
                    if jobs[index].gathersUntil > now, isShared(position) {
                        earliest = min(earliest, jobs[index].gathersUntil)
                        continue
                    }
                }
                let outcomes = exchangeAll(requests, on: connection)
                let ended = world.now()
                jobs[index].received(outcomes, gear: &gear[position], registerUses: registerUses, at: ended)
                report(position, jobs[index].takeSamples())
                if let outcome = outcomes.last { judge(outcome, at: ended) }
                reportState(position, at: ended)
                return nil
            }
        }
        return earliest
    }

    // MARK: one frame for several

    /// Jobs that wait to send the very same, and an address that reaches their gear and no other.
    private func sharing(_ index: Int, _ frame: DALIRequest, at now: BootInstant)
        -> (address: GearAddress, jobs: [Int])?
    {
        guard isShared(jobs[index].position) else { return nil }
        var ready: [Int: Int] = [:]
        for other in jobs.indices {
            let position = jobs[other].position
            guard case .exchange = jobs[other].next(gear[position], registerUses: registerUses, at: now),
                jobs[other].sharedFrame(gear[position]) == frame
            else { continue }
            ready[position] = other
        }
        guard let shared = sharedAddress(of: jobs[index].position, among: Set(ready.keys)) else { return nil }
        return (shared.address, shared.members.compactMap { ready[$0] })
    }

    private func sendShared(
        _ members: [Int], _ frame: DALIRequest, to address: GearAddress, on connection: DALIConnection
    ) {
        let outcome = exchange([frame.addressed(to: address)], on: connection)
        let ended = world.now()
        for index in members {
            let position = jobs[index].position
            jobs[index].received([outcome], gear: &gear[position], registerUses: registerUses, at: ended)
        }
        judge(outcome, at: ended)
    }
}
