import Configuration
import Glibc
import Telemetry
import Testing

struct LoadingTests {
    static let head = """
        gateway: {id: g1, location: {latitude: 51.45, longitude: 6.73, timezone: Europe/Berlin}}
        buses:
          lamps: {driver: dali, port: /dev/ttyUSB1, interface: luba, defaults: {profile: dali-luminaire}}
          meters: {driver: modbus, port: /dev/ttyUSB0, defaults: {profile: eastron-sdm120}}
        devices:
          lamp-{1..4}: {bus: lamps, address: "{0..3}", groups: [street]}

        """
    static let night = """
        lighting:
          programs:
            night: {active: [{from: sunset, to: sunrise}]}
          calendars: {standard: {default: night}}
          groups: {street: {calendar: standard, fallback: 80%}}

        """

    private func schedule(_ yaml: String) -> LightingGroup.Schedule? {
        load(yaml: yaml).configuration?.lighting?.group("street")?.schedule
    }

    @Test(arguments: [
        "    night: {active: [{from: sunsett, to: sunrise}]}", "    night: {activ: [{from: sunset, to: sunrise}]}",
        "    nigth: {active: [{from: sunset, to: sunrise}]}", "    night: 5",
    ])
    func `a mistake in a program leaves its lamps at their fallback, not dark`(program: String) {
        let text =
            Self.head
            + "lighting:\n  programs:\n\(program)\n  calendars: {standard: {default: night}}\n  groups: {street: {calendar: standard, fallback: 80%}}\n"
        guard case .fallback? = schedule(text) else {
            Issue.record("expected the fallback, found \(String(describing: schedule(text)))")
            return
        }
        #expect(load(yaml: text).configuration?.lighting?.group("street")?.fallback == ExactDecimal(80))
    }

    @Test(arguments: ["{calender: standard}", "{calendar: standrad}", "5", "{fallback: full}"])
    func `a mistake in a group leaves its lamps at a fallback, not dark`(group: String) {
        let text =
            Self.head
            + "lighting:\n  programs:\n    night: {active: [{from: sunset, to: sunrise}]}\n  calendars: {standard: {default: night}}\n  groups: {street: \(group)}\n"
        guard case .fallback? = schedule(text) else {
            Issue.record("expected the fallback, found \(String(describing: schedule(text)))")
            return
        }
    }

    @Test func `a sound lighting section comes out whole`() throws {
        let result = load(yaml: Self.head + Self.night)
        #expect(result.diagnostics.isEmpty)
        let lighting = try #require(result.configuration?.lighting)
        #expect(lighting.group("street")?.schedule == .calendar("standard"))
        #expect(lighting.withoutClock == .lit)
        #expect(
            lighting.program("night")?.active.map { [$0.span?.from, $0.span?.to] } == [
                [.sunset(offset: .zero), .sunrise(offset: .zero)]
            ])
    }

    @Test func `read-only with lighting is warned about, for the gateway and per bus`() {
        let text = Self.head + Self.night
        let whole = load(yaml: text.replacingFirst("id: g1", "id: g1, read_only: true"))
        #expect(whole.warnings.count == 1)
        #expect(whole.warnings.first?.message.contains("LAMPS NOT CONTROLLED") == true)
        #expect(whole.configuration?.buses.allSatisfy(\.isReadOnly) == true)
        let one = load(yaml: text.replacingFirst("interface: luba", "interface: luba, read_only: true"))
        #expect(one.warnings.count == 1)
        #expect(one.warnings.first?.message.hasPrefix("bus lamps:") == true)
        #expect(one.configuration?.bus("meters")?.isReadOnly == false)
        let meters = load(yaml: text.replacingFirst("port: /dev/ttyUSB0", "port: /dev/ttyUSB0, read_only: true"))
        #expect(meters.warnings.isEmpty)
    }

    @Test func `windows are read`() throws {
        let result = load(
            yaml: Self.head
                + "  m1: {bus: meters, rating: 40 A, windows: [{every: 15min, points: [active_energy_import], values: [register, maximum]}]}\n"
        )
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        let device = try #require(result.configuration?.device("m1"))
        #expect(device.windows.first?.every == .seconds(900))
        #expect(device.windows.first?.values == [.register, .maximum])
        #expect(device.windowTolerance == .seconds(10))
    }

    @Test(arguments: [
        ("windows: [{every: 15min, points: [p]}]", 10.0), ("windows: [{every: 10s, points: [p]}]", 2.5),
        ("windows: [{every: 1h, points: [p]}, {every: 20s, points: [p]}]", 5),
        ("windows: [{every: 15min, points: [p]}], window_tolerance: 60s", 60),
    ])
    func `the tolerance is ten seconds, at most a quarter of the shortest period, or as given`(
        keys: String, seconds: Double
    ) throws {
        let result = load(yaml: Self.head + "  m1: {bus: meters, rating: 40 A, \(keys)}\n")
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        #expect(try #require(result.configuration?.device("m1")).windowTolerance == .seconds(seconds))
    }

    @Test(arguments: [
        ("privacy: household, windows: [{every: 15min, points: [p]}]", true), ("privacy: household", false),
        ("windows: [{every: 15min, points: [p]}]", false),
        ("windows: [{every: 15min, points: [p]}], windows_only: true", true),
    ])
    func `a household with windows is kept to them, others where it is said`(keys: String, only: Bool) throws {
        let result = load(yaml: Self.head + "  m1: {bus: meters, rating: 40 A, \(keys)}\n")
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        #expect(try #require(result.configuration?.device("m1")).windowsOnly == only)
    }

    @Test(arguments: [
        ("windows: [{every: 5s, points: [p]}]", "`every`"), ("windows: [{every: 7min, points: [p]}]", "no multiple"),
        ("windows: [{every: 10s, points: [p]}], window_tolerance: 6s", "half of the shortest period"),
        ("windows: [{every: 15min, points: [p]}, {every: 15min, points: [p], values: [average]}]", "two windows"),
        ("points: [q], windows: [{every: 15min, points: [p]}]", "p is not read"),
        ("points: {p: false}, windows: [{every: 15min, points: [p]}]", "p is not read"),
        ("windows_only: true", "lets nothing leave"),
    ])
    func `a window that cannot be kept is an error`(keys: String, said: String) {
        let result = load(yaml: Self.head + "  m1: {bus: meters, rating: 40 A, \(keys)}\n")
        #expect(result.errors.count == 1 && result.errors[0].message.contains(said), "\(result.diagnostics)")
    }

    @Test func `a household that sends everything is warned about`() {
        let result = load(
            yaml: Self.head
                + "  m1: {bus: meters, rating: 40 A, privacy: household, windows: [{every: 15min, points: [p]}], windows_only: false}\n"
        )
        #expect(result.errors.isEmpty && result.warnings.count == 1)
    }

    @Test func `a broken bus takes its devices along and nothing else`() {
        let result = load(yaml: Self.head.replacingFirst("driver: dali", "driver: dail") + "  m1: {bus: meters}\n")
        #expect(result.errors.count == 1)
        #expect(result.configuration?.buses.map(\.name) == ["meters"])
        #expect(result.configuration?.devices.map(\.name) == ["m1"])
        #expect(result.disabled.count == 5)
        #expect(result.disabled.contains { $0.part == .device("lamp-3") && $0.reason == "its bus lamps is disabled" })
    }

    @Test func `a broken profile disables those who use it and is said once`() {
        let folder = TemporaryFolder()
        folder.write("profiles/mine.yaml", "driver: dali\nvalues: []\n")
        folder.write("profiles/yours.yaml", "values: [\n")
        let result = load(
            yaml: Self.head
                + "  m1: {bus: meters, profile: mine}\n  m2: {bus: meters, profile: mine}\n  m3: {bus: meters, profile: yours}\n  m4: {bus: meters}\nprofiles: [profiles]\n",
            in: folder)
        #expect(result.errors.count == 2, "\(result.diagnostics)")
        #expect(result.disabled.map(\.part) == [.device("m1"), .device("m2"), .device("m3")])
        #expect(result.configuration?.profiles.map(\.name).sorted() == ["dali-luminaire", "eastron-sdm120"])
    }

    @Test func `the site's profiles come before the shipped ones`() throws {
        let folder = TemporaryFolder()
        folder.write("profiles/eastron-sdm120.yaml", "driver: modbus\nversion: 9\n")
        let result = load(yaml: Self.head + "  m1: {bus: meters}\nprofiles: [profiles]\n", in: folder)
        #expect(
            result.configuration?.profile(driver: "modbus", name: "eastron-sdm120")?.content["version"]?.scalar == "9")
    }

    @Test func `a file that is not there is one error`() {
        let result = load("/nonexistent/gateway.yaml")
        #expect(result.configuration == nil)
        #expect(
            result.diagnostics.map(\.description) == [
                "/nonexistent/gateway.yaml:1:1: error: the configuration cannot be read: there is no such file"
            ])
    }

    @Test func `a folder and a pipe are no configuration`() {
        let folder = TemporaryFolder()
        #expect(load(folder.path).diagnostics.first?.message.contains("it is a folder") == true)
        mkfifo(folder.path + "/pipe", 0o600)
        #expect(load(folder.path + "/pipe").diagnostics.first?.message.contains("a device or pipe") == true)
    }

    @Test func `secrets are references and paths are relative to the file`() throws {
        let folder = TemporaryFolder()
        for name in ["ca.pem", "gateway.pem"] { folder.write(name, "x") }
        let result = load(
            yaml: Self.head + """
                uplinks:
                  a: {type: mqtt, url: "mqtts://h", ca: ca.pem, certificate: gateway.pem, key: "file:secret/key.pem", username: u, password: "env:PASSWORD"}
                  b: {type: mqtt, url: "mqtt://h", username: u, password: "credential:mqtt"}

                """, in: folder)
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        let uplink = try #require(result.configuration?.uplink("a"))
        #expect(uplink.certificateAuthorities == [folder.path + "/ca.pem"])
        #expect(uplink.key == .file(folder.path + "/secret/key.pem"))
        #expect(uplink.password == .environment("PASSWORD"))
        #expect(uplink.url.port == 8883)
        #expect(result.configuration?.uplink("b")?.password == .credential("mqtt"))
        #expect(result.configuration?.explained().contains("password: env:PASSWORD") == true)
    }

    @Test func `uplinks to a server and into a file have keys of their own`() throws {
        let folder = TemporaryFolder()
        let result = load(
            yaml: Self.head + """
                uplinks:
                  a: {type: http, url: "https://h/in/", token: "file:secret/token", compress: gzip, timeout: 10s, encoding: senml-cbor}
                  b: {type: http, url: "http://[::1]:8080", single_url: true, in_flight: 4}
                  c: {type: file, path: out/lines.ndjson, rotate: 1MB, keep: 2, encoding: senml}
                  d: {type: http, url: "http://h", token: "env:TOKEN"}

                """, in: folder)
        #expect(
            result.diagnostics.map(\.message) == [
                "uplink d: with http:// everybody on the way can read this secret; expected https://"
            ])
        let (a, b) = (try #require(result.configuration?.uplink("a")), try #require(result.configuration?.uplink("b")))
        #expect(a.url.description == "https://h:443/in" && b.url.description == "http://[::1]:8080")
        #expect(a.encoding == .senmlCBOR && b.encoding == .json)
        #expect(
            a.http
                == HTTPUplinkConfiguration(
                    token: .file(folder.path + "/secret/token"), compresses: true, isSingleURL: false,
                    timeout: .seconds(10)))
        #expect(b.http?.isSingleURL == true && b.http?.timeout == .seconds(60) && b.http?.compresses == false)
        #expect(a.inFlight == 1 && b.inFlight == 4 && a.file == nil)
        let c = try #require(result.configuration?.uplink("c"))
        #expect(
            c.file == FileUplinkConfiguration(path: folder.path + "/out/lines.ndjson", rotation: 1_000_000, kept: 2))
        #expect(c.url.description == "file://" + folder.path + "/out/lines.ndjson" && c.http == nil)
        #expect(result.configuration?.explained().contains("file:secret/token") == true)
    }

    @Test func `an uplink commands what it is allowed to`() throws {
        let result = load(
            yaml: Self.head + """
                  m1: {bus: meters}
                uplinks:
                  a: {type: mqtt, url: "mqtt://h", commands: {devices: [street, m1], points: [level], limits: {level: {minimum: 20%, maximum: 80%}}}}
                  b: {type: mqtt, url: "mqtt://h", devices: [m1, lamp-2], commands: lamps}

                """)
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        guard case .restricted(let devices, let points, let limits)? = result.configuration?.uplink("a")?.commands
        else {
            Issue.record("expected a restricted permission")
            return
        }
        #expect(devices == ["lamp-1", "lamp-2", "lamp-3", "lamp-4", "m1"])
        #expect(points == ["level"])
        #expect(limits.first?.maximum?.description == "80 %")
        #expect(result.configuration?.uplink("b")?.selection?.named == ["m1", "lamp-2"])
        #expect(result.configuration?.uplink("b")?.commands == .lamps)
    }

    @Test func `drivers are found by their manifests`() {
        let folder = TemporaryFolder()
        folder.write("one/driver.yaml", "driver: one\nexecutable: run\nprofiles: P\nprotocol: 1\ndescription: First\n")
        folder.write("one/run", "")
        folder.write("two/driver.yaml", "driver: two\nexecutabel: run\n")
        folder.write("three/README.md", "no driver")
        let (catalog, diagnostics) = DriverCatalog.discover(folders: [folder.path])
        #expect(catalog.manifests.map(\.driver) == ["one"])
        #expect(catalog["one"]?.profileFolder == folder.path + "/one/P")
        #expect(catalog["one"]?.executablePath(beside: "/nowhere") == folder.path + "/one/run")
        #expect(diagnostics.count == 2)
        #expect(diagnostics.allSatisfy { $0.file == folder.path + "/two/driver.yaml" })
        #expect(diagnostics.contains { $0.hint == "did you mean \"executable\"?" })
    }

    @Test func `board ports take variables with defaults`() {
        let yaml = "gateway: {id: g1}\nboard: simulated\nbuses: {meters: {driver: modbus, port: rs485-1}}\n"
        let folder = TemporaryFolder()
        let path = folder.write("gateway.yaml", yaml)
        #expect(load(path).configuration?.bus("meters")?.port.resolved == "/tmp/candela-sim/rs485-1")
        #expect(
            load(path, environment: ["CANDELA_SIM_DIR": "/x"]).configuration?.bus("meters")?.port.resolved
                == "/x/rs485-1")
        #expect(
            load(path, environment: ["CANDELA_SIM_DIR": ""]).configuration?.bus("meters")?.port.resolved
                == "/tmp/candela-sim/rs485-1")
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, _ other: String) -> String {
        let parts = split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.joined(separator: other)
    }
}
