internal import DriverKit
internal import DriverProtocol

/// A profile as a task is handed it: `{profile: NAME, content: {...}, profiles: {NAME: {...}}}`.
struct ProfileTaskArguments {
    let name: String
    let content: DriverNode
    /// Others to compare it with.
    let library: [(name: String, content: DriverNode)]
    /// Keys that only one task knows.
    let keys: NodeMap
    let diagnostics = Diagnostics()

    /// What is missing, in a sentence.
    struct Problem: Error {
        let reason: String
    }

    init(_ node: DriverNode) throws(Problem) {
        keys = NodeMap(node, place: NodePlace(.bus), diagnostics: diagnostics)
        guard let name = keys.text("profile"), let content = keys.value("content") else {
            throw Problem(reason: "the task needs a profile's name and its content")
        }
        self.name = name
        self.content = content.node
        _ = keys.value("source")
        library = (keys.map("profiles")?.all() ?? []).map { ($0.key, $0.value.node) }
    }

    /// The profile, with everything that is wrong with it in `diagnostics`.
    static func read(_ name: String, _ content: DriverNode, _ diagnostics: Diagnostics) -> ModbusProfile {
        var profile = DriverProfile()
        profile.name = name
        profile.content = content
        return ProfileReader(profile, diagnostics: diagnostics).read()
    }

    /// The profile, if it can be used.
    func usable() throws(Problem) -> ModbusProfile {
        let found = Diagnostics()
        let profile = Self.read(name, content, found)
        if let error = found.all.first(where: { $0.severity == .error }) {
            let place = error.path.isEmpty ? "" : " (\(error.path.joined(separator: ".")))"
            throw Problem(reason: "the profile \(name) has errors: \(error.message)\(place)")
        }
        return profile
    }
}

/// Puts together what a task says.
enum TaskNode {
    static func text(_ text: String) -> DriverNode {
        var node = DriverNode()
        node.text = text
        return node
    }

    static func number(_ number: Int) -> DriverNode {
        var node = DriverNode()
        node.number = String(number)
        return node
    }

    static func number(written text: String) -> DriverNode {
        var node = DriverNode()
        node.number = text
        return node
    }

    static func flag(_ flag: Bool) -> DriverNode {
        var node = DriverNode()
        node.flag = flag
        return node
    }

    static func list(_ items: [DriverNode]) -> DriverNode {
        var node = DriverNode()
        node.list = DriverNode.List()
        node.list.items = items
        return node
    }

    static func map(_ entries: [(String, DriverNode)]) -> DriverNode {
        var node = DriverNode()
        node.map = DriverNode.Map()
        node.map.entries = entries.map { key, value in
            var entry = DriverNode.Entry()
            entry.key = key
            entry.value = value
            return entry
        }
        return node
    }
}
