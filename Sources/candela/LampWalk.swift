import ArgumentParser
import Runtime
import Telemetry

/// Lamp by lamp through the street: each blinks until a name is typed. Nothing is left behind when it is broken off: blinking ends by
/// itself, and nothing is written before the end.
struct LampWalk {
    /// What a technician answers to one lamp.
    enum Answer: Equatable {
        case keep
        case name(String)
        case again
        case end
        case wrong(String)

        init(_ line: String?, taken: Set<String>) {
            guard let line else {
                self = .end
                return
            }
            let text = line.split(separator: " ").joined(separator: " ")
            switch text {
            case "": self = .keep
            case "q": self = .end
            case "r": self = .again
            default:
                if !Self.isName(text) {
                    self = .wrong("a name is 1 to 64 of a-z, 0-9 and -")
                } else if taken.contains(text) {
                    self = .wrong("\(text) is another lamp already")
                } else {
                    self = .name(text)
                }
            }
        }

        private static func isName(_ text: String) -> Bool {
            (1...64).contains(text.utf8.count)
                && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
        }
    }

    let options: SharedOptions
    let place: TaskPlace

    /// - Returns: entries of the lamps that were walked to.
    func run() async throws -> [String] {
        let task = LampTask(options)
        Output.complain("looking who is there...")
        // Between the polls of a full bus this takes minutes: who waits sees that something happens.
        let scan = try await task.run(TaskOrder("scan"), at: place) { step in
            if let line = step["line"]?.text { Output.complain(line) }
        }
        let gear = LampView.items(scan["gear"])
        guard !gear.isEmpty else { throw CommandFailure(ExitStatus.noAnswer, "nothing answered on this bus") }
        Output.complain("\(Formats.count(gear.count, "lamp")). Enter keeps the name, r blinks again, q ends.")
        var taken = Set(gear.compactMap { $0["device"]?.text })
        var entries: [String] = []
        for (index, one) in gear.enumerated() {
            guard let address = one["address"], let entry = one["entry"]?.text else { continue }
            let old = one["device"]?.text
            let proposed = old ?? Self.name(of: entry)
            var isDone = false
            while !isDone {
                _ = try await task.run(TaskOrder("identify", [.init("address", address)]), at: place, onStep: { _ in })
                let question =
                    "\(index + 1) of \(gear.count), short address \(FindingView.plain(address)) blinks. Name [\(proposed)]: "
                Output.write(2, Formats.clean(question))
                switch Answer(readLine(), taken: taken.subtracting([proposed])) {
                case .keep:
                    entries.append(entry)
                    isDone = true
                case .name(let name):
                    taken.insert(name)
                    entries.append(Self.renamed(entry, name, was: old))
                    isDone = true
                case .again: continue
                case .wrong(let why): Output.complain(why)
                case .end: return entries
                }
            }
        }
        return entries
    }

    static func name(of entry: String) -> String { String(entry.prefix { $0 != ":" }) }

    /// The same gear under another name; a lamp of the configuration says what it was called.
    static func renamed(_ entry: String, _ name: String, was: String?) -> String {
        let rest = entry.drop { $0 != ":" }
        guard let was, was != name, rest.last == "}" else { return name + rest }
        return name + rest.dropLast() + ", was: \(was)}"
    }
}
