import Telemetry

/// The plan of one bus, as a person reads it.
enum PlanView {
    /// Neighbours that are asked for the same, as often: a street of equal meters is one entry.
    private static func alike(_ devices: [JSONValue]) -> [[JSONValue]] {
        func key(_ device: JSONValue) -> [JSONValue?] { ["requests", "load", "latency"].map { device[$0] } }
        return devices.reduce(into: []) { groups, device in
            if let last = groups.last?.last, key(last) == key(device) {
                groups[groups.count - 1].append(device)
            } else {
                groups.append([device])
            }
        }
    }

    static func lines(_ plan: JSONValue) -> [String] {
        guard case .array(let devices)? = plan["devices"] else { return FindingView.lines(plan) }
        guard plan["load"] != nil else { return network(plan, devices) }
        var lines = [
            "  \(text(plan, "serial") ?? ""): load \(percent(plan, "load")) (data \(percent(plan, "data")), waiting "
                + "\(percent(plan, "waiting")), silence \(percent(plan, "silence")))"
                + (plan["all_lamps"] == nil ? "; without merging \(percent(plan, "unmerged_load"))" : ""),
            "",
        ]
        var table = Table([
            ("DEVICE", .left), ("ADDRESS", .left), ("LOAD", .right), ("LATENCY", .right), ("REQUESTS", .left),
        ])
        for alike in alike(devices) {
            guard let device = alike.first, case .array(let requests)? = device["requests"] else { continue }
            let isOne = alike.count == 1
            let name = text(device, "device") ?? ""
            let last = alike.last.flatMap { text($0, "device") } ?? ""
            let latency = seconds(device, "latency") + (device["latency_assumed"] == .bool(true) ? " assumed" : "")
            for (index, request) in requests.enumerated() {
                let reads =
                    "\(text(request, "reads") ?? "") every \(seconds(request, "interval"))"
                    + (request["boundary"] == .bool(true) ? ", at its multiples in UTC" : "")
                if index == 0 {
                    table.add(
                        isOne ? name : "\(name) to \(last)",
                        isOne ? text(device, "address") ?? "" : "\(alike.count) alike, each",
                        percent(device, "load"), latency, reads)
                } else {
                    table.add("", "", "", "", reads)
                }
            }
        }
        lines += table.lines.map { "  " + $0 }
        lines.append("")
        if case .array(let late)? = plan["late"], !late.isEmpty {
            lines.append("  CANNOT BE MET:")
            for one in late {
                lines.append(
                    "    \(text(one, "device") ?? ""): every \(seconds(one, "interval")) is wanted, \(seconds(one, "achieved")) is what it gets"
                )
            }
        } else {
            lines.append("  every interval can be met")
        }
        if let dead = plan["one_dead"] {
            lines.append(
                "  a dead device costs \(seconds(dead, "until_offline")) until it is taken for dead, then at most \(percent(dead, "then"))"
            )
            lines.append(
                "  one that comes back is read again within \(seconds(dead, "return_within")), with all others dead within \(seconds(dead, "return_within_all_dead"))"
            )
        }
        if plan["boundary_spread"] != nil {
            lines.append(
                "  what is due at one moment (quarter hours) is read within \(seconds(plan, "boundary_spread"))")
        }
        lines += lamps(plan)
        if case .array(let bauds)? = plan["bauds"], !bauds.isEmpty {
            let shown = bauds.map { "\(text($0, "baud") ?? "?"): \(percent($0, "load"))" }
            lines.append("  load by baud rate: " + shown.joined(separator: ", "))
        }
        if let best = text(plan, "best_baud") { lines.append("  slowest rate with room to spare: \(best)") }
        return lines
    }

    /// What a bus of lamps has beyond other buses.
    private static func lamps(_ plan: JSONValue) -> [String] {
        guard plan["all_lamps"] != nil else { return [] }
        var lines = [
            "  all lamps once: \(seconds(plan, "all_lamps")); a level reaches its lamp within \(seconds(plan, "level_latency")); "
                + "\(percent(plan, "headroom")) of the bus is free"
        ]
        if case .array(let sweeps)? = plan["sweeps"] {
            for sweep in sweeps {
                lines.append(
                    "  \(text(sweep, "what") ?? ""): \(seconds(sweep, "per_lamp")) a lamp, \(seconds(sweep, "all_lamps")) for all in what is free"
                )
            }
        }
        return lines + (text(plan, "note").map { ["  \($0)"] } ?? [])
    }

    private static func network(_ plan: JSONValue, _ devices: [JSONValue]) -> [String] {
        var table = Table([("DEVICE", .left), ("ADDRESS", .left), ("REQUESTS/S", .right), ("REQUESTS", .left)])
        for device in devices {
            guard case .array(let requests)? = device["requests"] else { continue }
            for (index, request) in requests.enumerated() {
                let reads = "\(text(request, "reads") ?? "") every \(seconds(request, "interval"))"
                table.add(
                    index == 0 ? text(device, "device") ?? "" : "", index == 0 ? text(device, "address") ?? "" : "",
                    index == 0 ? text(device, "requests_per_s") ?? "" : "", reads)
            }
        }
        let head =
            "  \(text(plan, "hosts") ?? "?") hosts, \(text(plan, "requests_per_s") ?? "?") requests per second; hosts do not share a wire"
        return [head, ""] + table.lines.map { "  " + $0 }
    }

    private static func text(_ value: JSONValue, _ key: String) -> String? { value[key].map(FindingView.plain) }

    private static func percent(_ value: JSONValue, _ key: String) -> String {
        guard let number = value[key]?.number?.approximation else { return "-" }
        return "\(Formats.oneDecimal(number)) %"
    }

    /// `12 ms`, `0.8 s`, `15 min`.
    private static func seconds(_ value: JSONValue, _ key: String) -> String {
        guard let number = value[key]?.number?.approximation else { return "-" }
        if number < 0.1 { return "\(Formats.oneDecimal(number * 1000)) ms" }
        if number >= 120, (number / 60).rounded() * 60 == number { return "\(Int(number / 60)) min" }
        if number.rounded() == number { return "\(Int(number)) s" }
        return "\(Formats.oneDecimal(number)) s"
    }
}
