internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// A device that says itself what it has where is asked before anything else is read from it.
extension BusEngine {
    /// One exchange of the walk through a device's models, or their taking over.
    ///
    /// - Returns: the request and what came of it; nil when the walk is over and the device has a plan.
    func discover(_ index: Int) -> (ModbusRequest, Exchange)? {
        guard var discovery = devices[index].discovery else { return nil }
        switch discovery.walk.step {
        case .read(let address, let count):
            let request = ModbusRequest.read(table: .holding, at: UInt16(clamping: address), count: count)
            let exchange = exchange(request, device: index)
            switch exchange.outcome {
            case .answer(.words(let words)): discovery.walk.got(words)
            case .answer(.exception(let exception)) where !exception.isGatewayTimeout: discovery.walk.got(nil)
            default: return (request, exchange)
            }
            devices[index].discovery = discovery
            return (request, exchange)
        case .found(let models):
            place(index, discovery, models)
            return nil
        case .nothing(let reason):
            outlet.log("\(devices[index].name) is no SunSpec device: \(reason)")
            place(index, discovery, [])
            return nil
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
