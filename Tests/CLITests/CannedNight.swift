import ControlProtocol

/// What the fake daemon says of the night.
extension Canned {
    static let lock: ControlLock = {
        var lock = ControlLock()
        lock.target = "north-side"
        lock.scope = "group"
        lock.until = "2026-11-21T20:00:00.000Z"
        lock.remainingS = 5_400
        lock.reason = "driver change at pole 17"
        lock.by = "cli uid 1000"
        lock.devices = 24
        return lock
    }()

    static let night: ControlLighting = {
        var night = ControlLighting()
        night.date = "2026-11-21"
        night.timeZone = "Europe/Berlin"
        night.sunset = "16:33:12"
        night.sunrise = "08:04:31"
        night.minutes = 1440
        night.nowMinute = 780
        night.start = "12:00"
        var group = ControlLightingGroup()
        group.name = "north-side"
        group.calendar = "standard"
        group.program = "night"
        group.lamps = 24
        group.fallback = "60"
        group.segments = [
            segment(0, "12:00", "0", "outside the active periods of program night"),
            segment(283, "16:43:12", "100", "program night"),
            segment(660, "23:00", "50", "program night, step at 23:00", fade: 11_300),
            segment(1_020, "05:00", "10", "program night, step at 05:00", sensors: ["to 100 % while motion.occupied"]),
            segment(1_194, "07:54:31", "0", "outside the active periods of program night"),
        ]
        night.groups = [group]
        return night
    }()

    private static func segment(
        _ minute: Int64, _ start: String, _ level: String, _ reason: String, fade: UInt64 = 0, sensors: [String] = []
    ) -> ControlLightingSegment {
        var segment = ControlLightingSegment()
        segment.minute = minute
        segment.start = start
        segment.level = level
        segment.reason = reason
        segment.fadeMs = fade
        segment.sensors = sensors
        return segment
    }

    static func explanation(_ lamp: String) -> ControlExplanation {
        func line(_ rule: String, _ what: String, _ level: String, rules: Bool = false) -> ControlExplanationLine {
            var line = ControlExplanationLine()
            line.rule = rule
            line.what = what
            line.level = level
            line.rules = rules
            return line
        }
        var told = ControlExplanation()
        told.lamp = lamp
        told.group = "north-side"
        told.level = "70"
        told.reason = "override by cli uid 1000"
        told.confirmed = "50"
        told.ordered = "70"
        told.failures = 2
        told.lines = [
            line("override", "by cli uid 1000 until 12:00", "70", rules: true),
            line(
                "sensor", "motion.occupied: occupied, held until 23:14:07 (control 1 of program night, to 100 %)", "100"
            ),
            line("program", "night, step at 23:00", "50"), line("default", "fallback of north-side", "60"),
        ]
        told.notes = ["NOT CONTROLLED: bus lamps is read_only"]
        told.nextChange = "2026-11-22T04:00:00.000Z"
        return told
    }

    static let faults: ControlFaults = {
        var faults = ControlFaults()
        faults.lamps = 24
        var burner = ControlFault()
        burner.id = "day_burner:lamp-003"
        burner.kind = "day_burner"
        burner.device = "lamp-003"
        burner.severity = "warning"
        burner.since = "2026-11-21T11:05:00.000Z"
        burner.detail = #"{"commanded_percent":0,"on":true,"level_percent":100}"#
        var feeder = ControlFault()
        feeder.id = "feeder_dead:f1"
        feeder.kind = "feeder_dead"
        feeder.device = "f1"
        feeder.severity = "alarm"
        feeder.since = "2026-11-21T11:06:00.000Z"
        feeder.detail = #"{"because":"voltage.L1 0 V","affected":["lamp-001"]}"#
        feeder.affected = (1...12).map { "lamp-\($0)" }
        feeder.maintenance = true
        faults.faults = [burner, feeder]
        faults.unpowered = ["lamp-1", "lamp-2"]
        return faults
    }()
}
