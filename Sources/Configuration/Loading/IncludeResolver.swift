/// Reads the main file and what it includes, and lays their sections together.
final class IncludeResolver {
    /// More files than one site ever has; a glob over the wrong folder is found out by it.
    static let mostFiles = 256

    private let collector: DiagnosticCollector
    /// Every file read, the main one first.
    private(set) var files: [String] = []
    /// Canonical path of each file read, and where it was included.
    private var included: [String: SourcePosition] = [:]
    private var merged: [YAMLEntry] = []

    init(collector: DiagnosticCollector) { self.collector = collector }

    /// - Returns: all sections of all files; nil when the main file cannot be read.
    func load(path: String) -> YAMLNode? {
        guard read(path, from: nil, chain: []) else { return nil }
        return YAMLNode(.map(merged), at: SourcePosition(file: path, line: 1, column: 1))
    }

    private func read(_ path: String, from place: SourcePosition?, chain: [String]) -> Bool {
        let identity = Files.canonical(path)
        let start = SourcePosition(file: path, line: 1, column: 1)
        if let place {
            if let first = chain.firstIndex(of: identity) {
                let circle = (chain[first...] + [identity]).map(Files.name(of:)).joined(separator: " -> ")
                collector.report(
                    .error, at: place, "files include each other in a circle (\(circle)); expected each file once")
                return false
            }
            if let earlier = included[identity] {
                collector.report(
                    .error, at: place, "\(path) is included twice; expected it once, the other is at \(earlier)")
                return false
            }
            guard files.count < Self.mostFiles else {
                collector.report(
                    .error, at: place, "more than \(Self.mostFiles) files are included; expected a few per site")
                return false
            }
        }
        included[identity] = place ?? start
        let limits = YAMLLimits()
        let document: YAMLDocument
        do throws(FileProblem) {
            let bytes = try Files.read(path, limit: limits.bytes)
            files.append(path)
            do throws(YAMLProblem) { document = try YAMLDocument(parsing: bytes, file: path, limits: limits) } catch {
                collector.report(.error, at: error.position, error.message, hint: error.hint)
                return false
            }
        } catch {
            let what = place == nil ? "the configuration" : "the included file \(path)"
            collector.report(.error, at: place ?? start, "\(what) cannot be read: \(error.message)")
            return false
        }
        for problem in document.problems {
            collector.report(
                .error, at: problem.position, problem.message, hint: problem.hint,
                subject: Self.subject(of: problem.path))
        }
        guard let entries = document.root.entries else {
            collector.report(
                .error, at: document.root.position,
                "the file holds \(document.root.kindName); expected a map of sections such as `gateway:` and `devices:`"
            )
            return false
        }
        for entry in entries where entry.key != "include" { merge(entry) }
        if let includes = document.root["include"] { follow(includes, in: path, chain: chain + [identity]) }
        return true
    }

    private func follow(_ includes: YAMLNode, in path: String, chain: [String]) {
        guard let patterns = includes.items ?? (includes.scalar == nil ? nil : [includes]) else {
            collector.report(
                .error, at: includes.position,
                "`include` is \(includes.kindName); expected a list of files such as [devices/*.yaml]")
            return
        }
        for pattern in patterns {
            guard let text = pattern.scalar, !text.isEmpty else {
                collector.report(
                    .error, at: pattern.position,
                    "`include` holds \(pattern.kindName); expected a file such as devices/*.yaml")
                continue
            }
            let full = Files.join(Files.folder(of: path), text)
            guard text.contains(where: { "*?[".contains($0) }) else {
                _ = read(full, from: pattern.position, chain: chain)
                continue
            }
            let found = Files.matches(full)
            if found.isEmpty {
                collector.report(.warning, at: pattern.position, "no file matches \(full)")
            }
            for file in found { _ = read(file, from: pattern.position, chain: chain) }
        }
    }

    /// Sections of named parts grow from file to file; everything else stands in one file only.
    private func merge(_ entry: YAMLEntry) {
        guard let index = merged.firstIndex(where: { $0.key == entry.key }) else {
            merged.append(entry)
            return
        }
        guard let old = merged[index].value.entries, let new = entry.value.entries, Self.isShared(entry.key) else {
            // An empty section is no clash.
            if entry.value.isNull { return }
            if merged[index].value.isNull {
                merged[index] = entry
                return
            }
            clash(entry, merged[index], path: [entry.key])
            return
        }
        merged[index].value.content = .map(join(old, new, path: [entry.key]))
    }

    private func join(_ old: [YAMLEntry], _ new: [YAMLEntry], path: [String]) -> [YAMLEntry] {
        var result = old
        for entry in new {
            guard let index = result.firstIndex(where: { $0.key == entry.key }) else {
                result.append(entry)
                continue
            }
            // lighting.programs of two files are one section, as devices are.
            if path == ["lighting"], let inner = result[index].value.entries, let more = entry.value.entries {
                result[index].value.content = .map(join(inner, more, path: path + [entry.key]))
            } else {
                clash(entry, result[index], path: path + [entry.key])
            }
        }
        return result
    }

    private func clash(_ entry: YAMLEntry, _ earlier: YAMLEntry, path: [String]) {
        collector.report(
            .error, at: entry.keyPosition,
            "\"\(path.joined(separator: "."))\" is declared in two files; expected it once, the other is at \(earlier.keyPosition)",
            subject: Self.subject(of: path))
    }

    private static func isShared(_ section: String) -> Bool {
        ["buses", "devices", "uplinks", "lighting"].contains(section)
    }

    /// The part that a place belongs to; nil where it belongs to the file as a whole.
    static func subject(of path: [String]) -> ConfigurationPart? {
        guard path.count >= 2 else { return nil }
        switch path[0] {
        case "buses": return .bus(path[1])
        case "devices": return .device(path[1])
        case "uplinks": return .uplink(path[1])
        case "lighting": return .lighting(path.dropFirst().prefix(2).joined(separator: "."))
        default: return nil
        }
    }
}
