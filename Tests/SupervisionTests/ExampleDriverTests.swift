import CLinux
import DriverProtocol
import Glibc
import Logging
import Telemetry
import Testing

@testable import Supervision

/// The Python driver of docs/examples under the real supervisor: proof that docs/driver-protocol.md is enough.
@Suite(.timeLimit(.minutes(1))) struct ExampleDriverTests {
    private func set(_ level: Int64, device: UInt32 = 0) -> DriverCommand {
        var command = DriverCommand()
        command.device = device
        command.action = "set"
        command.point = 1
        command.value.number = DriverDecimal(ExactDecimal(mantissa: level, exponent: 0))
        return command
    }

    @Test func `the example driver runs, delivers exact samples and stops`() async throws {
        let bench = DriverBench(executable: exampleDriver, devices: 2)
        await bench.supervisor.start()
        let state = await bench.supervisor.settled(within: .seconds(20))
        #expect(state.condition == .running, "\(state.detail)")
        let process = state.process
        #expect(exists(process))
        await bench.sink.wait {
            if case .samples(let blocks) = $0 { blocks.contains { $0.device == 1 } } else { false }
        }
        await bench.sink.wait { if case .heartbeat = $0 { true } else { false } }
        let blocks = bench.sink.reports.flatMap { report -> [SampleBlock] in
            if case .samples(let blocks) = report { blocks } else { [] }
        }
        let rows = try #require(blocks.first).samples
        #expect(
            rows.map(\.value) == [
                .number(ExactDecimal(mantissa: 200, exponent: -1)), .number(ExactDecimal(mantissa: 0, exponent: 0)),
            ])
        await bench.supervisor.stop()
        #expect(!exists(process))
        #expect(bench.sink.gone.isEmpty)
        #expect(bench.lines.all.contains("demo 1.0.0 meets runtime 1"))
        guard
            case .configured(let configured)? = bench.sink.reports.first(where: {
                if case .configured = $0 { true } else { false }
            })
        else { throw TestFailure() }
        #expect(
            configured.devices.map { $0.points.map(\.name) } == [["temperature", "level"], ["temperature", "level"]])
    }

    @Test func `a command is read back, remembered and survives a kill -9 within two seconds`() async throws {
        let bench = DriverBench(executable: exampleDriver)
        await bench.supervisor.start()
        let first = await bench.supervisor.settled(within: .seconds(20))
        let done = await bench.supervisor.command(set(55))
        #expect(done.outcome == .verified)
        #expect(done.readBack.number.mantissa == 55)
        await bench.sink.wait { if case .remember(let memory) = $0 { memory.key == "level" } else { false } }
        await bench.supervisor.remembered(device: "heater-0", key: "level")
        bench.sink.forget()
        let killed = ContinuousClock.now
        kill(first.process, SIGKILL)
        await bench.sink.waitUntilGone()
        let gone = bench.sink.gone
        // What the old process said last must not be taken for the new one's.
        bench.sink.forget()
        // The samples of the new process carry what the old one remembered.
        await bench.sink.wait { report in
            guard case .samples(let blocks) = report else { return false }
            return blocks.contains { $0.mantissas.contains(55) }
        }
        let took = ContinuousClock.now - killed
        #expect(took < .seconds(5), "good again after \(took); two seconds on an idle machine")
        #expect(gone == ["the driver of bus 'meters' was ended by signal 9 (SIGKILL)"])
        #expect(await bench.supervisor.state.restarts == 1)
        await bench.supervisor.stop()
    }

    @Test func `queries, refusals, statistics and the trace are answered`() async throws {
        let bench = DriverBench(executable: exampleDriver)
        await bench.supervisor.start()
        _ = await bench.supervisor.settled(within: .seconds(20))
        await bench.supervisor.trace(true)
        let answer = await bench.supervisor.query(DriverQuery())
        #expect(answer.failure.isEmpty)
        #expect(answer.samples.point == [0, 1])
        var unknown = DriverQuery()
        unknown.device = 77
        #expect(await bench.supervisor.query(unknown).failure == "no such device or point")
        let refused = await bench.supervisor.command(set(101))
        #expect(refused.outcome == .rejected)
        #expect(refused.reason == "level goes from 0 to 100 in whole percent")
        #expect(await bench.supervisor.command(set(5)).outcome == .verified)
        await bench.sink.wait { if case .trace(let record) = $0 { Array(record.data) == [5] } else { false } }
        #expect((await bench.supervisor.statistics())?.requests ?? 0 > 0)
        await bench.supervisor.stop()
        let late = await bench.supervisor.query(DriverQuery())
        #expect(late.failure.hasPrefix("the driver of bus 'meters' is not running"))
    }

    @Test func `a check asks the driver, reports its diagnostics and leaves nothing running`() async throws {
        var configure = DriverBench.configure(devices: 2)
        configure.devices[1].options.map.entries[0].key = "adress"
        let answer = try await DriverProbe.check(
            executable: exampleDriver, manifestName: "demo", configure: configure,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(answer.hello.actions == ["identify"])
        #expect(answer.configured.devices.map(\.usable) == [true, false])
        #expect(answer.configured.diagnostics.map(\.message).contains("unknown key 'adress'; did you mean 'address'?"))
    }

    @Test func `a check of what is no driver says so`() async {
        await #expect(throws: DriverProbeError.self) {
            try await DriverProbe.check(
                executable: "/nonexistent/driver", manifestName: "demo", configure: DriverBench.configure(devices: 1),
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        do {
            _ = try await DriverProbe.check(
                executable: "/bin/true", manifestName: "demo", configure: DriverBench.configure(devices: 1),
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        } catch {
            #expect(error.description == "the driver of bus 'meters' exited with status 0")
        }
    }

    @Test func `a port that is missing is waited for`() async {
        var configure = DriverBench.configure(devices: 1)
        configure.port = "missing"
        let bench = DriverBench(executable: exampleDriver)
        await bench.supervisor.reconfigure(configure)
        await bench.supervisor.start()
        let state = await bench.supervisor.settled(within: .seconds(20))
        #expect(state.condition == .waiting)
        #expect(
            state.detail.hasPrefix(
                "bus 'meters' cannot be opened: port 'missing' is not there; plug the adapter in; tried again in"))
        #expect(bench.sink.gone.count == 1)
        await bench.supervisor.stop()
    }
}

struct TestFailure: Error {}

extension SampleBlock {
    /// Of its numbers.
    var mantissas: [Int64] { samples.compactMap { $0.value?.number?.mantissa } }
}
