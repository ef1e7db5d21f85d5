import Lighting
import Telemetry

/// What buses, sensors and lamps tell.
extension LightingService {
    /// The lamps of a bus cannot be reached: nothing is ordered until it is back.
    func lost(lamps: [String]) {
        for lamp in lamps { engine?.lampLost(lamp) }
    }

    /// The lamps may stand at any level: the right one is sent.
    func back(lamps: [String]) {
        // Which of them have no mains is told anew.
        dark.subtract(lamps)
        for lamp in lamps where mayCommand(lamp) { engine?.lampBack(lamp) }
        wake?.yield()
    }

    func hear(_ news: FieldNews) {
        guard let engine else { return }
        var isHeard = noteMains(news)
        for value in news.values {
            guard let read = value.sample.value else { continue }
            if value.point == "operating_hours", let hours = read.number, engine.plan.isRuled(news.device) {
                inputs.note(operatingHours: hours, of: news.device)
            }
            let name = "\(news.device).\(value.point)"
            guard engine.plan.inputs.contains(name) else { continue }
            inputs.note(name, read, isGood: value.sample.quality.grade != .bad, at: value.sample.acquired)
            isHeard = true
        }
        if isHeard { wake?.yield() }
    }

    /// A lamp without mains is sent nothing; one whose mains came back stands at its power-on level and is sent the right one.
    ///
    /// - Returns: whether something is to be sent.
    private func noteMains(_ news: FieldNews) -> Bool {
        let lamp = news.device
        guard rules(lamp), mayCommand(lamp) else { return false }
        if news.values.contains(where: { $0.sample.quality.reason == .notPowered }) {
            if dark.insert(lamp).inserted { engine?.lampLost(lamp) }
            return false
        }
        guard let answer = news.values.first(where: { $0.sample.quality.grade != .bad }) else { return false }
        // The gear says so until it is sent a level: the first time counts, and the first after each level that it took.
        let cycled = news.values.contains { $0.point == "power_cycled" && $0.sample.value == .flag(true) }
        let isNews = cycled ? mainsSeen.insert(lamp).inserted : false
        if !cycled, news.values.contains(where: { $0.point == "power_cycled" }) { mainsSeen.remove(lamp) }
        // An order under way is read back, and made anew where the lamp did not take it.
        guard dark.remove(lamp) != nil || isNews && underWay[lamp] == nil, answer.sample.acquired > lastOrder(lamp)
        else { return false }
        engine?.lampBack(lamp)
        return true
    }

    private func lastOrder(_ lamp: String) -> BootInstant { ordered[lamp] ?? BootInstant(nanoseconds: 0) }
}
