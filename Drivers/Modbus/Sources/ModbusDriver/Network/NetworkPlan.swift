internal import CLinux
internal import DriverKit
internal import Glibc

/// Which connections a bus of hosts has, and which device uses which.
struct NetworkPlan {
    struct Lane {
        let host: HostAddress
        let framing: NetworkFraming
    }

    private(set) var lanes: [Lane] = []
    private(set) var devices: [ModbusDevice]

    /// - Parameters:
    ///   - hosts: in the order in which devices name their link.
    init(hosts: [PortAddress], devices: [ModbusDevice], options: BusOptions) {
        self.devices = devices
        for (link, address) in hosts.enumerated() {
            let lane: Lane
            switch address {
            case .tcp(let host): lane = Lane(host: host, framing: .tcp)
            case .rtuOverTCP(let host): lane = Lane(host: host, framing: .rtu)
            case .serial, .hosts: continue
            }
            let behind = devices.indices.filter { devices[$0].link == link }
            // More connections than devices help nobody.
            let count = max(1, min(options.connections, behind.count))
            for (position, device) in behind.enumerated() {
                self.devices[device].lane = lanes.count + position % count
            }
            lanes += [Lane](repeating: lane, count: count)
        }
    }

    /// Besides connections: the protocol's pipes, the poller, a name server, files.
    static let spareDescriptors = 64

    /// Asks the system for as many descriptors as there are connections; what it grants is what there is.
    static func allowDescriptors(_ connections: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let wanted = rlim_t(connections + spareDescriptors)
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
