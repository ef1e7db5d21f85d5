internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What the bus will have to do, from the configuration alone: needs no port.
final class PlanTask: BusTask {
    func step(_ bench: any TaskBench) -> TaskProgress {
        .done(DriverNode(json: PlanReport.report(bench.configuration)))
    }

    func cancel(_ bench: any TaskBench) {}
}

/// A plan as JSON: loads in percent of bus time, times in seconds.
enum PlanReport {
    static func report(_ configuration: BusConfiguration) -> JSONValue {
        let plan = BusPlan(configuration)
        guard configuration.port?.isSerial == true else { return network(plan, configuration) }
        let load = plan.load
        var members: [JSONValue.Member] = [
            .init("serial", .string(plan.serial.words)),
            .init("load", percent(load.total)), .init("data", percent(load.data)),
            .init("waiting", percent(load.waiting)), .init("silence", percent(load.silence)),
            .init("sick_share", percent(plan.sickShare)),
        ]
        members.append(.init("devices", .array(plan.devices.map { device(plan, $0) })))
        let late = PlanSimulation(plan: plan).late()
        members.append(
            .init(
                "late",
                .array(
                    late.map {
                        .object([
                            .init("device", .string($0.device)), .init("interval", seconds($0.interval)),
                            .init("achieved", seconds($0.achieved)),
                        ])
                    })))
        if let longest = plan.devices.map({ plan.costUntilOffline($0) }).max() {
            members.append(
                .init(
                    "one_dead",
                    .object([
                        .init("until_offline", seconds(longest)), .init("then", percent(plan.lostToDeadDevices)),
                        .init(
                            "return_within",
                            seconds(plan.devices.map { plan.returnTime(dead: [$0]) }.max() ?? .zero)),
                        .init("return_within_all_dead", seconds(plan.returnTime(dead: plan.devices))),
                    ])))
        }
        members.append(
            .init(
                "bauds",
                .array(
                    plan.alternatives.map {
                        .object([
                            .init("baud", .number(ExactDecimal(Int64($0.baud)))), .init("load", percent($0.load)),
                        ])
                    })))
        if let baud = plan.recommendedBaud {
            members.append(.init("best_baud", .number(ExactDecimal(Int64(baud)))))
        }
        members.append(.init("unmerged_load", percent(BusPlan(configuration, isMerging: false).load.total)))
        if plan.boundarySpread > .zero { members.append(.init("boundary_spread", seconds(plan.boundarySpread))) }
        return .object(members)
    }

    /// Hosts do not share a wire: what counts is how often each is asked.
    private static func network(_ plan: BusPlan, _ configuration: BusConfiguration) -> JSONValue {
        let rates = plan.devices.map { device in
            device.requests.reduce(0.0) { $0 + 1 / $1.interval.inSeconds }
        }
        return .object([
            .init("hosts", .number(ExactDecimal(Int64(configuration.links.count)))),
            .init("requests_per_s", number(rates.reduce(0, +))),
            .init(
                "devices",
                .array(
                    zip(plan.devices, rates).map { device, rate in
                        .object([
                            .init("device", .string(device.name)), .init("address", .string(device.address)),
                            .init("requests", .array(device.requests.map { request($0) })),
                            .init("requests_per_s", number(rate)),
                        ])
                    })),
        ])
    }

    private static func device(_ plan: BusPlan, _ device: BusPlan.Device) -> JSONValue {
        let load = plan.load(device)
        return .object([
            .init("device", .string(device.name)), .init("address", .string(device.address)),
            .init("load", percent(load.total)), .init("latency", seconds(device.latency)),
            .init("latency_assumed", .bool(device.isLatencyAssumed)),
            .init("until_offline", seconds(plan.costUntilOffline(device))),
            .init("requests", .array(device.requests.map { request($0, takes: plan.duration($0, of: device)) })),
        ])
    }

    private static func request(_ request: BusPlan.Request, takes: Duration? = nil) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("reads", .string(request.words)), .init("interval", seconds(request.interval)),
        ]
        if let takes { members.append(.init("takes", seconds(takes))) }
        if let boundary = request.boundary { members.append(.init("boundary", seconds(boundary))) }
        return .object(members)
    }

    private static func percent(_ share: Double) -> JSONValue { number(share * 100) }
    private static func seconds(_ duration: Duration) -> JSONValue { number(duration.inSeconds) }

    /// Three decimals: what a plan knows.
    private static func number(_ value: Double) -> JSONValue {
        let scaled = (value * 1_000).rounded()
        guard scaled.magnitude < 1e15 else { return .null }
        return .number(ExactDecimal(mantissa: Int64(scaled), exponent: -3).normalized)
    }
}

extension BusPlan {
    /// - Parameter isMerging: false asks for each value by itself, to show what merging is worth.
    init(_ configuration: BusConfiguration, isMerging: Bool = true) {
        let isSerial = configuration.port?.isSerial == true
        let options = configuration.options
        devices = configuration.devices.map { device in
            let blocks = isMerging ? device.blocks : device.unmergedBlocks
            return Device(
                name: device.name, address: "address \(device.unit)",
                latency: device.latency ?? Self.assumedLatency, isLatencyAssumed: device.latency == nil,
                pause: device.pause, timeout: device.timeout,
                requests: blocks.map { block in
                    Request(
                        words: "\(block.count) \(block.table.words(count: block.count)) at \(hex(UInt16(clamping: block.address)))",
                        // Address, data unit and checksum of both frames.
                        sent: isSerial ? 1 + block.request.bytes.count + 2 : 0,
                        answered: isSerial ? 1 + block.request.answerLength + 2 : 0,
                        interval: block.interval,
                        boundary: block.points.lazy.compactMap { device.points[$0].boundary }.min())
                })
        }
        serial = options.serial
        turnaround = options.turnaround
        sickShare = options.sickShare
    }
}
