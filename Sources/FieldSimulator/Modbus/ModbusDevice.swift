public import Telemetry

/// What a person can make a device do wrong.
public struct DeviceFaults: Sendable {
    /// Answers nothing, as a meter without supply.
    public var silent = false
    /// So many answers leave with a broken check sum.
    public var brokenChecks = 0
    /// Added to the latency of every answer, nanoseconds.
    public var late: Int64 = 0
    /// Every request is answered with this exception code.
    public var exception: UInt8?
    /// So many requests to it are answered by another unit first: one with its address + 1, as a slave that is set wrong.
    public var foreign = 0
    /// It refuses more registers at once, whatever its product takes (exception 3).
    public var limit: Int?
    /// It answers nothing to requests for more registers than this.
    public var muteAbove: Int?
    public init() {}
}

/// How often something happened at a device, for tests and for a person who watches.
public struct DeviceCounts: Sendable {
    public var requests = 0
    public var answers = 0
    public var exceptions = 0
    public var writes = 0
}

/// One Modbus slave: a product with its physics, its setup registers and its faults.
///
/// It knows protocol data units, no framing: ``RTULine`` and ``ModbusTCPSession`` put it on a wire. Not thread-safe.
public final class ModbusDevice {
    public let name: String
    public let unit: UInt8
    public let product: MeterProduct
    public var faults = DeviceFaults()
    public internal(set) var counts = DeviceCounts()
    public var latency: Int64
    /// Values that a person froze, by point, in the model's unit (W, W.h, V, ...).
    public private(set) var frozen: [String: Double] = [:]
    /// The lamp bus whose power this meter's feeder carries.
    public var follows: LampBus? {
        didSet { lamps = { [follows] in follows?.gear ?? [] } }
    }
    /// The luminaires that hang on this meter's feeder.
    public var lamps: () -> [ControlGear] = { [] }

    var model: any MeterModel
    /// What clients wrote, by table and address; it wins over the model.
    var written: [RegisterTable: [UInt16: UInt16]] = [:]
    private var image: [RegisterTable: [UInt16: UInt16]] = [:]
    private var quantities: [String: Double] = [:]
    private var imageIsOld = true
    private let serialNumber: Double

    /// - Parameters:
    ///   - unit: the slave address, 1 to 247.
    ///   - size: of the load behind it: W of a feeder, m3/h of a heat or water meter; nil takes a usual one.
    public init(name: String, unit: UInt8, product: MeterProduct, size: Double? = nil, seed: UInt64) {
        self.name = name
        self.unit = unit
        self.product = product
        latency = product.latency
        let own = SeededGenerator.seed(seed, name)
        serialNumber = Double(10_000_000 + own % 80_000_000)
        switch product.model {
        case .feeder(let phases):
            model = ElectricalFeeder(phases: phases, ratedPower: size ?? (phases == 1 ? 1800 : 9000), seed: own)
        case .heat: model = HeatCircuit(ratedFlow: size ?? 1.6, seed: own)
        case .water: model = WaterSupply(ratedFlow: size ?? 1.2, seed: own)
        case .none: model = NoModel()
        }
    }

    // MARK: Values

    /// Moves the physics on and renews the registers when a value changed.
    public func advance(to now: BootInstant) {
        let carried = lamps()
        if !carried.isEmpty, var feeder = model as? ElectricalFeeder {
            feeder.lampPower = LampBus.power(of: carried, at: now)
            model = feeder
        }
        if model.advance(to: now) { imageIsOld = true }
        guard imageIsOld else { return }
        quantities = model.quantities()
        quantities["serial_number"] = serialNumber
        for point in product.points { write(point, words(of: point)) }
        imageIsOld = false
    }

    /// Holds a point at a value until `release`; false when the product has no such point.
    public func freeze(_ point: String, at value: Double) -> Bool {
        guard product.points.contains(where: { $0.name == point }) else { return false }
        frozen[point] = value
        imageIsOld = true
        return true
    }

    public func release(_ point: String) -> Bool {
        imageIsOld = true
        return frozen.removeValue(forKey: point) != nil
    }

    /// What a client reads from the point now, in the model's unit (W, W.h, V, ...); nil for an unknown or text point.
    public func value(of name: String, at now: BootInstant) -> Double? {
        advance(to: now)
        guard let point = product.points.first(where: { $0.name == name }) else { return nil }
        let words = (0..<point.encoding.width).map { word(point.table, point.address &+ UInt16($0)) ?? 0 }
        return point.number(in: words).map { $0 / point.factor }
    }

    private func words(of point: RegisterPoint) -> [UInt16] {
        if let text = point.text { return RegisterPoint.words(of: text, registers: point.encoding.width) }
        if let value = frozen[point.name] { return point.registers(for: Self.nearWhole(value * point.factor)) }
        guard let quantity = quantities[point.name] else { return point.registers(for: point.initial) }
        return point.registers(for: quantity * point.factor)
    }

    /// 0.29 × 100 is 29, although the product of the binary fractions lies a hair below.
    private static func nearWhole(_ number: Double) -> Double {
        let whole = number.rounded()
        return abs(number - whole) < 1e-6 * max(1, abs(number)) ? whole : number
    }

    private func write(_ point: RegisterPoint, _ words: [UInt16]) {
        for (offset, word) in words.enumerated() {
            image[point.table, default: [:]][point.address &+ UInt16(offset)] = word
        }
    }

    /// The register at a place of the map; nil outside it.
    func word(_ table: RegisterTable, _ address: UInt16) -> UInt16? {
        let table = product.tablesShared && table == .holding ? .input : table
        if let word = written[table]?[address] ?? image[table]?[address] { return word }
        guard product.ranges[table]?.contains(where: { $0.contains(address) }) == true else { return nil }
        switch product.gaps {
        case .zeros: return 0
        case .filled(let word): return word
        case .refused: return nil
        }
    }

    /// Whether a client may write the register.
    func isWritable(_ table: RegisterTable, _ address: UInt16) -> Bool {
        product.points.contains {
            $0.writable && $0.table == table && address >= $0.address
                && Int(address) < Int($0.address) + $0.encoding.width
        }
    }
}
