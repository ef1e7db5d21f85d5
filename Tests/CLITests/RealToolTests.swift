import Glibc
import Telemetry
import TestSupport
import Testing

/// The technician's tools with our daemon and driver on a simulated line.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RealToolTests {
    @Test func `one request is answered between the polls, and shown in hex, registers and pairs`() async throws {
        try await RealSite.with(RealSite(), daemon: true) { site in
            let shown = try await site.run([
                "raw", "meters", "--unit", "1", "--function", "4", "--at", "0", "--count", "2",
            ])
            #expect(shown.status == 0, "\(shown.text)")
            #expect(shown.text.contains("01 04 00 00 00 02 71 CB"), "\(shown.text)")
            #expect(shown.text.contains("01 04 04 43 "), "no voltage as a float: \(shown.text)")
            let silent = try await site.run(["raw", "meters", "--unit", "99", "--function", "4", "--at", "0"])
            #expect(silent.status == 4, "\(silent.text)")
            // The simulator may be held up in the middle of an answer on a loaded machine; then it is asked again.
            try await eventually("the meter's refusal is told as an exception", within: .seconds(60)) {
                let refused = try await site.run([
                    "raw", "meters", "--unit", "1", "--function", "4", "--at", "0", "--count", "3",
                ])
                return refused.status == 1 && refused.text.contains("exception")
            }

            let scan = try await site.run(["scan", "meters", "--addresses", "1-8"])
            #expect(scan.status == 0, "\(scan.text)")
            #expect(scan.text.contains("3 devices found"), "\(scan.text)")
            // A 630 has no register that says what it is: the scan must not claim to know it.
            for words in ["configured as feeder-a", "configured as feeder-b", "candidates  eastron-sdm54 or "] {
                #expect(scan.text.contains(words), "\(words) is not in\n\(scan.text)")
            }
            let devices = try await site.run(["devices"])
            #expect(devices.lines.count { $0.contains(" online ") } == 2, "polling suffered: \(devices.text)")

            let tried = try await site.run(["profile", "try", "eastron-sdm630", "--bus", "meters", "--address", "7"])
            #expect(tried.status == 0 && tried.text.contains("voltage.L1"), "\(tried.text)")
            let well = try await site.run(["why", "feeder-a"])
            #expect(well.status == 0, "\(well.text)")
            let status = try await site.run(["status"])
            #expect(status.text.contains("2/2"), "\(status.text)")
        }
    }

    @Test func `a meter's exchange, its event and the signed report follow from each other`() async throws {
        try await RealSite.with(RealSite(), daemon: true) { site in
            let exchanged = try await site.run([
                "device", "exchange", "feeder-a", "--final", "48151.6", "--initial", "0.3", "--serial", "20117",
                "--yes",
            ])
            #expect(exchanged.status == 0, "\(exchanged.text)")
            let events = try await site.run(["events", "--device", "feeder-a"])
            #expect(events.text.contains("48151.6") && events.text.contains("20117"), "\(events.text)")
            let value = try await site.run(["read", "feeder-b", "active_energy_import", "--json"], merged: false)
            guard case .array(let values)? = try JSONValue(parsing: value.text)["values"],
                let display = values.first?["value"]?.number
            else {
                return #expect(Bool(false), "\(value.text)")
            }
            let report = try await site.run(
                ["report", "--reading", "feeder-b/active_energy_import=\(display)", "--tolerance", "1"], merged: false)
            #expect(report.status == 0 && report.text.contains("agrees"), "\(report.text)")
            let file = site.folder.write("report", report.lines.dropLast().map { $0 + "\n" }.joined())
            let hashed = try await TestSupport.run("/usr/bin/sha256sum", [file])
            #expect(report.lines.last == "sha256 " + (hashed.lines.first?.split(separator: " ").first ?? "?"))
        }
    }

    static let tshark = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first { TestFiles.exists($0) }

    @Test(.enabled(if: tshark != nil, "no tshark: apt-get install tshark"))
    func `tshark reads from a capture the values that the gateway reads`() async throws {
        try await RealSite.with(RealSite(), daemon: true) { site in
            try await site.control("set feeder-a voltage.L1 231.5")
            let traced = try await site.run([
                "trace", "meters", "--device", "feeder-a", "--pcap", site.folder("bus.pcap"), "--seconds", "3",
            ])
            #expect(traced.status == 0, "\(traced.text)")
            let decoded = try await TestSupport.run(
                Self.tshark ?? "",
                [
                    "-r", site.folder("bus.pcap"), "-Y", "modbus.func_code == 4", "-T", "fields", "-e",
                    "modbus.func_code", "-e", "modbus.reference_num", "-e", "modbus.regval_uint16",
                ])
            #expect(decoded.status == 0, "\(decoded.lines)")
            // 231.5 V as a float in two registers: 0x4367, 0x8000.
            #expect(
                decoded.lines.contains { $0.contains("17255,32768") }, "\(decoded.lines.prefix(10))\n\(traced.text)")
            let broken = try await TestSupport.run(
                Self.tshark ?? "", ["-r", site.folder("bus.pcap"), "-Y", "_ws.malformed or udp"])
            #expect(broken.lines.filter { $0.contains("192.0.2.1") }.isEmpty, "\(broken.lines.prefix(5))")
        }
    }

    @Test(arguments: [
        ("silent feeder-b on", "only this device"), ("crc feeder-b 100000", "check"),
        ("exception feeder-b 4", "exception"),
    ])
    func `why tells a dead meter from a noisy line and from a meter that refuses`(fault: String, says: String)
        async throws
    {
        try await RealSite.with(RealSite(), daemon: true) { site in
            try await site.control(fault)
            try await eventually("trouble shows", within: .seconds(60)) {
                let why = try await site.run(["why", "feeder-b"])
                return why.status == 1 && why.text.contains(says)
            }
            let why = try await site.run(["why", "feeder-b"])
            print(why.text)
            #expect(why.text.contains(">> 02 0"), "\(why.text)")
            #expect(why.text.contains("because"), "\(why.text)")
            let other = try await site.run(["why", "feeder-a"])
            #expect(other.status == 0, "\(other.text)")
            let status = try await site.run(["status"])
            #expect(status.status == 1, "\(status.text)")
        }
    }

    @Test func `why suspects the line where its devices have another baud rate`() async throws {
        // So much for failing devices, as nobody is well here.
        let bus = ", sick_share: 50%, response_timeout: 200ms"
        try await RealSite.with(RealSite(bus: bus), daemon: true) { site in
            try await site.control("mismatch rs485-1 on")
            try await eventually("all are silent", within: .seconds(60)) {
                let why = try await site.run(["why", "feeder-b"])
                return why.status == 1 && why.text.contains("the line as a whole")
            }
            let why = try await site.run(["why", "feeder-b"])
            print(why.text)
            let words = why.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(words.contains("wrong baud rate or parity for all"), "\(why.text)")
            #expect(why.lines.allSatisfy { $0.count <= 80 }, "\(why.text)")
        }
    }

    @Test func `why suspects the profile where another meter answers at the address`() async throws {
        // The 630 at address 7 taken for an ABB, which keeps its values in another table.
        let devices = """
              feeder-a: {bus: meters, address: 1, profile: eastron-sdm120, rating: 40 A, interval: 1s}
              wrong: {bus: meters, address: 7, profile: abb-b23, rating: 65 A, interval: 1s}
            """
        try await RealSite.with(RealSite(devices: devices), daemon: false) { site in
            try await site.startDaemonOnly()
            try await eventually("the wrong meter is in trouble", within: .seconds(60)) {
                try await site.run(["why", "wrong"]).text.contains("exception")
            }
            let why = try await site.run(["why", "wrong"])
            print(why.text)
            #expect(why.text.contains("exception"), "\(why.text)")
            #expect(why.text.contains("profile"), "\(why.text)")
        }
    }

    @Test func `a sniff of a running bus gives it back after Ctrl-C, with its summary`() async throws {
        try await RealSite.with(RealSite(), daemon: true) { site in
            let sniff = try site.start(["sniff", "meters", "--yes", "--baud", "9600", "--parity", "even"])
            try await sniff.line(containing: "nothing is sent", within: .seconds(60))
            sniff.signal(SIGINT)
            #expect(try await sniff.exitStatus(within: .seconds(60)) == 0, "\(sniff.lines)")
            #expect(sniff.lines.contains { $0.hasPrefix("frames") }, "\(sniff.lines)")
            let read = try await site.run(["read", "feeder-a", "voltage.L1"])
            #expect(read.status == 0 && read.text.contains("good"), "\(read.text)")
        }
    }

    @Test func `without a daemon the tools start the driver themselves`() async throws {
        try await RealSite.with(RealSite(), daemon: false) { site in
            let line = ["--baud", "9600", "--parity", "even"]
            let raw = try await site.run(
                ["raw", site.port, "--unit", "2", "--function", "4", "--at", "0", "--count", "2"] + line)
            #expect(raw.status == 0 && raw.text.contains("02 04 04 43 "), "\(raw.text)")
            let scan = try await site.run(["scan", "--port", site.port, "--addresses", "1-8"] + line)
            #expect(scan.status == 0 && scan.text.contains("3 devices found"), "\(scan.text)")
            let tried = try await site.run(
                ["profile", "try", "eastron-sdm120", "--port", site.port, "--address", "2"] + line)
            #expect(tried.status == 0 && tried.text.contains("active_power"), "\(tried.text)")
            let number = (TestFiles.text(site.folder("field/tcp-1.port")) ?? "").filter(\.isNumber)
            let hosts = try await site.run(["scan", "--hosts", "127.0.0.1:\(number)", "--addresses", "1-2"])
            #expect(hosts.status == 0 && hosts.text.contains("eastron-sdm630"), "\(hosts.text)")
            let trace = try await site.run(["trace", "meters", "--seconds", "3"])
            #expect(trace.status == 0 && trace.text.contains("> feeder-a 01 04 "), "\(trace.text)")
            #expect(trace.text.contains("< feeder-b 02 04 "), "\(trace.text)")
            let plan = try await site.run(["plan"])
            #expect(plan.status == 0 && plan.text.contains("feeder-b"), "\(plan.text)")
            print([scan.text, tried.text, hosts.text, plan.text].joined(separator: "\n\n"))
            #expect(try await site.run(["events"]).status == 3)
        }
    }

    @Test func `missed intervals of a bus that cannot keep up are counted in devices`() async throws {
        let devices = """
              feeder-a: {bus: meters, address: 1, profile: eastron-sdm120, rating: 40 A, interval: 50ms}
              feeder-b: {bus: meters, address: 2, profile: eastron-sdm120, rating: 40 A, interval: 50ms}
            """
        try await RealSite.with(RealSite(devices: devices), daemon: true) { site in
            let plan = try await site.run(["plan", "meters"])
            #expect(plan.status == 1, "the plan foresees it: \(plan.text)")
            try await eventually("missed intervals are shown", within: .seconds(60)) {
                let shown = try await site.run(["devices", "--json"], merged: false)
                guard case .array(let list) = try JSONValue(parsing: shown.text) else { return false }
                return list.contains { ($0["missed_intervals"]?.number?.approximation ?? 0) > 10 }
            }
        }
    }

    @Test func `a broken profile is told at file, line and column`() async throws {
        let folder = TemporaryFolder("candela-profile")
        let source = try #require(TestFiles.text(Project.root + "/Drivers/Modbus/Profiles/eastron-sdm120.yaml"))
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let place = try #require(lines.firstIndex { $0.hasPrefix("  even_only:") })
        var broken = lines
        broken[place] = "  even_only: perhaps"
        let file = folder.write("eastron-sdm120.yaml", broken.joined(separator: "\n"))
        let checked = try await Candela.run(["profile", "check", file, "--drivers", Project.root + "/Drivers"])
        #expect(checked.status == 2, "\(checked.text)")
        #expect(checked.text.contains("eastron-sdm120.yaml:\(place + 1):14: error"), "\(checked.text)")
        let sound = try await Candela.run([
            "profile", "check", Project.root + "/Drivers/Modbus/Profiles/eastron-sdm120.yaml", "--drivers",
            Project.root + "/Drivers",
        ])
        #expect(sound.status == 0, "\(sound.text)")
    }
}
