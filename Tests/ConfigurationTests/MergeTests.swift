import Configuration
import Telemetry
import Testing

struct MergeTests {
    static let head = """
        gateway: {id: g1}
        buses:
          meters:
            driver: modbus
            port: /dev/ttyUSB0
            defaults: {profile: eastron-sdm120, interval: 60s, rating: 40 A, labels: {street: A, side: north}, retries: 1}
        devices:

        """

    /// What stands where, and what comes out: defaults < range < entry, maps by key, lists replaced.
    @Test(arguments: [
        ("  m1: {bus: meters}", "60s", "street=A side=north", "1"),
        ("  m1: {bus: meters, interval: 5s}", "5s", "street=A side=north", "1"),
        ("  m{1..2}: {bus: meters, interval: 10s}", "10s", "street=A side=north", "1"),
        ("  m{1..2}: {bus: meters, interval: 10s}\n  m1: {interval: 5s}", "5s", "street=A side=north", "1"),
        ("  m1: {interval: 5s}\n  m{1..2}: {bus: meters, interval: 10s}", "5s", "street=A side=north", "1"),
        (
            "  m{1..2}: {bus: meters, labels: {side: south}}\n  m1: {labels: {pole: 7}}", "60s",
            "street=A side=south pole=7", "1"
        ),
        ("  m{1..2}: {bus: meters, retries: 2}\n  m1: {retries: 3}", "60s", "street=A side=north", "3"),
        ("  m1: {bus: meters, interval: , retries: }", "nil", "street=A side=north", "nil"),
    ])
    func `values are laid over each other in order`(entries: String, interval: String, labels: String, retries: String)
        throws
    {
        let result = load(yaml: Self.head + entries + "\n")
        let device = try #require(result.configuration?.device("m1"), "\(result.diagnostics)")
        #expect(result.diagnostics.isEmpty)
        #expect((device.interval.map { "\($0.components.seconds)s" } ?? "nil") == interval)
        #expect(device.labels.map { "\($0.name)=\($0.value)" }.joined(separator: " ") == labels)
        #expect((device.options["retries"]?.scalar ?? "nil") == retries)
    }

    @Test func `a list is replaced, never joined`() throws {
        let result = load(
            yaml: Self.head
                + "  m{1..2}: {bus: meters, points: [active_power, frequency]}\n  m1: {points: [voltage.L1]}\n")
        #expect(result.configuration?.device("m1")?.points.points.map(\.name) == ["voltage.L1"])
        #expect(result.configuration?.device("m2")?.points.points.map(\.name) == ["active_power", "frequency"])
        #expect(result.configuration?.device("m1")?.points.onlyListed == true)
    }

    @Test func `a range gives each name its value, zeros and all`() throws {
        let result = load(
            yaml: Self.head
                + "  lamp-{008..011}: {bus: meters, address: \"{3..0}\", host: \"192.0.2.{1..4}:502\", labels: {pole: \"P{08..11}\"}}\n"
        )
        let devices = try #require(result.configuration?.devices)
        #expect(devices.map(\.name) == ["lamp-008", "lamp-009", "lamp-010", "lamp-011"])
        #expect(devices.map { $0.options["address"]?.content } == ["3", "2", "1", "0"].map { .number($0) })
        #expect(
            devices.map { $0.options["host"]?.scalar } == [
                "192.0.2.1:502", "192.0.2.2:502", "192.0.2.3:502", "192.0.2.4:502",
            ])
        #expect(devices.last?.labels.last?.value == "P11")
    }

    @Test func `a mistake in a range is said once and disables all of it`() {
        let result = load(yaml: Self.head + "  m{1..9}: {bus: meters, interval: fast}\n  other: {bus: meters}\n")
        #expect(result.diagnostics.count == 1)
        #expect(result.disabled.count == 9)
        #expect(result.configuration?.devices.map(\.name) == ["other"])
    }

    @Test func `a mistake in defaults is said once and disables the devices that take it`() {
        let text =
            Self.head.replacing60s + "  m1: {bus: meters}\n  m2: {bus: meters, interval: 5s}\n  m3: {bus: meters}\n"
        let result = load(yaml: text)
        #expect(result.diagnostics.count == 1)
        #expect(result.configuration?.devices.map(\.name) == ["m2"])
    }

    // MARK: points

    @Test func `points as a map change, keep or leave out points of the profile`() throws {
        let result = load(
            yaml: Self.head
                + "  m1: {bus: meters, points: {active_power: {interval: 1s, report_on_change: 5 W, report_at_least: 60s, keep: billing}, frequency: false, voltage: {report_on_change: 2%}}}\n"
        )
        let points = try #require(result.configuration?.device("m1")?.points)
        #expect(!points.onlyListed)
        let power = try #require(points["active_power"])
        #expect(power.interval == .seconds(1))
        #expect(power.reportAtLeast == .seconds(60))
        #expect(power.keep == .billing)
        guard case .absolute(let change)? = power.reportOnChange else {
            Issue.record("expected an absolute threshold")
            return
        }
        #expect(change.description == "5 W")
        #expect(points["voltage"]?.reportOnChange == .relative(percent: ExactDecimal(2)))
        #expect(points["frequency"]?.isExcluded == true)
    }

    @Test func `points as a list are exactly these`() throws {
        let result = load(yaml: Self.head + "  m1: {bus: meters, points: [frequency, active_power: {interval: 1s}]}\n")
        let points = try #require(result.configuration?.device("m1")?.points, "\(result.diagnostics)")
        #expect(points.onlyListed)
        #expect(points.points.map(\.name) == ["frequency", "active_power"])
        #expect(points["active_power"]?.interval == .seconds(1))
    }

    // MARK: files

    @Test func `devices, buses and programs may be spread over files`() throws {
        let folder = TemporaryFolder()
        let result = load(
            yaml: Self.head + "  m1: {bus: meters}\ninclude: [devices/*.yaml]\n",
            files: [
                "devices/b.yaml": "devices:\n  m3: {bus: more}\n",
                "devices/a.yaml":
                    "devices:\n  m2: {bus: meters}\nbuses:\n  more: {driver: modbus, port: ./port, defaults: {profile: eastron-sdm120}}\n",
            ], in: folder)
        let configuration = try #require(result.configuration)
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        #expect(configuration.devices.map(\.name) == ["m1", "m2", "m3"])
        #expect(configuration.files.count == 3)
        #expect(configuration.bus("more")?.port.resolved == folder.path + "/devices/port")
    }

    @Test func `files that include each other are named in a circle`() {
        let folder = TemporaryFolder()
        let result = load(
            yaml: Self.head + "  m1: {bus: meters}\ninclude: a.yaml\n",
            files: ["a.yaml": "include: [b.yaml]\n", "b.yaml": "include: [gateway.yaml]\n"],
            in: folder)
        #expect(result.configuration == nil)
        #expect(
            result.messages(in: folder.path).contains {
                $0.hasPrefix(
                    "b.yaml:1:11: error: files include each other in a circle (gateway.yaml -> a.yaml -> b.yaml -> gateway.yaml)"
                )
            })
    }

    @Test func `a second file's key clash is named with both places`() {
        let folder = TemporaryFolder()
        let result = load(
            yaml: Self.head + "  m1: {bus: meters}\ninclude: a.yaml\n",
            files: ["a.yaml": "devices:\n  m1: {bus: meters}\n  m2: {bus: meters}\n"], in: folder)
        #expect(result.messages(in: folder.path).count == 1)
        #expect(
            result.messages(in: folder.path).first?.hasPrefix(
                "a.yaml:2:3: error: \"devices.m1\" is declared in two files") == true)
        #expect(result.diagnostics.first?.message.contains("gateway.yaml:8:3") == true)
        #expect(result.configuration?.devices.map(\.name) == ["m2"])
    }

    @Test func `a file is included once`() {
        let result = load(
            yaml: Self.head + "  m1: {bus: meters}\ninclude: [a.yaml, ./a.yaml]\n", files: ["a.yaml": "devices: {}\n"])
        #expect(result.diagnostics.first?.message.contains("is included twice") == true)
    }

    @Test func `a single section in two files makes the configuration unusable`() {
        let result = load(
            yaml: Self.head + "  m1: {bus: meters}\noutbox: {flush: 5s}\ninclude: a.yaml\n",
            files: ["a.yaml": "outbox: {flush: 6s}\n"])
        #expect(result.configuration == nil)
    }
}

extension String {
    /// The head with a wrong interval in the defaults.
    fileprivate var replacing60s: String {
        split(separator: "60s", omittingEmptySubsequences: false).joined(separator: "often")
    }
}
