internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// A device that says itself what it has where is asked before anything else is read from it.
extension BusEngine {
    /// The next request of the walk through a device's models; nil when the walk is over and the device has a plan.
    func discoveryRequest(_ index: Int) -> ModbusRequest? {
        guard let discovery = devices[index].discovery else { return nil }
        switch discovery.walk.step {
        case .read(let address, let count):
            return .read(table: .holding, at: UInt16(clamping: address), count: count)
        case .found(let models): place(index, discovery, models)
        case .nothing(let reason):
            outlet.log("\(devices[index].name) is no SunSpec device: \(reason)")
            place(index, discovery, [])
        }
        return nil
    }

    /// What one request of the walk came to.
    func discovered(_ slot: Slot, _ exchange: Exchange, _ work: Work) {
        let index = slot.device
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(index, exchange, work, exception.words)
            retry(slot, exchange)
        case .answer(let answer):
            if case .words(let words) = answer {
                devices[index].discovery?.walk.got(words)
            } else {
                devices[index].discovery?.walk.got(nil)
            }
            answered(index, at: exchange.ended)
            scheduler.postpone(slot, to: exchange.ended)
        case .silence, .broken:
            missed(index, exchange, work, reason(exchange, work))
            retry(slot, exchange)
        case .gone(let what):
            gone(index, exchange, work, what)
            retry(slot, exchange)
        }
    }

    private func place(_ index: Int, _ discovery: SunSpecDiscovery, _ models: [SunSpecWalk.Model]) {
        let (points, missing) = discovery.placed(devices[index].points, models)
        devices[index].discovery = nil
        devices[index].points = points
        devices[index].plan.refused = missing
        devices[index].decoder = DeviceDecoder(points: points, profile: discovery.profile.name)
        let found = models.map { "\($0.id) at \($0.start)" }.joined(separator: ", ")
        if !models.isEmpty { outlet.log("\(devices[index].name) has the SunSpec models \(found)") }
        replan(index)
        tellRefused(index)
    }
}
