/// The devices of a bus as they were configured. Of devices that are alike it keeps one and the others' names and places: it lives as
/// long as the bus beside the engine's own devices, and a thousand whole ones would be another megabyte.
struct DeviceRoster {
    private struct Seat {
        let index: UInt32
        let name: String
        let unit: UInt8
        let link: Int
        /// In ``moulds``.
        let mould: Int
    }

    private var moulds: [ModbusDevice] = []
    private var seats: [Seat] = []

    mutating func append(_ device: ModbusDevice) {
        var mould = moulds.firstIndex { $0.likeness == device.likeness && $0.likeness > 0 }
        if mould == nil {
            mould = moulds.count
            moulds.append(device)
        }
        seats.append(
            Seat(
                index: device.index, name: device.name, unit: device.unit, link: device.link,
                mould: mould ?? moulds.count - 1))
    }

    mutating func removeAll() {
        moulds = []
        seats = []
    }

    /// Made anew at each call.
    var devices: [ModbusDevice] {
        seats.map { seat in
            moulds[seat.mould].twin(index: seat.index, name: seat.name, unit: seat.unit, link: seat.link)
        }
    }
}
