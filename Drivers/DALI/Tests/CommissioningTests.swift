import DriverProtocol
import Glibc
import Telemetry
import Testing

@testable import DALIDriver
@testable import FieldSimulator

/// Commissioning against the simulator's gear.
@Suite struct CommissioningTests {
    private func bus(_ gear: [GearDescription], seed: UInt64 = 1) -> LampBus {
        LampBus(name: "lamps", gear: gear, seed: seed, at: BootInstant(nanoseconds: 1_000_000_000))
    }

    private func gear(_ count: Int, _ change: (Int, inout GearDescription) -> Void = { _, _ in }) -> [GearDescription] {
        SimulatedBus.lamps(count) { index, gear in
            gear.randomAddress = 0x1000 + UInt32(index) * 0x1357
            gear.identification = 70_000 + UInt64(index)
            change(index, &gear)
        }
    }

    private struct Unexpected: Error {
        let end: String
    }

    private func commission(_ bench: TaskBench, _ arguments: DriverNode = Configuration.map([:] as [String: String]))
        -> TaskBench.End
    {
        bench.run(CommissionTask.make(arguments))
    }

    private func addresses(_ bus: LampBus) -> [UInt8] { bus.gear.compactMap(\.shortAddress).sorted() }

    private func result(_ end: TaskBench.End) throws -> JSONValue {
        guard case .done(let result) = end else {
            throw Unexpected(end: "\(end)")
        }
        return result
    }

    private func list(_ value: JSONValue?) -> [JSONValue] { if case .array(let items)? = value { items } else { [] } }

    @Test(arguments: [1, 2, 5, 17]) func `gear fresh from the factory gets an address each, in ascending order`(
        count: Int
    ) throws {
        let bus = bus(
            gear(count) {
                $1.shortAddress = nil; $1.randomAddress = nil
            })
        let result = try result(commission(TaskBench(bus: bus)))
        #expect(addresses(bus) == (0..<UInt8(count)).map { $0 })
        #expect(list(result["gear"]).count == count)
        #expect(list(result["gear"]).allSatisfy { $0["action"]?.text == "programmed" })
        #expect(list(result["problems"]).isEmpty, "\(result)")
        #expect(list(result["entries"]).first?.text?.hasPrefix("lamp-000: {bus: lamps, address: 0, profile: ") == true)
    }

    @Test func `a bus in order is left as it is, and nothing is programmed`() throws {
        let bus = bus(gear(12))
        let bench = TaskBench(bus: bus)
        let result = try result(commission(bench))
        #expect(list(result["gear"]).allSatisfy { $0["action"]?.text == "kept" }, "\(result)")
        #expect(addresses(bus) == Array(0..<12))
        #expect(!bench.requests.contains { $0.frame.description.hasPrefix("PROGRAM") })
        #expect(bus.gear.enumerated().allSatisfy { $1.randomAddress == 0x1000 + UInt32($0) * 0x1357 })
    }

    @Test func `it ends with TERMINATE and STOP QUIESCENT MODE, whatever came of it`() {
        let bench = TaskBench(bus: bus(gear(2)))
        _ = commission(bench)
        #expect(bench.requests.suffix(2).map(\.frame.bytes) == [[0xA1, 0], [0xFF, 0xFE, 0x1E]])
        #expect(bench.requests.first?.frame.bytes == [0xFF, 0xFE, 0x1D])
        #expect(bench.requests.first?.isSentTwice == true)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6]) func `two gear with one address get one each, and one keeps it`(
        seed: UInt64
    ) throws {
        let bus = bus(gear(8) { if $0 == 7 { $1.shortAddress = 2 } }, seed: seed)
        let result = try result(commission(TaskBench(bus: bus)))
        #expect(Set(addresses(bus)).count == 8, "\(addresses(bus))")
        #expect(bus.gear[2].shortAddress == 2 || bus.gear[7].shortAddress == 2)
        #expect(list(result["gear"]).contains { $0["action"]?.text == "duplicate resolved" }, "\(result)")
        for index in [0, 1, 3, 4, 5, 6] { #expect(bus.gear[index].shortAddress == UInt8(index)) }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6]) func `gear that shares address and random address is told apart`(
        seed: UInt64
    ) throws {
        let bus = bus(
            gear(6) { if $0 == 5 { $1.shortAddress = 2; $1.randomAddress = 0x1000 + 2 * 0x1357 } }, seed: seed)
        _ = try result(commission(TaskBench(bus: bus)))
        #expect(Set(addresses(bus)).count == 6, "\(addresses(bus))")
    }

    @Test func `gear that shares only its random address keeps its addresses, and the others their random addresses`()
        throws
    {
        let bus = bus(gear(6) { if $0 == 5 { $1.randomAddress = 0x1000 + 2 * 0x1357 } })
        _ = try result(commission(TaskBench(bus: bus)))
        #expect(addresses(bus) == Array(0..<6))
        #expect(bus.gear[2].randomAddress != bus.gear[5].randomAddress)
        for index in [0, 1, 3, 4] { #expect(bus.gear[index].randomAddress == 0x1000 + UInt32(index) * 0x1357) }
    }

    @Test(arguments: [GearPersonality.keepsRandom, .noVerify, .noRandomQuery, .dali1, .slowAnswers])
    func `odd gear is commissioned as well`(_ personality: GearPersonality) throws {
        let bus = bus(
            gear(6) { index, gear in
                if index >= 3 { gear.shortAddress = nil }
                if index == 1 || index == 4 { gear.personality = [personality] }
            })
        let result = try result(commission(TaskBench(bus: bus)))
        #expect(addresses(bus) == Array(0..<6), "\(personality): \(result)")
    }

    @Test func `a lost frame now and then does no harm`() throws {
        for seed in 1...6 {
            let bus = bus(gear(8) { if $0 > 4 { $1.shortAddress = nil } }, seed: UInt64(seed))
            let bench = TaskBench(bus: bus)
            // Every 97th frame is hit.
            bench.isLost = { $0 % 97 == seed * 13 }
            _ = try result(commission(bench))
            #expect(Set(addresses(bus)).count == 8, "\(seed): \(addresses(bus))")
        }
    }

    // MARK: names

    private let names = ["lamp-a": UInt8(0), "lamp-b": 1, "lamp-c": 2, "lamp-d": 3]

    /// As a first commissioning leaves it.
    private func remembered(_ bus: LampBus) -> [MemoryKey: [UInt8]] {
        let bench = TaskBench(bus: bus, lamps: names)
        _ = commission(bench)
        return bench.stored
    }

    @Test func `gear whose addresses were changed goes back to where its name is`() throws {
        let bus = bus(gear(4))
        let memory = remembered(bus)
        // Somebody with another tool gave them other addresses.
        for (index, address) in [UInt8(1), 2, 0, 9].enumerated() { bus.gear[index].setForTest(shortAddress: address) }
        let bench = TaskBench(bus: bus, lamps: names, stored: memory)
        let result = try result(commission(bench))
        #expect(bus.gear.map(\.shortAddress) == [0, 1, 2, 3], "\(result)")
        #expect(list(result["gear"]).allSatisfy { $0["action"]?.text == "moved" })
    }

    @Test func `one replaced driver is proposed for the lamp that is missing, and is not accepted silently`() throws {
        let old = bus(gear(4))
        let memory = remembered(old)
        let swapped = bus(
            gear(4) { if $0 == 2 { $1.shortAddress = nil; $1.randomAddress = nil; $1.identification = 999 } })
        let bench = TaskBench(bus: swapped, lamps: names, stored: memory)
        let result = try result(commission(bench))
        #expect(swapped.gear.map(\.shortAddress) == [0, 1, 2, 3])
        #expect(
            list(result["problems"]).contains { $0.text?.contains("candela lamp replace lamp-c") == true }, "\(result)")
        let table = CommissioningTable(bench.stored[MemoryKey(device: "", key: CommissioningTable.memoryKey)])
        #expect(table.record(at: 2)?.signature?.number == 70_002, "it was accepted without being asked")

        guard case .done(let replaced) = bench.run(ReplaceTask.make(Configuration.map(["device": "lamp-c"]))) else {
            return #expect(Bool(false))
        }
        #expect(replaced["identity"]?.text?.hasSuffix("/999") == true)
        #expect(
            bench.stored[MemoryKey(device: "lamp-c", key: GearIdentity.memoryKey)].map {
                String(decoding: $0, as: UTF8.self)
            }
                == "\(GearDescription.madeUpArticle)/999")
        #expect(bench.forgotten.contains("lamp-c"))
    }

    @Test func `two replaced drivers are not confused: neither gets a lamp's place`() throws {
        let memory = remembered(bus(gear(4)))
        let swapped = bus(
            gear(4) {
                if $0 == 1 || $0 == 2 {
                    $1.shortAddress = nil; $1.randomAddress = nil; $1.identification = 990 + UInt64($0)
                }
            })
        let result = try result(commission(TaskBench(bus: swapped, lamps: names, stored: memory)))
        #expect(addresses(swapped) == [0, 3, 4, 5], "\(result)")
        #expect(
            list(result["problems"]).contains {
                $0.text?.contains("lamp-b") == true && $0.text?.contains("lamp-c") == true
            })
    }

    @Test func `read-only means that nothing is sent`() {
        let bench = TaskBench(bus: bus(gear(2)), readOnly: true)
        guard case .failed(let sentence) = commission(bench) else { return #expect(Bool(false)) }
        #expect(sentence.contains("read-only"))
        #expect(!bench.requests.contains { $0.frame.bytes.first == 0xA5 })
    }

    // MARK: power cuts

    /// 64 gear: the last has the address of the 21st, and two share a random address.
    private func troubled(_ seed: UInt64) -> LampBus {
        bus(
            gear(64) { index, gear in
                if index == 63 { gear.shortAddress = 20 }
                if index == 41 { gear.randomAddress = 0x1000 + 40 * 0x1357 }
            }, seed: seed)
    }

    private static let cuts: Int = {
        // One in scripts/test is worth a second; `scripts/soak` sets CANDELA_SOAK_SECONDS and gets all of them.
        getenv("CANDELA_SOAK_SECONDS") == nil ? 12 : 200
    }()

    @Test(arguments: [false, true]) func `cut off at any step, the next run ends with 64 addresses and every name kept`(
        isMainsCut: Bool
    ) throws {
        var random = StepChooser(seed: isMainsCut ? 77 : 78)
        let names = Dictionary(uniqueKeysWithValues: (0..<64).map { ("lamp-\($0)", UInt8($0)) })
        // All was well once: every gear's identity is remembered at its address.
        var table = CommissioningTable()
        for index in 0..<64 {
            table.put(
                CommissioningTable.Record(
                    address: UInt8(index), random: 0x1000 + UInt32(index) * 0x1357,
                    signature: GearIdentity(gtin: GearDescription.madeUpArticle, number: 70_000 + UInt64(index))))
        }
        let before = [MemoryKey(device: "", key: CommissioningTable.memoryKey): table.bytes]
        let whole = TaskBench(bus: troubled(1), lamps: names, stored: before)
        _ = commission(whole)
        for cut in 0..<Self.cuts {
            let bus = troubled(UInt64(cut))
            let step = Int(random.next() % UInt64(whole.exchanges))
            let first = TaskBench(bus: bus, lamps: names, stored: before)
            #expect(
                first.run(CommissionTask.make(Configuration.map([:] as [String: String])), cutAfter: step) == .cutOff)
            if isMainsCut {
                for gear in bus.gear {
                    gear.setMains(false, at: first.now)
                    gear.setMains(true, at: first.now.advanced(by: .seconds(5)))
                }
            }
            let second = TaskBench(
                bus: bus, lamps: names, stored: first.stored, at: first.now.advanced(by: .seconds(20)))
            let result = try result(commission(second))
            #expect(
                bus.gear.map(\.shortAddress) == (0..<64).map { UInt8($0) },
                "cut at \(step): \(result["problems"] ?? .null)")
            #expect(list(result["problems"]).isEmpty, "cut at \(step)")
        }
    }
}

/// A small generator with a seed (SplitMix64), so that a failing cut can be repeated.
struct StepChooser {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension ControlGear {
    /// SET SHORT ADDRESS by somebody else's tool.
    func setForTest(shortAddress: UInt8) { self.shortAddress = shortAddress }
}
