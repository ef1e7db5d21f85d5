internal import DriverProtocol
internal import Telemetry

/// Gives every gear of a bus an address of its own and keeps those in use (IEC 62386-102, 9.14): a script without I/O.
///
/// It goes in rounds. A round gives new random addresses to those gear that need one, opens the address window, takes out the gear
/// whose random address is known, and searches for the others. Gear that cannot be told apart in one round can in the next.
/// Then every gear is asked who it is, and goes where the file or an earlier commissioning has it.
///
/// Nothing on the bus is changed before what is known is on disk, and no gear gets an address before it is on disk that it is
/// pending: however it is cut off, the next run goes on from there.
final class Commissioning {
    /// The standard's window is 15 min; it is opened anew well before.
    static let window: Duration = .seconds(12 * 60)
    /// RANDOMISE takes at most 100 ms; some gear is slower.
    static let randomising: Duration = .milliseconds(150)
    /// Gear writes its address into flash: the practice of those who commission for a living.
    static let programming: Duration = .milliseconds(300)
    static let programmingAttempts = 3
    /// As often as the same random address is found although its gear was withdrawn.
    static let sameFoundLimit = 3
    /// Rounds end earlier when everything could be told apart.
    static let roundLimit = 5
    /// Searches in a row whose answers contradict each other.
    static let confusionLimit = 3

    enum Mode: String { case extend, new }

    struct Known {
        var random: UInt32?
        var signature: GearIdentity?
        /// Two or more gear answer at this address, as far as is known.
        var isShared = false
        /// It drew no new random address although it was told to.
        var isStubborn = false
        var isNew = false
        var action = Action.kept
    }

    enum Action: String { case kept, programmed, moved, resolved = "duplicate resolved" }

    unowned let bench: any DALITaskBench
    let mode: Mode
    let first: UInt8
    let lamps: [Placement.Lamp]
    let begun: BootInstant

    var table: CommissioningTable
    var known: [UInt8: Known] = [:]
    /// Addresses whose gear was found in this window, and does not answer COMPARE any more.
    var settled: Set<UInt8> = []
    var opened = BootInstant(nanoseconds: .min)
    var searched = SearchAddress()
    var round = 0
    var isUnresolved = false
    var found: [UInt32: Int] = [:]
    var confusions = 0
    var problems: [String] = []
    /// Gear whose address another one has just got, until it has got its own.
    var displaced: [UInt8: Known] = [:]

    /// - Parameter lamps: of the configuration and of the caller, with the gear that should be there.
    init(mode: Mode, first: UInt8, lamps: [Placement.Lamp], bench: any DALITaskBench) {
        self.bench = bench
        self.mode = mode
        self.first = first
        self.lamps = lamps
        begun = bench.now
        table = CommissioningTable(bench.memory(device: "", key: CommissioningTable.memoryKey))
    }

    /// These end the address window and let sensors speak again; to be sent whatever happened.
    static let lastFrames: [DALIRequest] = [
        .special(.terminate, priority: .configuration),
        .device(.broadcast, .stopQuiescentMode, priority: .configuration),
    ]

    func begin() -> ScriptStep {
        bench.say("looking for the gear that has an address", step: 0, of: 64)
        return .exchange([
            .device(.broadcast, .startQuiescentMode, priority: .configuration),
            .special(.terminate, priority: .configuration),
        ]) { [self] _ in census(then: afterCensus) }
    }

    // MARK: who is there

    private func census(then: @escaping () -> ScriptStep) -> ScriptStep {
        .each(
            ShortAddress.all[...],
            { [self] address, next in
                GearInquiry.presence(address) { [self] answer in
                    if answer == .silence { return next() }
                    known[address.number] = Known(isShared: answer == .collision)
                    return learn(address, then: next)
                }
            }, then: then)
    }

    /// Random address and identity of the gear at an address; answers that collide say that it is not alone.
    func learn(_ address: ShortAddress, then: @escaping () -> ScriptStep) -> ScriptStep {
        GearInquiry.random(address) { [self] random in
            known[address.number, default: Known()].random = random.value
            if random == .collision { known[address.number]?.isShared = true }
            return identify(address, then: then)
        }
    }

    func identify(_ address: ShortAddress, then: @escaping () -> ScriptStep) -> ScriptStep {
        GearInquiry.signature(address) { [self] signature in
            known[address.number, default: Known()].signature = signature.value
            if signature == .collision { known[address.number]?.isShared = true }
            return then()
        }
    }

    private func afterCensus() -> ScriptStep {
        let shared = known.filter(\.value.isShared).keys.sorted()
        bench.say(
            "\(known.count) address\(known.count == 1 ? "" : "es") in use"
                + (shared.isEmpty
                    ? "" : "; more than one gear answers at \(shared.map(String.init).joined(separator: ", "))"),
            step: known.count, of: 64)
        // Cut off earlier: gear that had only just got an address is still looking for its place.
        for record in table.records where record.isPending && known[record.address]?.random == record.random {
            known[record.address]?.isNew = true
        }
        return remember { [self] in mode == .new ? takeAllAddresses() : nextRound() }
    }

    /// Keeps what is known now, and goes on when it is on disk.
    func remember(then: @escaping () -> ScriptStep) -> ScriptStep {
        for (address, gear) in known.sorted(by: { $0.key < $1.key }) where isWorthKeeping(gear, at: address) {
            // Who was remembered elsewhere keeps that place until the gear has got there.
            if let signature = gear.signature, let home = table.address(of: signature), home != address { continue }
            table.put(
                CommissioningTable.Record(
                    address: address, random: gear.random ?? SearchAddress.highest, signature: gear.signature,
                    isPending: gear.isNew))
        }
        return store(then: then)
    }

    /// Whose place is another one's, as far as the file and earlier runs say, takes it over only when a person says so.
    func isWorthKeeping(_ gear: Known, at address: UInt8) -> Bool {
        guard !gear.isShared, gear.random != nil || gear.signature != nil else { return false }
        // Gear that did not say who it is this time: what is known of the address is not given up for it.
        if gear.signature == nil, table.record(at: address)?.signature != nil { return false }
        guard let expected = lamps.first(where: { $0.address == address })?.expected else { return true }
        return gear.signature == expected
    }

    func store(then: @escaping () -> ScriptStep) -> ScriptStep {
        if bench.memory(device: "", key: CommissioningTable.memoryKey) != table.bytes {
            bench.remember(device: "", key: CommissioningTable.memoryKey, table.bytes)
        }
        return .stored(device: "", key: CommissioningTable.memoryKey, then)
    }

    /// Everything anew: no gear keeps its address but those that the file names by their identity.
    private func takeAllAddresses() -> ScriptStep {
        bench.say("taking every gear's address")
        table = CommissioningTable()
        known = [:]
        return store { [self] in
            .exchange([
                .special(.dataTransferRegister0, 0xFF, priority: .configuration),
                .gear(.broadcast, .setShortAddress, priority: .continuation),
            ]) { _ in .wait(Self.programming) { self.nextRound() } }
        }
    }

    var seconds: Int64 { bench.now.duration(since: begun).wholeMilliseconds / 1000 }
}

extension ShortAddress {
    static let all: [ShortAddress] = (0..<64).compactMap { ShortAddress($0) }
    /// As commands carry it in their data: 0AAAAAA1.
    var dataByte: UInt8 { number << 1 | 1 }
}
