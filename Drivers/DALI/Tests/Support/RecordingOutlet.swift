import DriverKit
import DriverProtocol
import Synchronization
import Telemetry

/// Keeps what a driver says.
final class RecordingOutlet: DriverOutlet {
    struct Record: Sendable {
        var samples: [(device: UInt32, sample: Sample)] = []
        var states: [DriverDeviceState] = []
        /// Without the repetitions that only keep counters fresh.
        var conditions: [DriverDeviceState.Condition] {
            states.map(\.condition).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
        }
        var events: [DriverEvent] = []
        var trace: [DriverTraceRecord] = []
        var log: [String] = []
        var memories: [DriverMemory] = []
        var taskSteps: [DriverTaskStep] = []
        var tasksDone: [DriverTaskDone] = []
    }

    private let record = Mutex(Record())

    var all: Record { record.withLock { $0 } }

    func samples(device: UInt32, _ samples: [Sample]) {
        record.withLock { $0.samples += samples.map { (device, $0) } }
    }

    func deviceState(_ state: DriverDeviceState) { record.withLock { $0.states.append(state) } }
    func event(_ event: DriverEvent) { record.withLock { $0.events.append(event) } }
    func traceRecord(_ record: DriverTraceRecord) { self.record.withLock { $0.trace.append(record) } }
    func remember(_ memory: DriverMemory) { record.withLock { $0.memories.append(memory) } }
    func taskStep(_ step: DriverTaskStep) { record.withLock { $0.taskSteps.append(step) } }
    func taskDone(_ done: DriverTaskDone) { record.withLock { $0.tasksDone.append(done) } }
    func log(_ line: String) { record.withLock { $0.log.append(line) } }
}
