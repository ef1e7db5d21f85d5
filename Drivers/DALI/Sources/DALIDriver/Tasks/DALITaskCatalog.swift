internal import DriverProtocol

/// The tasks that this driver knows. One line each.
enum DALITaskCatalog {
    /// Makes a task of its arguments; wrong ones are said by the task's first step.
    typealias Maker = (DriverNode) -> any DALITask

    static var makers: [(name: String, make: Maker)] {
        [
            ("raw", RawTask.make),
            ("sniff", SniffTask.make),
            ("ring", RingTask.make),
            ("scan", ScanTask.make),
            ("commission", CommissionTask.make),
            ("identify", IdentifyTask.make),
            ("query", QueryTask.make),
            ("memory", MemoryTask.make),
            ("replace", ReplaceTask.make),
            ("plan", PlanTask.make),
        ]
    }

    static var names: [String] { makers.map(\.name) }

    /// nil when nobody knows the name.
    static func make(name: String, arguments: DriverNode) -> (any DALITask)? {
        makers.first { $0.name == name }?.make(arguments)
    }
}
