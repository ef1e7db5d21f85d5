internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// The configured sensors of a bus: hears their events, and asks each for its value now and then, for an event can be lost.
///
/// The values that polling finds and those of events are the same points. Used from the bus thread only.
final class SensorWatch: SweepSource {
    /// A sensor that missed a poll is asked again this soon, until it counts as offline.
    static let missRetry: Duration = .seconds(2)
    /// An offline sensor is looked for at its interval, but not more rarely than this.
    static let longestProbe: Duration = .seconds(60)
    /// A sensor's state is repeated at least this often, as the driver protocol asks.
    static let stateInterval: Duration = .seconds(10)
    /// Settings are looked at anew this often: somebody may have replaced the sensor.
    static let settingsInterval: Duration = .seconds(86_400)

    private(set) var sensors: [Sensor]
    private let outlet: any DriverOutlet
    private var knowledge: [SensorCheck.Knowledge]
    private var checkedSettings: [BootInstant?]
    private var due: [BootInstant]
    private var check: (place: Int, run: SensorCheck)?
    private var told: [(state: DriverDeviceState, at: BootInstant)?]

    init(_ sensors: [Sensor], outlet: any DriverOutlet) {
        self.sensors = sensors
        self.outlet = outlet
        knowledge = Array(repeating: SensorCheck.Knowledge(), count: sensors.count)
        checkedSettings = Array(repeating: nil, count: sensors.count)
        due = Array(repeating: BootInstant(nanoseconds: .min), count: sensors.count)
        told = Array(repeating: nil, count: sensors.count)
    }

    // MARK: events

    /// A frame that another than the driver sent.
    func heard(_ frame: ForwardFrame, at now: BootInstant) {
        guard let event = ControlDeviceEvent(frame),
            let place = sensors.firstIndex(where: { $0.sends(event) })
        else { return }
        sensors[place].answered(at: now)
        tell(place, sensors[place].samples(sensors[place].values(ofEvent: event.information), at: now))
        state(place, at: now)
    }

    /// Interface or bus are away.
    func lose(_ sentence: String, at now: BootInstant) {
        check = nil
        for place in sensors.indices {
            sensors[place].lose(sentence)
            tell(place, sensors[place].samples(bad: .communication, at: now))
            due[place] = now
            state(place, at: now)
        }
    }

    func repeatStates(at now: BootInstant) {
        for place in sensors.indices {
            guard let last = told[place], now.duration(since: last.at) >= Self.stateInterval else { continue }
            state(place, at: now)
        }
    }

    // MARK: polling

    func next(_ bench: any SweepBench) -> SweepStep {
        let now = bench.now
        if check == nil {
            guard let place = sensors.indices.min(by: { due[$0] < due[$1] }) else { return .idle(until: nil) }
            guard due[place] <= now else { return .idle(until: due[place]) }
            var known = knowledge[place]
            if let last = checkedSettings[place], now.duration(since: last) >= Self.settingsInterval {
                known.areSettingsChecked = false
            }
            check = (place, SensorCheck(sensors[place], knowledge: known, mayWrite: !bench.isReadOnly))
        }
        guard var current = check else { return .idle(until: now) }
        switch current.run.next() {
        case .exchange(let requests):
            check = current
            return .exchange(requests)
        case .finished:
            check = nil
            finish(current.place, current.run, at: now)
            return .idle(until: now)
        }
    }

    func received(_ outcomes: [DALIOutcome], _ bench: any SweepBench) {
        guard var current = check else { return }
        current.run.received(outcomes)
        check = current
        guard current.run.isFinished else { return }
        check = nil
        finish(current.place, current.run, at: bench.now)
    }

    private func finish(_ place: Int, _ run: SensorCheck, at now: BootInstant) {
        knowledge[place] = run.knowledge
        if run.linkFailure != nil {
            due[place] = now.advanced(by: Self.missRetry)
            return
        }
        if let failure = run.failure {
            missed(place, failure, at: now)
            return
        }
        if !run.complaints.isEmpty || (checkedSettings[place] == nil && run.knowledge.areSettingsChecked) {
            sensors[place].complaint = run.complaints.joined(separator: "; ")
            checkedSettings[place] = now
        } else if let last = checkedSettings[place], now.duration(since: last) >= Self.settingsInterval {
            sensors[place].complaint = ""
            checkedSettings[place] = now
        }
        sensors[place].answered(at: now)
        if let value = run.value, let resolution = run.knowledge.resolution {
            tell(place, sensors[place].samples(sensors[place].values(ofInput: value, resolution: resolution), at: now))
        }
        due[place] = now.advanced(by: sensors[place].interval)
        state(place, at: now)
    }

    private func missed(_ place: Int, _ sentence: String, at now: BootInstant) {
        if sensors[place].missed(sentence) {
            // Another one may hang there when it answers again.
            knowledge[place] = SensorCheck.Knowledge()
            checkedSettings[place] = nil
            tell(place, sensors[place].samples(bad: .communication, at: now))
            due[place] = now.advanced(by: min(max(Self.missRetry, sensors[place].interval), Self.longestProbe))
        } else {
            due[place] = now.advanced(by: Self.missRetry)
        }
        state(place, at: now)
    }

    // MARK: telling

    private func tell(_ place: Int, _ samples: [Sample]) {
        if !samples.isEmpty { outlet.samples(device: sensors[place].index, samples) }
    }

    private func state(_ place: Int, at now: BootInstant) {
        let one = sensors[place]
        var state = DriverDeviceState()
        state.device = one.index
        state.condition = one.condition
        state.detail = one.detail
        if let last = told[place], last.state == state, now.duration(since: last.at) < Self.stateInterval { return }
        let key = state
        state.requests = one.requests
        state.failures = one.failures
        state.lastAnswerBootNs = UInt64(max(0, one.lastAnswer?.nanoseconds ?? 0))
        outlet.deviceState(state)
        told[place] = (key, now)
    }
}
