internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads everything of a profile once from a device, and shows it beside what is usual.
///
/// Arguments: `profile`, `content`, `unit`, and `host` on a bus of hosts; `device` may hold keys of the site's file.
final class ProfileTryTask: BusTask {
    /// As long as the slowest vendor text says, where the profile says nothing.
    private static let standardTimeout: Duration = .milliseconds(500)
    /// Tries of one request: a single broken frame must not become a "no".
    private static let tries = 2

    private enum Stage {
        case beginning
        case identifying(Int)
        case walking(SunSpecDiscovery)
        case reading
    }

    private struct Row {
        var decoded: RegisterCodec.Decoded?
        var problem: String?
    }

    private let arguments: DriverNode
    private var stage = Stage.beginning
    private var unit: UInt8 = 1
    private var host: HostAddress?
    private var profile = ModbusProfile(name: "")
    private var points: [DevicePoint] = []
    private var names: [String] = []
    private var decoder = DeviceDecoder(points: [])
    private var plan = RequestPlan(limits: ModbusProfile.Limits(), neverRead: [])
    private var blocks: [RegisterBlock] = []
    private var rows: [Int: Row] = [:]
    private var answers: [ModbusAnswer] = []
    private var identified = "the profile does not say how to tell"
    private var failures = 0

    init(_ arguments: DriverNode) { self.arguments = arguments }

    func cancel(_ bench: any TaskBench) {}

    func step(_ bench: any TaskBench) -> TaskProgress {
        switch stage {
        case .beginning:
            if let problem = prepare() { return .failed(problem) }
            return .again
        case .identifying(let index): return identify(index, bench)
        case .walking(let discovery): return walk(discovery, bench)
        case .reading:
            guard !blocks.isEmpty else { return .done(result()) }
            return read(blocks.removeFirst(), bench)
        }
    }

    private func prepare() -> String? {
        do throws(ProfileTaskArguments.Problem) {
            let given = try ProfileTaskArguments(arguments)
            profile = try given.usable()
            guard let number = given.keys.integer("unit", in: 0...255) else {
                throw ProfileTaskArguments.Problem(reason: "the task needs the unit address")
            }
            unit = UInt8(number)
            if let text = given.keys.text("host") {
                host = HostAddress(text)
                if host == nil { throw ProfileTaskArguments.Problem(reason: "\(text) is no host") }
            }
            let site = given.keys.value("device")?.node
            let bench: ProfileBench
            do throws(ProfileBench.Problem) {
                bench = try ProfileBench(profile, site: site)
            } catch {
                throw ProfileTaskArguments.Problem(reason: error.reason)
            }
            names = bench.device.descriptors.map(\.name)
            take(bench.device.points)
            plan = bench.device.plan
            stage = profile.identification.isEmpty ? .reading : .identifying(0)
            if let discovery = bench.device.discovery { stage = .walking(discovery) }
            if case .reading = stage { begin() }
            return nil
        } catch {
            return error.reason
        }
    }

    /// One interval for all: a single round.
    private func take(_ all: [DevicePoint]) {
        points = all.map {
            DevicePoint(index: $0.index, value: $0.value, interval: .seconds(1), isHidden: $0.isHidden)
        }
        decoder = DeviceDecoder(points: points)
    }

    private func begin() {
        // Helpers first, so that a value is told with the answer it came in.
        blocks = plan.blocks(points).sorted { a, b in
            let hidden = (a.points.contains { points[$0].isHidden }, b.points.contains { points[$0].isHidden })
            return hidden.0 != hidden.1 ? hidden.0 : (a.table.rawValue, a.address) < (b.table.rawValue, b.address)
        }
        stage = .reading
    }

    private func ask(_ request: ModbusRequest, _ bench: any TaskBench) -> Exchange {
        let timeout = profile.limits.timeout ?? Self.standardTimeout
        var exchange = bench.exchange(
            request, unit: unit, host: host, timeout: timeout, pause: profile.limits.pause)
        for _ in 1..<Self.tries {
            if case .answer = exchange.outcome { break }
            exchange = bench.exchange(
                request, unit: unit, host: host, timeout: timeout, pause: profile.limits.pause)
        }
        return exchange
    }

    private func identify(_ index: Int, _ bench: any TaskBench) -> TaskProgress {
        guard index < profile.identification.count else {
            switch profile.recognises(answers) {
            case .matches(let model)?: identified = "yes" + (model.isEmpty ? "" : ", \(model)")
            case .differs(let instead)?: identified = "no: it holds \(instead)"
            case .refused?: identified = "unknown: it refuses the register"
            case nil: identified = "unknown: it does not answer for it"
            }
            begin()
            return .again
        }
        if case .answer(let answer) = ask(profile.identification[index].request, bench).outcome {
            answers.append(answer)
        }
        stage = .identifying(index + 1)
        return .again
    }

    private func walk(_ discovery: SunSpecDiscovery, _ bench: any TaskBench) -> TaskProgress {
        var discovery = discovery
        switch discovery.walk.step {
        case .read(let address, let count):
            let request = ModbusRequest.read(table: .holding, at: UInt16(clamping: address), count: count)
            switch ask(request, bench).outcome {
            case .answer(.words(let words)): discovery.walk.got(words)
            case .answer: discovery.walk.got(nil)
            default: return .failed("unit \(unit), \(request.words): no answer that can be used")
            }
            stage = .walking(discovery)
        case .found(let models):
            let (placed, missing) = discovery.placed(points, models)
            take(placed)
            for index in missing { rows[index] = Row(problem: "not among the device's models") }
            plan.refused = missing
            identified = "SunSpec models " + models.map { String($0.id) }.joined(separator: ", ")
            begin()
        case .nothing(let reason): return .failed("no SunSpec device: \(reason)")
        }
        return .again
    }

    private func read(_ block: RegisterBlock, _ bench: any TaskBench) -> TaskProgress {
        let exchange = ask(block.request, bench)
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isRefusal && block.points.count > 1:
            // Each by itself: there may be one among them that is not there.
            blocks = singles(block) + blocks
        case .answer(.exception(let exception)):
            decoder.refuse(block.points)
            for index in block.points { rows[index] = Row(problem: exception.words) }
        case .answer(let answer):
            for value in decoder.decode(answer, block) { rows[value.point] = Row(decoded: value.decoded) }
        case .gone(let reason): return .failed(reason)
        case .broken(let reason): note(block, reason)
        case .silence: note(block, "no answer")
        }
        if failures > 2 || failures > 0 && blocks.isEmpty, rows.values.allSatisfy({ $0.decoded == nil }) {
            return .failed("unit \(unit) does not answer; check address, baud rate, parity and wiring")
        }
        return .again
    }

    private func note(_ block: RegisterBlock, _ reason: String) {
        failures += 1
        for index in block.points { rows[index] = Row(problem: reason) }
    }

    private func singles(_ block: RegisterBlock) -> [RegisterBlock] {
        var seen: Set<ClosedRange<Int>> = []
        return block.points.compactMap { index in
            let range = points[index].value.addresses
            guard seen.insert(range).inserted else { return nil }
            return RegisterBlock(
                table: block.table, address: range.lowerBound, count: range.count,
                points: block.points.filter { points[$0].value.addresses == range }, interval: block.interval)
        }
    }

    // MARK: result

    private func result() -> DriverNode {
        var doubtful = 0
        let values = names.indices.map { index -> DriverNode in
            let value = points[index].value
            let range = PlausibleRange(value)
            let (text, verdict) = judged(rows[index], range)
            if verdict != "ok", verdict != "-" { doubtful += 1 }
            return TaskNode.map([
                ("point", TaskNode.text(names[index])), ("value", TaskNode.text(text)),
                ("unit", TaskNode.text(value.unit)), ("usual", TaskNode.text(range?.words ?? "")),
                ("verdict", TaskNode.text(verdict)),
                ("at", TaskNode.text("\(value.table.rawValue) \(hex(UInt16(clamping: value.ownAddress)))")),
            ])
        }
        return TaskNode.map([
            ("profile", TaskNode.text(profile.identity)), ("status", TaskNode.text(profile.status)),
            ("identified", TaskNode.text(identified)), ("doubtful", TaskNode.number(doubtful)),
            ("values", TaskNode.list(values)),
        ])
    }

    private func judged(_ row: Row?, _ range: PlausibleRange?) -> (text: String, verdict: String) {
        guard let row else { return ("", "needs a register that was not answered") }
        guard let decoded = row.decoded else { return ("", row.problem ?? "not read") }
        guard let value = decoded.value, decoded.quality.grade != .bad else {
            return ("", "bad \(decoded.quality.reason.name)")
        }
        guard let range, let number = value.number else { return ("\(value)", "-") }
        return ("\(value)", range.contains(number) ? "ok" : "implausible")
    }
}
