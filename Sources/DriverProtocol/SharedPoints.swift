/// Devices of one profile have the same points. Said once for each they would neither fit a message nor, a thousand devices on, the
/// memory of a small gateway.
extension DriverConfigured {
    /// For sending: a device whose points stand with an earlier one refers to that.
    public mutating func sharePoints() {
        var holders: [[DriverPointDescription]: UInt32] = [:]
        for row in devices.indices where !devices[row].points.isEmpty {
            if let holder = holders[devices[row].points] {
                devices[row].points = []
                devices[row].pointsOf = holder
            } else {
                holders[devices[row].points] = devices[row].index
            }
        }
    }

    /// After receiving: every device has its points again, and equal lists share one storage.
    ///
    /// - Returns: what is wrong with the references; nil: nothing.
    public mutating func resolveSharedPoints() -> String? {
        var lists: [UInt32: [DriverPointDescription]] = [:]
        var known: [[DriverPointDescription]: [DriverPointDescription]] = [:]
        for row in devices.indices {
            if devices[row].hasPointsOf {
                let holder = devices[row].pointsOf
                guard let list = lists[holder] else {
                    return
                        "device \(devices[row].index) has the points of device \(holder), which does not stand before it"
                }
                guard devices[row].points.isEmpty else {
                    return "device \(devices[row].index) has points and those of device \(holder) too"
                }
                devices[row].points = list
                devices[row].clearPointsOf()
            } else if let list = known[devices[row].points] {
                devices[row].points = list
            } else {
                known[devices[row].points] = devices[row].points
            }
            lists[devices[row].index] = devices[row].points
        }
        return nil
    }
}
