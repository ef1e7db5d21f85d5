/// `lamp_watchdog` of a board file.
struct LampWatchdogDecoding {
    let reader: MapReader
    /// Puts environment variables into a path.
    let resolved: (String) throws(ScalarProblem) -> String

    /// nil when it cannot be used, which has been reported: then nothing drops the supply.
    func decode() -> LampWatchdog? {
        let path = reader.scalar("path", expected: "a file such as /sys/class/gpio/gpio17/value") {
            text throws(ScalarProblem) in
            let path = try resolved(text)
            guard path.hasPrefix("/") else { throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no whole path") }
            return path
        }
        let device = reader.text("device", expected: "the name of a device")
        let point = reader.text("point", expected: "a writable point of that device")
        // Half a minute in the dark is what a street can bear; faster than once a second is work for nothing.
        let every = reader.duration("every", default: "5s", atLeast: .seconds(1), atMost: .seconds(60))
        // Edges for a retriggerable relay; a relay that counts its own time wants no clicking.
        let feed = reader.texts(
            "feed", default: path == nil ? ["1"] : ["1", "0"], expected: "what is written in turns, such as [1, 0]")
        let buses = reader.texts("buses", default: [], expected: "names of buses")
        reader.finish()
        let output: LampWatchdog.Output
        if reader.node.entry("path") != nil, path == nil { return nil }
        switch (path, device, point) {
        case (let path?, nil, nil): output = .path(path)
        case (nil, let device?, let point?): output = .point(device: device, point: point)
        default:
            reader.error(at: reader.node.position, "either `path`, or `device` and `point`, is needed")
            return nil
        }
        guard let every, let feed, !feed.isEmpty else { return nil }
        return LampWatchdog(
            output: output, every: every, feed: feed.map(\.text), buses: (buses ?? []).map(\.text),
            position: reader.node.position)
    }
}
