internal import DriverProtocol

/// The tasks that this driver knows. One line each.
enum TaskCatalog {
    /// Makes a task of its arguments; wrong ones are said by the task's first step.
    typealias Maker = (DriverNode) -> any BusTask

    static var makers: [(name: String, make: Maker)] {
        [
            ("raw", { RawTask($0) }),
            ("sniff", { SniffTask($0) }),
            ("ring", { RingTask($0) }),
            ("corrections", { CorrectionsTask($0) }),
            ("scan", { ScanTask($0) }),
            ("plan", { PlanTask($0) }),
            ("profile_check", { ProfileCheckTask($0) }),
            ("profile_explain", { ProfileExplainTask($0) }),
            ("profile_try", { ProfileTryTask($0) }),
        ]
    }

    static var names: [String] { makers.map(\.name) }

    /// nil when nobody knows the name.
    static func make(name: String, arguments: DriverNode) -> (any BusTask)? {
        makers.first { $0.name == name }?.make(arguments)
    }
}
