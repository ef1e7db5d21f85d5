internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Says everything that is wrong with a profile, or looks like it. Needs no port.
///
/// Result: `diagnostics`, each with `severity`, `path`, `at_key` and `message`, so that the tool can point at the line.
final class ProfileCheckTask: BusTask {
    private let arguments: DriverNode

    init(_ arguments: DriverNode) { self.arguments = arguments }

    func step(_ bench: any TaskBench) -> TaskProgress { Self.check(arguments) }

    func cancel(_ bench: any TaskBench) {}

    static func check(_ node: DriverNode) -> TaskProgress {
        let arguments: ProfileTaskArguments
        do throws(ProfileTaskArguments.Problem) {
            arguments = try ProfileTaskArguments(node)
        } catch {
            return .failed(error.reason)
        }
        let diagnostics = Diagnostics()
        let profile = ProfileTaskArguments.read(arguments.name, arguments.content, diagnostics)
        if !diagnostics.hasErrors(.profile, name: profile.name) {
            // Mistakes in the others are their own affair.
            let library = arguments.library.map { ProfileTaskArguments.read($0.name, $0.content, Diagnostics()) }
            ProfileLint(profile: profile, diagnostics: diagnostics, library: library).check()
        }
        return .done(
            TaskNode.map([
                ("diagnostics", TaskNode.list(diagnostics.all.map(node(of:)))),
                ("values", TaskNode.number(profile.values.count)), ("tests", TaskNode.number(profile.tests.count)),
            ]))
    }

    private static func node(of diagnostic: DriverDiagnostic) -> DriverNode {
        TaskNode.map([
            ("severity", TaskNode.text(diagnostic.severity == .warning ? "warning" : "error")),
            ("path", TaskNode.list(diagnostic.path.map { TaskNode.text($0) })),
            ("at_key", TaskNode.flag(diagnostic.atKey)), ("message", TaskNode.text(diagnostic.message)),
        ])
    }
}

/// Lists each value of a profile with its address on the wire and the manual's number. Needs no port.
final class ProfileExplainTask: BusTask {
    private let arguments: DriverNode

    init(_ arguments: DriverNode) { self.arguments = arguments }

    func step(_ bench: any TaskBench) -> TaskProgress { Self.explain(arguments) }

    func cancel(_ bench: any TaskBench) {}

    static func explain(_ node: DriverNode) -> TaskProgress {
        do throws(ProfileTaskArguments.Problem) {
            let profile = try ProfileTaskArguments(node).usable()
            var facts: [(String, DriverNode)] = [
                ("profile", TaskNode.text(profile.identity)), ("status", TaskNode.text(profile.status)),
            ]
            if !profile.identification.isEmpty {
                facts.append(
                    (
                        "identified_by",
                        TaskNode.list(
                            profile.identification.map { TaskNode.text("\($0.source.words): \($0.words)") })
                    ))
            }
            facts.append(("values", TaskNode.list(profile.values.map { row($0, profile) })))
            return .done(TaskNode.map(facts))
        } catch {
            return .failed(error.reason)
        }
    }

    private static func row(_ value: ProfileValue, _ profile: ModbusProfile) -> DriverNode {
        let written = profile.base.written(value.ownAddress, value.table)
        var made = value.codec.type.name
        if value.codec.layout.isLowWordFirst, value.codec.type.width > 1 { made += " low first" }
        if value.codec.coding != .plain { made += " \(value.codec.coding.rawValue)" }
        var row: [(String, DriverNode)] = [
            ("point", TaskNode.text(value.name)),
            (
                "wire",
                TaskNode.text(value.isDerived ? "sum" : "\(value.table.rawValue) \(hex(UInt16(value.ownAddress)))")
            ),
            ("manual", TaskNode.text(value.manual ?? (value.isDerived ? "" : written))),
            ("as", TaskNode.text(value.isDerived ? "" : made)),
            ("scale", TaskNode.text(value.isDerived ? "" : value.codec.scale.description)),
            ("unit", TaskNode.text(value.unit)),
        ]
        let others = (value.recipe?.operands ?? []).map { operand in
            switch operand {
            case .register(let source): source.words
            case .point(let name): name
            }
        }
        if !others.isEmpty { row.append(("with", TaskNode.text(others.joined(separator: ", ")))) }
        return TaskNode.map(row)
    }
}
