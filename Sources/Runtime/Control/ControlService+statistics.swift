import ControlProtocol
import DriverProtocol
import Supervision

/// What a driver counted and timed.
extension ControlService {
    func statistics(_ wanted: ControlStatisticsRequest, into reply: inout ControlReply) async {
        guard let supervisor = await buses[wanted.bus] else {
            reply.failure = Self.failure(2, "there is no bus \(wanted.bus)", busHint(wanted.bus))
            return
        }
        guard let sums = await supervisor.statistics() else {
            reply.failure = Self.failure(
                1, "the driver of bus \(wanted.bus) gives no statistics: \(await supervisor.state.detail)",
                "candela status shows the bus")
            return
        }
        var made = ControlStatistics()
        made.bus = wanted.bus
        made.windowUs = sums.windowUs
        made.dataUs = sums.dataUs
        made.silenceUs = sums.silenceUs
        made.waitingUs = sums.waitingUs
        made.sickUs = sums.sickUs
        made.requests = sums.requests
        made.answers = sums.answers
        made.timeouts = sums.timeouts
        made.brokenFrames = sums.brokenFrames
        made.exceptions = sums.exceptions
        made.lateAnswers = sums.lateAnswers
        made.foreignAnswers = sums.foreignAnswers
        made.echoes = sums.echoes
        for device in sums.devices {
            var one = ControlDeviceStatistics()
            one.device = await devices.name(bus: wanted.bus, index: device.device) ?? "\(device.device)"
            one.requests = device.requests
            one.answers = device.answers
            one.timeouts = device.timeouts
            one.brokenFrames = device.brokenFrames
            one.exceptions = device.exceptions
            one.latencyP50Us = device.latencyP50Us
            one.latencyP95Us = device.latencyP95Us
            one.latencyP99Us = device.latencyP99Us
            one.latencyMaxUs = device.latencyMaxUs
            one.timeoutUs = device.timeoutUs
            one.missedIntervals = device.missedIntervals
            one.busUs = device.busUs
            made.devices.append(one)
        }
        reply.statistics = made
    }
}
