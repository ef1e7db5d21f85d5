internal import Telemetry

extension Commissioning {
    func nextRound() -> ScriptStep {
        round += 1
        isUnresolved = false
        settled = []
        found = [:]
        let needy = needRandomAddress()
        let initialise: [DALIRequest] =
            [.special(.initialise, 0xFF, priority: .configuration)]
            + needy.map { .special(.initialise, $0.dataByte, priority: .configuration) }
        // Withdrawn gear would draw a new one as well: only those that need it are initialised.
        return .each(
            initialise[...], { request, next in .exchange([request]) { _ in next() } },
            then: { [self] in
                .exchange([.special(.randomise, priority: .configuration)]) { [self] _ in
                    .wait(Self.randomising) { [self] in
                        .exchange([.special(.terminate, priority: .configuration)]) { [self] _ in
                            .each(needy[...], relearn) { [self] in openWindow(then: searchNext) }
                        }
                    }
                }
            })
    }

    /// Addresses whose gear needs a new random address: it never drew one, or shares it.
    private func needRandomAddress() -> [ShortAddress] {
        var owners: [UInt32: Int] = [:]
        for gear in known.values { if let random = gear.random { owners[random, default: 0] += 1 } }
        return known.filter { _, gear in
            if gear.isStubborn, !gear.isShared { return false }
            // Two at one address whose random addresses differ are told apart by these; only then it takes new ones.
            if gear.isShared { return gear.random != nil || round > 1 }
            guard let random = gear.random else { return false }
            return random == SearchAddress.highest || owners[random, default: 0] > 1
        }.keys.sorted().compactMap { ShortAddress(Int($0)) }
    }

    private func relearn(_ address: ShortAddress, next: @escaping () -> ScriptStep) -> ScriptStep {
        GearInquiry.random(address) { [self] random in
            let before = known[address.number]?.random
            if random == .collision {
                known[address.number]?.random = nil
            } else if let random = random.value {
                known[address.number]?.isStubborn = random == before
                known[address.number]?.random = random
            }
            return next()
        }
    }

    // MARK: the window

    /// INITIALISE for all, then those whose random address is known are asked for their address and withdrawn: what is left to be
    /// searched for is only what nobody knows.
    func openWindow(then: @escaping () -> ScriptStep) -> ScriptStep {
        settled = []
        searched.forget()
        opened = bench.now
        var owners: [UInt32: Int] = [:]
        for gear in known.values { if let random = gear.random { owners[random, default: 0] += 1 } }
        let sure = known.filter { _, gear in
            !gear.isShared && gear.random.map { owners[$0] == 1 && $0 != SearchAddress.highest } ?? false
        }.keys.sorted().compactMap { ShortAddress(Int($0)) }
        return .exchange([.special(.initialise, 0, priority: .configuration)]) { [self] _ in
            .each(sure[...], withdrawKnown, then: then)
        }
    }

    private func withdrawKnown(_ address: ShortAddress, next: @escaping () -> ScriptStep) -> ScriptStep {
        guard let random = known[address.number]?.random else { return next() }
        return queryShortAddress(random) { [self] answer in
            switch answer {
            case .reply(address.dataByte):
                settled.insert(address.number)
                return withdraw(next)
            case .collision:
                // Somebody without an address has drawn the same one.
                known[address.number]?.isShared = true
                isUnresolved = true
                return withdraw(next)
            default:
                // It says something else than before: the search will find out.
                known[address.number]?.random = nil
                return next()
            }
        }
    }

    func queryShortAddress(
        _ random: UInt32, attempts: Int = GearInquiry.attempts, then: @escaping (DALIOutcome) -> ScriptStep
    ) -> ScriptStep {
        .exchange(searched.set(random) + [.special(.queryShortAddress, priority: .configuration)]) { [self] outcomes in
            let answer = outcomes.last ?? .none
            // The bytes of the search address may have been what was lost.
            guard answer == .none, attempts > 1 else { return then(answer) }
            searched.forget()
            return queryShortAddress(random, attempts: attempts - 1, then: then)
        }
    }

    private func withdraw(_ next: @escaping () -> ScriptStep) -> ScriptStep {
        .exchange([.special(.withdraw, priority: .configuration)]) { _ in next() }
    }

    // MARK: the search

    func searchNext() -> ScriptStep {
        if bench.now.duration(since: opened) > Self.window {
            return .exchange([.special(.terminate, priority: .configuration)]) { [self] _ in
                openWindow(then: searchNext)
            }
        }
        return halve(RandomAddressSearch())
    }

    private func halve(_ search: RandomAddressSearch) -> ScriptStep {
        switch search.next() {
        case .compare(let address):
            return .exchange(searched.set(address) + [.special(.compare, priority: .configuration)]) {
                [self] outcomes in
                var search = search
                search.answered(outcomes.last?.isYes ?? false)
                return halve(search)
            }
        case .nobody: return endRound()
        case .confused:
            confusions += 1
            searched.forget()
            guard confusions < Self.confusionLimit else {
                problems.append(
                    "answers to COMPARE contradict each other \(Self.confusionLimit) times: noise on the line, or gear that does "
                        + "not keep to the standard; commission again")
                return endRound()
            }
            return searchNext()
        case .found(let random):
            confusions = 0
            found[random, default: 0] += 1
            guard found[random, default: 0] <= Self.sameFoundLimit else {
                problems.append(
                    "the gear with random address \(hexadecimal(random)) still answers after it was withdrawn: the search ended there"
                )
                return endRound()
            }
            return queryShortAddress(random) { [self] answer in judge(random, answer) }
        }
    }

    private func judge(_ random: UInt32, _ answer: DALIOutcome) -> ScriptStep {
        guard case .reply(let byte) = answer, byte != 0xFF else {
            if answer == .collision {
                let owners = known.filter { $0.value.random == random }
                if owners.count > 1, owners.allSatisfy(\.value.isStubborn) {
                    // They have an address each and will never have a random address each: nothing more is to be had.
                    settled.formUnion(owners.keys)
                } else {
                    isUnresolved = true
                    for address in owners.keys { known[address]?.isShared = true }
                }
                return withdraw(searchNext)
            }
            return assign(random, from: nil)
        }
        guard let address = ShortAddress(Int(byte >> 1)), byte & 0x81 == 1 else { return assign(random, from: nil) }
        if settled.contains(address.number) {
            // The same gear once more: WITHDRAW was lost.
            if known[address.number]?.random == random { return withdraw(searchNext) }
            return assign(random, from: address)
        }
        // It keeps its address. Where two answered it may be the other one's; that comes out when each can be asked.
        var gear = known[address.number] ?? Known()
        gear.random = random
        known[address.number] = gear
        settled.insert(address.number)
        return withdraw(searchNext)
    }

    // MARK: a new address

    private func assign(_ random: UInt32, from: ShortAddress?) -> ScriptStep {
        guard let address = freeAddress() else {
            problems.append(
                "more than 64 gear on this bus: the one with random address \(hexadecimal(random)) got no address")
            return withdraw(searchNext)
        }
        table.put(CommissioningTable.Record(address: address.number, random: random, signature: nil, isPending: true))
        return store { [self] in
            program(random, address) { [self] outcome in
                guard let outcome else {
                    problems.append(
                        "the gear with random address \(hexadecimal(random)) does not take an address: replace it")
                    return withdraw(searchNext)
                }
                let action: Action = from == nil ? .programmed : .resolved
                known[address.number] = Known(
                    random: random, isShared: outcome == .collision, isNew: true, action: action)
                settled.insert(address.number)
                bench.say(
                    from.map { "\($0.description) was taken twice: one of both is now at \(address.number)" }
                        ?? "gear without address is now at \(address.number)", step: settled.count, of: 64)
                if outcome == .collision { isUnresolved = true }
                return withdraw { [self] in
                    identify(address) { [self] in
                        if known[address.number]?.isShared == true { isUnresolved = true }
                        return searchNext()
                    }
                }
            }
        }
    }

    /// One that belongs to nobody, or else the last that is free.
    private func freeAddress() -> ShortAddress? {
        let free = ShortAddress.all.filter { known[$0.number] == nil }
        let owned = Set(lamps.map(\.address)).union(table.records.filter { !$0.isPending }.map(\.address))
        let rotated = free.filter { $0.number >= first } + free.filter { $0.number < first }
        return rotated.first { !owned.contains($0.number) } ?? rotated.last
    }

    /// PROGRAM SHORT ADDRESS and VERIFY; gear that does not verify is asked in two other ways.
    ///
    /// - Parameter then: gets nil when the gear did not take it.
    func program(
        _ random: UInt32, _ address: ShortAddress, attempts: Int = Commissioning.programmingAttempts,
        then: @escaping (DALIOutcome?) -> ScriptStep
    ) -> ScriptStep {
        let frames =
            searched.set(random) + [.special(.programShortAddress, address.dataByte, priority: .configuration)]
        return .exchange(frames) { [self] _ in
            .wait(Self.programming) { [self] in
                .ask(.special(.verifyShortAddress, address.dataByte, priority: .configuration)) { [self] verified in
                    if verified.isYes { return then(verified) }
                    return queryShortAddress(random) { [self] asked in
                        if asked == .reply(address.dataByte) { return then(asked) }
                        return GearInquiry.presence(address) { [self] present in
                            if present != .silence { return then(present == .collision ? .collision : .reply(0xFF)) }
                            guard attempts > 1 else { return then(nil) }
                            searched.forget()
                            return program(random, address, attempts: attempts - 1, then: then)
                        }
                    }
                }
            }
        }
    }

    // MARK: the end of a round

    /// Addresses that two had are asked again who sits there now.
    private func endRound() -> ScriptStep {
        .ask(.gear(.broadcastUnaddressed, .queryControlGearPresent, priority: .configuration)) { [self] outcome in
            // The frame that should have opened the window for them may have been lost.
            if outcome.isYes { isUnresolved = true }
            return resolveShared()
        }
    }

    private func resolveShared() -> ScriptStep {
        let doubtful = known.filter { $0.value.isShared && settled.contains($0.key) }.keys.sorted()
        return .each(
            doubtful.compactMap { ShortAddress(Int($0)) }[...],
            { [self] address, next in
                let random = known[address.number]?.random
                known[address.number]?.isShared = false
                return learn(address) { [self] in
                    // What the search found counts more than what gear that does not answer C2 to C4 says.
                    if known[address.number]?.random == nil { known[address.number]?.random = random }
                    if known[address.number]?.isShared == true { isUnresolved = true }
                    return next()
                }
            },
            then: { [self] in
                if isUnresolved, round < Self.roundLimit {
                    bench.say("some gear cannot be told apart yet: round \(round + 1)")
                    return .exchange([.special(.terminate, priority: .configuration)]) { [self] _ in nextRound() }
                }
                return reportUnresolved()
            })
    }

    private func reportUnresolved() -> ScriptStep {
        var free = ShortAddress.all.filter { address in
            known[address.number] == nil && !bench.gear.contains { $0.address == address }
        }
        for address in known.filter(\.value.isShared).keys.sorted() {
            let other = free.isEmpty ? nil : free.removeFirst()
            problems.append(Self.inseparable(address, other, bus: bench.taskConfiguration.bus))
        }
        return place()
    }

    /// Taken off the line and connected again each still has the address that both were given: only one of them may move.
    private static func inseparable(_ address: UInt8, _ free: ShortAddress?, bus: String) -> String {
        let sentence =
            "more than one gear answers at short address \(address), and they draw no random address of their own, so that no search "
            + "tells them apart: "
        guard let free else { return sentence + "exchange all of them but one" }
        return sentence
            + "take one off the line, move the other (`candela raw \(bus) --frame \"DTR0 \(free.dataByte)\"`, then "
            + "`candela raw \(bus) --frame \"A\(address) SET SHORT ADDRESS\" --write` gives it address \(free.number)), and connect the first again; "
            + "or exchange one"
    }
}

/// A random address as technicians write it: `A1B2C3`.
func hexadecimal(_ random: UInt32) -> String {
    [16, 8, 0].map { hexadecimal([UInt8(truncatingIfNeeded: random >> UInt32($0))]) }.joined()
}
