import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct MemoryBankReaderTests {
    private static let address = ShortAddress(3)!

    private static func field(personality: Set<GearPersonality> = [], isD4i: Bool = true) -> SweepField {
        SweepField(gear: [
            GearDescription(
                name: "lamp-01", shortAddress: 3, isD4i: isD4i, personality: personality, identification: 4711),
            GearDescription(name: "lamp-02", shortAddress: 4),
        ])
    }

    private static func values(_ result: MemoryBankReader.Result?, _ bank: MemoryBank) -> [String: String] {
        guard case .read(let image)? = result else { return [:] }
        return Dictionary(
            uniqueKeysWithValues: bank.fields.map { ($0.name, image.read($0).value?.description ?? "-") })
    }

    private static func energy(_ result: MemoryBankReader.Result?) -> Int64? {
        values(result, .activeEnergy)["active_energy"].flatMap { ExactDecimal($0)?.integer }
    }

    @Test func `a bank of energy is frozen, read and let go in units of at most 100 ms`() throws {
        let field = Self.field()
        _ = field.perform([DALIRequest(.directArcPower(Self.address, level: 254), priority: .user)])
        let before = Self.energy(field.read(MemoryBankReader(.activeEnergy, of: Self.address)))
        let (begun, sent) = (field.units.count, field.bus.log.count)
        field.clock.advance(by: .seconds(7200))
        let result = field.read(MemoryBankReader(.activeEnergy, of: Self.address))
        let values = Self.values(result, .activeEnergy)
        #expect(values["active_power"] == "42")
        // The gear was in use before; it tells whole watt-hours, and a reading takes a second.
        let drawn = try #require(Self.energy(result)) - (try #require(before))
        #expect((83...85).contains(drawn))
        let writes = field.bus.log.dropFirst(sent).map(\.data).filter { $0[0] == 0xC9 }
        #expect(writes == [[0xC9, 0xAA], [0xC9, 0xFF]])
        for unit in field.units { #expect(unit.cost <= .milliseconds(101), "\(unit.requests.map(\.frame))") }
        let whole = field.units.dropFirst(begun).reduce(Duration.zero) { $0 + $1.cost }
        #expect(whole < .milliseconds(1300))
    }

    @Test(arguments: MemoryBank.all.map(\.number))
    func `every bank of a D4i gear is read whole, with and without registers followed`(_ number: UInt8) throws {
        let bank = try #require(MemoryBank.numbered(number))
        let field = Self.field()
        let followed = Self.values(field.read(MemoryBankReader(bank, of: Self.address)), bank)
        #expect(followed.count == bank.fields.count)
        #expect(followed["bank_version"] ?? "1" == "1")
        let alone = Self.values(field.read(MemoryBankReader(bank, of: Self.address), isTracked: false), bank)
        #expect(Set(alone.keys) == Set(followed.keys))
    }

    @Test(arguments: 1...40)
    func `a frame lost on the way costs a repetition and never a wrong byte`(_ place: Int) {
        let field = Self.field()
        field.lost = [place]
        let values = Self.values(field.read(MemoryBankReader(.unit, of: Self.address)), .unit)
        #expect(values["identification_number"] == "4711")
        #expect(values["gtin"] == String(GearDescription.madeUpArticle))
    }

    @Test func `registers that somebody sets in between are set anew`() {
        let field = Self.field()
        // As the engine does: a fade time is written between two units, for another lamp.
        var reader = MemoryBankReader(.unit, of: Self.address)
        var registers = TransferRegisters()
        var units = 0
        while case .exchange(let requests) = reader.next(registers) {
            reader.received(field.perform(requests))
            for request in requests { registers.note(request.frame) }
            units += 1
            if units % 3 == 0 {
                let other = DALIRequest.special(.dataTransferRegister0, 7, priority: .user)
                _ = field.perform([other])
                registers.note(other.frame)
            }
        }
        #expect(Self.values(reader.result, .unit)["identification_number"] == "4711")
    }

    @Test func `a gear without the bank says so, and a silent one does not`() {
        let field = Self.field(isD4i: false)
        #expect(field.read(MemoryBankReader(.activeEnergy, of: Self.address)) == .absent)
        field.bus.gear(named: "lamp-01")?.set(.silent, true, at: field.clock.now)
        #expect(field.read(MemoryBankReader(.activeEnergy, of: Self.address)) == .silent)
    }

    @Test func `a gateway that writes nothing reads twice and compares`() {
        let field = Self.field()
        let result = field.read(MemoryBankReader(.gearDiagnostics, of: Self.address, mayFreeze: false))
        #expect(!field.bus.log.contains { $0.data[0] == 0xC9 || $0.data[1] == 0x81 })
        #expect(Self.values(result, .gearDiagnostics)["supply_voltage"] == "230")
        guard case .read(let image)? = result else { return }
        #expect(image.torn.isEmpty)
        let voltage = MemoryBank.gearDiagnostics.field("supply_voltage")
        #expect(voltage.map { image.read($0).quality } == .good)
    }

    @Test func `values that somebody else froze and left are uncertain`() throws {
        let field = Self.field()
        _ = field.perform([
            .special(.dataTransferRegister1, 202, priority: .user),
            .special(.dataTransferRegister0, 2, priority: .user),
            .gear(Self.address, .enableWriteMemory, priority: .user),
            .special(.writeMemoryLocationNoReply, 0xAA, priority: .user),
        ])
        let result = field.read(MemoryBankReader(.activeEnergy, of: Self.address, mayFreeze: false))
        guard case .read(let image)? = result else {
            Issue.record("not read: \(String(describing: result))")
            return
        }
        let energy = try #require(MemoryBank.activeEnergy.field("active_energy"))
        #expect(image.read(energy).quality == .uncertain(.stale))
    }

    @Test(arguments: [Set<GearPersonality>(), [.dali1]])
    func `who a gear is comes out of either layout`(_ personality: Set<GearPersonality>) {
        let field = Self.field(personality: personality)
        var reader = IdentityRead(Self.address)
        var uses: UInt64?
        while case .exchange(let requests) = reader.next(isUndisturbed: field.registerUses == uses) {
            reader.received(field.perform(requests))
            uses = field.registerUses
        }
        #expect(reader.result == .identity(GearIdentity(gtin: GearDescription.madeUpArticle, number: 4711)))
    }

    @Test(arguments: [UInt64(0), .max]) func `gear whose maker left its number blank has no identity`(_ number: UInt64) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
        #expect(GearIdentity(gtin: [0, 0, 0, 0, 0, 7], number: bytes) == nil)
    }
}
