import Glibc
import Telemetry
import TestSupport
import Testing

/// A meter that is none of ours (pymodbus), the whole gateway, and a broker: what was put in must come out.
@Suite(.serialized)
struct IndependentMeterTests {
    enum Transport: String, Sendable, CaseIterable {
        case tcp
        case rtu
    }

    static var hasPeers: Bool { Project.python != nil }

    @Test(
        .enabled(if: hasPeers, "no python with pymodbus: CANDELA_PYTHON, or .build/python as scripts/test makes it"),
        arguments: Transport.allCases)
    func `every value of the meter arrives as it was put in`(_ transport: Transport) async throws {
        let meter = try await Self.meter(transport)
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let port = transport == .tcp ? "tcp://127.0.0.1:\(meter.port)" : meter.port
        let serial = transport == .tcp ? "" : ", baud: 9600, parity: none"
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                buses:
                  meters: {driver: modbus, port: "\(port)"\(serial)}
                devices:
                  feeder: {bus: meters, address: 1, profile: eastron-sdm630, interval: 1s, rating: 100 A}
                """, broker: broker))
        _ = try await subscriber.first("every point of the meter", within: .seconds(30)) { subscriber -> Bool? in
            Set(subscriber.readings.map(\.point)).isSuperset(of: meter.values.keys) ? true : nil
        }
        let readings = subscriber.readings
        #expect(Set(readings.map { $0.point }) == Set(meter.values.keys), "points that were not put in")
        for reading in readings {
            guard let (value, unit) = meter.values[reading.point] else { continue }
            #expect(
                reading.isGood && reading.value == value && reading.unit == unit,
                "put in \(value) \(unit ?? ""): \(reading)")
        }
        let points = try await Self.describedPoints(subscriber)
        for (point, put) in meter.values {
            #expect(
                points[point] == .some(put.unit),
                "/devices says \(point) has unit \(points[point].flatMap { $0 } ?? "none")")
        }
        #expect(points.count == meter.values.count)
        #expect(try await gateway.terminate() == 0)
        await meter.process.stop()
    }

    /// Unit of each point, as the retained description says it.
    private static func describedPoints(_ subscriber: Subscriber) async throws -> [String: String?] {
        let described = try await subscriber.message("the description of the feeder", on: "devices") {
            $0.body["devices"]?.items?.first?["points"]?.items?.isEmpty == false
        }
        var units: [String: String?] = [:]
        for point in described.body["devices"]?.items?.first?["points"]?.items ?? [] {
            units[point["point"]?.text ?? ""] = .some(point["unit"]?.text)
        }
        return units
    }

    private struct Meter {
        let process: ChildProcess
        let port: String
        let values: [String: (value: JSONValue, unit: String?)]
    }

    private static func meter(_ transport: Transport) async throws -> Meter {
        let python = try #require(Project.python)
        let script = Project.root + "/Tests/EndToEndTests/Python/sdm630_slave.py"
        var arguments = [script, transport.rawValue, "\(transport == .tcp ? 1 : 2)"]
        if transport == .tcp { arguments.append("\(freePort())") }
        let process = try ChildProcess(python, arguments, merged: false)
        let line = try await process.line(containing: "\"values\"")
        let document = try JSONValue(parsing: Array(line.utf8))
        var values: [String: (value: JSONValue, unit: String?)] = [:]
        for member in document["values"]?.members ?? [] {
            guard let pair = member.value.items, pair.count == 2, let text = pair[0].text else { continue }
            // A number of the register map is a number; the serial number is a text.
            let value = pair[1] == .null ? JSONValue.string(text) : .number(try #require(ExactDecimal(text)))
            values[member.key] = (value, pair[1].text)
        }
        let port = document["port"]?.text ?? document["port"]?.integer.map { "\($0)" } ?? ""
        return Meter(process: process, port: port, values: values)
    }
}
