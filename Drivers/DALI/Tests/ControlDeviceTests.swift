import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct ControlDeviceTests {
    static let events: [(ControlDeviceEvent, UInt32)] = [
        (ControlDeviceEvent(source: .device(ShortAddress(5)!, type: 3), information: 0x00B), 0x0A0C0B),
        (ControlDeviceEvent(source: .deviceInstance(ShortAddress(5)!, number: 2), information: 1023), 0x0A8BFF),
        (ControlDeviceEvent(source: .deviceGroup(7, type: 4), information: 512), 0x8E1200),
        (ControlDeviceEvent(source: .instance(type: 4, number: 1), information: 1), 0x888401),
        (ControlDeviceEvent(source: .instanceGroup(9, type: 3), information: 2), 0xD20C02),
    ]

    @Test(arguments: events)
    func `an event says who sends it by any of the five schemes`(_ event: ControlDeviceEvent, _ data: UInt32) {
        let frame = ForwardFrame(bits: 24, data: data)
        #expect(event.frame == frame)
        #expect(ControlDeviceEvent(frame) == event)
    }

    @Test(arguments: [0x0B_8C0B, 0xFF_FE1D, 0xC1_3005] as [UInt32])
    func `a command is no event`(_ data: UInt32) {
        #expect(ControlDeviceEvent(ForwardFrame(bits: 24, data: data)) == nil)
    }

    @Test(.enabled(if: Python.isAvailable, Python.whyNot))
    func `python-dali reads the same events`() throws {
        let script = """
            import sys
            import dali.device.light, dali.device.occupancy
            from dali.command import from_frame
            from dali.frame import ForwardFrame
            for line in sys.stdin:
                c = from_frame(ForwardFrame(24, int(line)))
                def number(x):
                    return "-" if x is None else str(getattr(x, "address", x))
                print(type(c).__name__, number(c.short_address), number(c.instance_number), number(c.device_group),
                      number(c.instance_group))
            """
        let typed = Self.events.filter { if case .deviceInstance = $0.0.source { false } else { true } }
        let lines = try Python.run(script, input: typed.map { "\($0.1)\n" }.joined())
            .split(separator: "\n").map(String.init)
        #expect(
            lines == ["OccupancyEvent 5 - - -", "LightEvent - - 7 -", "LightEvent - 1 - -", "OccupancyEvent - - - 9"])
    }

    private static func sensor(
        _ kind: SensorKind, instance: UInt8 = 0, wishes: [Sensor.Wish] = [], interval: Duration = .seconds(60)
    ) -> Sensor {
        Sensor(
            index: 9, name: "sensor", kind: kind, address: ShortAddress(5)!, instance: instance, wishes: wishes,
            points: kind.points.map { Sensor.Point(kind: $0, interval: interval) })
    }

    private static func field(_ kinds: [SensorDescription.Kind], scheme: UInt8 = 2) -> SweepField {
        SweepField(
            gear: [],
            sensors: [SensorDescription(name: "s", shortAddress: 5, instances: kinds, eventScheme: scheme)])
    }

    /// Lets time pass; what the sensors send reaches the watch as another's frames do.
    private static func run(_ watch: SensorWatch, _ field: SweepField, for duration: Duration) {
        let end = field.clock.now.advanced(by: duration)
        while field.clock.now < end {
            field.run(watch, for: .milliseconds(100))
            for (data, origin) in field.bus.dueFrames(at: field.clock.now) where origin == .device {
                guard let frame = ForwardFrame(bits: 24, bytes: data) else { continue }
                watch.heard(frame, at: field.clock.now)
            }
        }
    }

    @Test func `a light sensor's poll and events are percent of its range`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.light])
        let watch = SensorWatch([Self.sensor(.light)], outlet: outlet)
        field.bus.sensors[0].setLight(0.5, at: field.clock.now)
        Self.run(watch, field, for: .seconds(3))
        #expect(outlet.all.samples.first?.sample.value == .number(ExactDecimal("50.05")!))
        #expect(outlet.all.conditions == [.online])
        field.bus.sensors[0].setLight(0.1, at: field.clock.now)
        Self.run(watch, field, for: .seconds(40))
        #expect(outlet.all.samples.last?.sample.value == .number(ExactDecimal("9.97")!))
    }

    @Test func `movement occupies at once, and the hold timer's end makes vacant`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.light, .occupancy])
        let hold = SensorSetting.occupancy[0]
        let watch = SensorWatch(
            [Self.sensor(.occupancy, instance: 1, wishes: [Sensor.Wish(setting: hold, value: 2)])], outlet: outlet)
        Self.run(watch, field, for: .seconds(5))
        let begun = field.clock.now
        field.bus.sensors[0].setMovement(true, at: begun)
        Self.run(watch, field, for: .seconds(2))
        func occupied() -> [Bool] {
            outlet.all.samples.filter { $0.sample.point == 0 }.compactMap {
                if case .flag(let flag)? = $0.sample.value { flag } else { nil }
            }
        }
        #expect(occupied() == [false, true])
        field.bus.sensors[0].setMovement(false, at: field.clock.now)
        Self.run(watch, field, for: .seconds(25))
        #expect(occupied().last == false)
        // The hold timer was written because it differed, with its two frames, and the right scheme was left alone.
        let written = field.bus.log.map(\.data).filter { $0.count == 3 && $0[2] == 0x21 }
        #expect(written.count == 2)
        #expect(!field.bus.log.contains { $0.data.count == 3 && $0.data[2] == 0x67 })
    }

    @Test func `a sensor whose events name nobody is set to name itself, once`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.light], scheme: 0)
        let watch = SensorWatch([Self.sensor(.light)], outlet: outlet)
        Self.run(watch, field, for: .seconds(200))
        #expect(field.bus.log.filter { $0.data.count == 3 && $0.data[2] == 0x67 }.count == 2)
        #expect(outlet.all.conditions == [.online])
    }

    @Test func `a read-only gateway writes nothing and says what is not as it should be`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.light], scheme: 0)
        field.isReadOnly = true
        let watch = SensorWatch([Self.sensor(.light)], outlet: outlet)
        Self.run(watch, field, for: .seconds(5))
        #expect(!field.bus.log.contains { $0.data.count == 3 && ($0.data[2] == 0x67 || $0.data[0] == 0xC1) })
        #expect(outlet.all.states.last?.detail.contains("read-only") == true)
        #expect(outlet.all.samples.last?.sample.quality == .good)
    }

    @Test func `a silent sensor is bad once and good at its first answer`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.light])
        let watch = SensorWatch([Self.sensor(.light, interval: .seconds(10))], outlet: outlet)
        Self.run(watch, field, for: .seconds(3))
        field.bus.sensors[0].isSilent = true
        Self.run(watch, field, for: .seconds(60))
        #expect(outlet.all.samples.map(\.sample.quality).filter { $0 == .bad(.communication) }.count <= 1)
        field.bus.sensors[0].isSilent = false
        Self.run(watch, field, for: .seconds(30))
        #expect(outlet.all.samples.last?.sample.quality == .good)
    }

    @Test func `an instance of another kind is told with what to do`() {
        let outlet = RecordingOutlet()
        let field = Self.field([.occupancy])
        let watch = SensorWatch([Self.sensor(.light)], outlet: outlet)
        Self.run(watch, field, for: .seconds(3))
        #expect(
            outlet.all.states.last?.detail
                == "instance 0 of control device 5 is a occupancy sensor, not a light sensor: correct instance or profile"
        )
        #expect(outlet.all.samples.allSatisfy { $0.sample.value == nil })
    }
}
