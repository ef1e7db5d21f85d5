internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "plan": what the bus will have to do, from the configuration alone; needs no port.
///
/// Result as the Modbus driver's task of that name has it, for lamps: `load` and its parts in percent of bus time, `devices`, `late`, `one_dead`,
/// and `level_latency`, `all_lamps`, `headroom`, `sweeps`; times in seconds.
enum PlanTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        return ScriptedTask(needsBus: false) { .done(LampPlan($0.taskConfiguration).json) }
    }
}

/// The load of a bus of lamps by the standard's own times (IEC 62386-101, 8).
struct LampPlan {
    private let configuration: BusConfiguration

    init(_ configuration: BusConfiguration) { self.configuration = configuration }

    /// A query at polling priority and its answer.
    static let query: Duration = {
        let frame = ForwardFrame(bits: 16, data: 0)
        return AirTime.of(DALIRequest(frame, priority: .polling, expectsReply: true), answered: true)
    }()
    private static let unanswered: Duration = {
        AirTime.of(
            DALIRequest(ForwardFrame(bits: 16, data: 0), priority: .polling, expectsReply: true), answered: false)
    }()
    /// A level command of a person that waits for the longest thing that may just have begun: a unit of a bank, 100 ms.
    static let longestUnit: Duration = .milliseconds(100)
    private static let level: Duration = {
        AirTime.of(DALIRequest(ForwardFrame(bits: 16, data: 0), priority: .user), answered: false)
    }()
    /// Bytes that a sweep reads of one lamp: energy bank 202, gear and lamp diagnostics 205 and 206 (reference times of the standard's frames).
    private static let sweeps: [(name: String, bytes: Int)] = [
        ("energy (bank 202)", 16), ("diagnostics (banks 205 and 206)", 57), ("identity (bank 0)", 15),
    ]

    private func requests(_ gear: Gear) -> [(words: String, interval: Duration)] {
        var made: [(String, Duration)] = [("QUERY STATUS", gear.interval)]
        if let level = gear.points.first(where: { !$0.kind.isOfStatus }) {
            made.append(("QUERY ACTUAL LEVEL", level.interval))
        }
        return made
    }

    private func load(_ gear: Gear) -> Double {
        requests(gear).reduce(0) { $0 + Self.query.inSeconds / $1.interval.inSeconds }
    }

    /// Share of the bus that polling takes; above 1 it wants more than there is.
    var load: Double { configuration.gear.reduce(0) { $0 + load($1) } }

    var json: JSONValue {
        let gear = configuration.gear
        let total = load
        let data = (AirTime.bit * 26).inSeconds / Self.query.inSeconds
        let round = Self.query.inSeconds * Double(gear.reduce(0) { $0 + requests($1).count })
        // Beyond what the bus has, everybody gets the same share.
        let isLate = total > 1
        let rows = gear.map { one -> JSONValue in
            [
                "device": .string(one.name), "address": .string(one.address.description),
                "load": (load(one) * 100).json,
                "latency": Self.query.inSeconds.json,
                "requests": .array(
                    requests(one).map {
                        [
                            "reads": .string($0.words), "interval": $0.interval.inSeconds.json,
                            "takes": Self.query.inSeconds.json,
                        ]
                    }),
            ]
        }
        let late = gear.filter { _ in isLate }.map { one -> JSONValue in
            [
                "device": .string(one.name), "interval": one.interval.inSeconds.json,
                "achieved": (one.interval.inSeconds * total).json,
            ]
        }
        let offline = BusEngine.missRetry * (Gear.missesUntilOffline - 1)
        return [
            "serial": .string("\(configuration.kind?.vendor ?? "DALI"), \(gear.count) lamps"),
            "load": (total * 100).json,
            "data": (total * data * 100).json, "waiting": 0, "silence": (total * (1 - data) * 100).json,
            "unmerged_load": (total * 100).json, "sick_share": 0, "devices": .array(rows), "late": .array(late),
            "one_dead": [
                "until_offline": offline.inSeconds.json,
                "then": (Self.unanswered.inSeconds / BusEngine.longestProbe.inSeconds * 100).json,
                "return_within": BusEngine.longestProbe.inSeconds.json,
                "return_within_all_dead": (BusEngine.longestProbe.inSeconds + round).json,
            ],
            "bauds": .array([]), "all_lamps": round.json, "headroom": (max(0, 1 - total) * 100).json,
            "level_latency": (Self.longestUnit + Self.level).inSeconds.json,
            "sweeps": .array(Self.sweeps.map { sweep($0, share: max(0.01, 1 - total)) }),
            "note": .string(
                "commands to lamps go first; sweeps take only what polling leaves free. A gateway that fails leaves the lamps at their "
                    + "last level"),
        ]
    }

    private func sweep(_ sweep: (name: String, bytes: Int), share: Double) -> JSONValue {
        // Two bytes to a unit, whose registers are set anew after each poll in between.
        let set = AirTime.of(DALIRequest(ForwardFrame(bits: 16, data: 0), priority: .polling), answered: false)
        let lamp = Double((sweep.bytes + 1) / 2) * (set + Self.query * 2).inSeconds
        return [
            "what": .string(sweep.name), "per_lamp": lamp.json,
            "all_lamps": (lamp * Double(configuration.gear.count) / share).json,
        ]
    }
}
