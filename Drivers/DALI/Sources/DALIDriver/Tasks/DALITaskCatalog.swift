internal import DriverProtocol

/// The tasks that this driver knows. One line each.
enum DALITaskCatalog {
    /// Makes a task of its arguments; wrong ones are said by the task's first step.
    typealias Maker = (DriverNode) -> any DALITask

    static var makers: [(name: String, make: Maker)] { [] }

    static var names: [String] { makers.map(\.name) }

    /// nil when nobody knows the name.
    static func make(name: String, arguments: DriverNode) -> (any DALITask)? {
        makers.first { $0.name == name }?.make(arguments)
    }
}
