import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import DALIDriver

/// The engine on a scripted interface in virtual time.
final class Bench: EngineField {
    let clock = VirtualClock()
    let outlet = RecordingOutlet()
    let interface: ScriptedInterface
    let engine: BusEngine
    var openings = 0
    var openFailure: SerialPortError?

    /// - Parameter gear: by short address; their device names are `lamp-<address>`, their indices count from 0 by address.
    init(
        _ gear: [UInt8: ScriptedGear], interval: UInt64 = 10_000, options: [String: String] = [:],
        memories: [DriverMemory] = [], readOnly: Bool = false
    ) {
        interface = ScriptedInterface(clock: clock)
        interface.gear = gear
        let interface = interface
        let clock = clock
        var opened: () throws(SerialPortError) -> Void = {}
        engine = BusEngine(
            world: DALIWorld(
                now: { clock.now },
                open: { (_, _) throws(SerialPortError) -> any DALIChannel in
                    try opened()
                    return interface
                }), outlet: outlet)
        opened = { [unowned self] () throws(SerialPortError) in
            openings += 1
            if let openFailure { throw openFailure }
        }
        let devices = gear.keys.sorted().enumerated().map { index, address in
            Configuration.device(UInt32(index), address: Int(address), options: options, interval: interval)
        }
        var message = Configuration.message(devices, readOnly: readOnly)
        message.memories = memories
        let answer = engine.configure(message)
        #expect(answer.diagnostics.isEmpty)
    }

    @discardableResult
    func start() throws -> String { try engine.start() }

    /// Turns as the kit would make them, for this long.
    func run(for duration: Duration) {
        let end = clock.now.advanced(by: duration)
        while clock.now < end {
            let next = engine.turn()
            if next > clock.now { clock.advance(to: min(next, end)) }
        }
    }

    /// Turns until `isDone` or for at most `limit`.
    func run(atMost limit: Duration, until isDone: () -> Bool) -> Bool {
        let end = clock.now.advanced(by: limit)
        while !isDone() {
            guard clock.now < end else { return false }
            let next = engine.turn()
            if next > clock.now { clock.advance(to: min(next, end)) }
        }
        return true
    }
}

/// Pieces of a Configure.
enum Configuration {
    static let points: [LampPoint] = [
        .level, .on, .lampFailure, .gearFailure, .powerCycled, .limitError, .fadeRunning,
    ]

    static func text(_ text: String) -> DriverNode {
        var node = DriverNode()
        if text.first?.isNumber == true, text.allSatisfy(\.isNumber) { node.number = text } else { node.text = text }
        return node
    }

    static func map(_ entries: KeyValuePairs<String, DriverNode>) -> DriverNode {
        var map = DriverNode.Map()
        map.entries = entries.map { key, value in
            var entry = DriverNode.Entry()
            entry.key = key
            entry.value = value
            return entry
        }
        var node = DriverNode()
        node.map = map
        return node
    }

    static func map(_ entries: [String: String]) -> DriverNode {
        var map = DriverNode.Map()
        map.entries = entries.sorted { $0.key < $1.key }.map { key, value in
            var entry = DriverNode.Entry()
            entry.key = key
            entry.value = text(value)
            return entry
        }
        var node = DriverNode()
        node.map = map
        return node
    }

    static func profile(_ names: [String] = points.map(\.rawValue)) -> DriverProfile {
        var map = DriverNode.Map()
        map.entries = names.map { name in
            var entry = DriverNode.Entry()
            entry.key = name
            entry.value = Self.map([:])
            return entry
        }
        var list = DriverNode()
        list.map = map
        var profile = DriverProfile()
        profile.name = "dali-luminaire"
        profile.source = "dali-luminaire.yaml"
        profile.content = Self.map([
            "driver": text("dali"), "version": text("1"), "interval": text("60s"), "points": list,
        ])
        return profile
    }

    static func device(
        _ index: UInt32, address: Int, name: String? = nil, options: [String: String] = [:], interval: UInt64 = 0
    ) -> DriverDevice {
        var device = DriverDevice()
        device.index = index
        device.name = name ?? "lamp-\(address)"
        device.profile = "dali-luminaire"
        device.options = map(options.merging(["address": String(address)]) { own, _ in own })
        device.intervalMs = interval
        return device
    }

    static func message(
        _ devices: [DriverDevice], options: [String: String] = [:], port: String = "/dev/ttyUSB0",
        profile: DriverProfile = profile(), readOnly: Bool = false
    ) -> DriverConfigure {
        var message = DriverConfigure()
        message.request = 7
        message.bus = "lamps"
        message.port = port
        message.options = map(options)
        message.devices = devices
        message.profiles = [profile]
        message.readOnly = readOnly
        return message
    }
}
