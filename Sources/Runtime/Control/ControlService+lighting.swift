import Configuration
import ControlProtocol
import Lighting
import Telemetry

/// `candela lighting` and `candela lamp faults`.
extension ControlService {
    func lighting(_ wanted: ControlLightingRequest, into reply: inout ControlReply) async {
        guard let plan = await night.lighting.plan else {
            reply.failure = Self.failure(
                1, "no lamp of this gateway is under a calendar", "give a group under `lighting.groups` a `calendar`")
            return
        }
        do throws(LightingReport.Refusal) {
            reply.lighting = try LightingReport.night(
                of: plan, date: wanted.date, group: wanted.group, clock: clock.forLighting())
        } catch {
            reply.failure = Self.failure(2, error.message, error.hint)
        }
    }

    func explain(_ wanted: ControlExplainRequest, into reply: inout ControlReply) async {
        guard configuration.device(wanted.lamp) != nil else {
            let nearest = NearestName.of(wanted.lamp, among: configuration.devices.map(\.name))
            reply.failure = Self.failure(
                2, "there is no lamp \(wanted.lamp)", nearest.map { "did you mean \($0)?" } ?? "")
            return
        }
        guard let told = await night.lighting.explain(wanted.lamp) else {
            reply.failure = Self.failure(
                1, "no calendar rules \(wanted.lamp): it stands at what it was last sent",
                "candela events --device \(wanted.lamp) shows who commanded it")
            return
        }
        var explanation = LightingReport.explanation(told)
        if let lock = night.locks.view.lock(on: wanted.lamp) {
            explanation.notes.append(CommandCheck.locked(lock).explanation + "; \(Lock.warning)")
        }
        let bus = configuration.device(wanted.lamp)?.bus ?? ""
        if configuration.isReadOnly || configuration.bus(bus)?.isReadOnly == true {
            explanation.notes.append(
                "NOT CONTROLLED: \(configuration.isReadOnly ? "the gateway" : "bus \(bus)") is read_only")
        }
        reply.explanation = explanation
    }

    func faults(_ wanted: ControlFaultsRequest, into reply: inout ControlReply) async {
        var list = ControlFaults()
        let known = await devices.all
        let lamps = known.filter { night.watches($0.name) }
        let unwatched = known.filter { $0.isLamp && !night.watches($0.name) }
        list.lamps = UInt64(lamps.count)
        list.unwatched = unwatched.map(\.name).filter { wanted.target.isEmpty || wanted.target == $0 }
        let active = await night.faults?.active ?? []
        let feeders = Set(active.map(\.subject.name)).union(configuration.lighting?.feeders.map(\.name) ?? [])
        if !wanted.target.isEmpty {
            let groups = configuration.lighting?.groups.map(\.name) ?? []
            let names = (lamps + unwatched).map(\.name) + groups + feeders.sorted()
            guard names.contains(wanted.target) else {
                let nearest = NearestName.of(wanted.target, among: names)
                reply.failure = Self.failure(
                    2, "there is no lamp, group or feeder \(wanted.target)",
                    nearest.map { "did you mean \($0)?" } ?? "")
                return
            }
        }
        let members = Set([wanted.target] + configuration.devices(inGroup: wanted.target).map(\.name))
        list.unpowered =
            await night.faults?.unpowered.joined().filter {
                wanted.target.isEmpty || members.contains($0)
            }.sorted() ?? []
        for fault in active
        where wanted.target.isEmpty || members.contains(fault.subject.name)
            || !members.isDisjoint(with: fault.affected)
        {
            var made = ControlFault()
            made.id = fault.id
            made.kind = fault.kind.rawValue
            made.device = fault.subject.name
            made.severity = fault.kind.severity.name
            made.since = clock.wall(fault.since).description
            made.detail = fault.change.detail.description
            made.affected = fault.affected
            if case .lamp(let lamp) = fault.subject { made.maintenance = night.locks.view.lock(on: lamp) != nil }
            list.faults.append(made)
        }
        reply.faults = list
    }
}
