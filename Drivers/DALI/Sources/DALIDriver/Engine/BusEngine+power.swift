internal import DriverProtocol

extension BusEngine {
    /// The runtime says which gear has mains.
    func setPowered(_ message: DriverSetPowered) {
        for index in message.devices {
            if message.powered { unpowered.remove(index) } else { unpowered.insert(index) }
        }
    }
}
