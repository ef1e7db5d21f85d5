internal import Telemetry

/// Whether a device is the product that its profile describes, judged by the profile's `identify`.
struct IdentityCheck: Sendable {
    /// A device that answers this many requests, but never one for its identification, is read all the same.
    static let patience = 50

    private struct Line: Sendable {
        let point: Int
        let identification: Identification
        var verdict: Identification.Verdict?
    }

    private enum State: Sendable, Hashable {
        case unknown
        case recognised
        case differs
        /// It refuses the registers, or never answers them.
        case unidentifiable
    }

    private var lines: [Line]
    private var state: State
    private var answersHeld = 0
    private var findings: [String] = []
    private let profile: String
    private(set) var model: String?
    let points: [Int]

    init(_ identification: [Identification], points: [DevicePoint], profile: String) {
        let resolver = RecipeResolver(points: points)
        lines = identification.compactMap { line in
            resolver.hiddenPoint(of: line.source).map { Line(point: $0, identification: line) }
        }
        self.profile = profile
        self.points = lines.map(\.point)
        state = lines.isEmpty ? .recognised : .unknown
    }

    /// Values may be told, or are known to be wrong.
    var isSettled: Bool { state != .unknown }
    var isMismatch: Bool { state == .differs }

    mutating func note(_ point: Int, _ decoded: RegisterCodec.Decoded) {
        for index in lines.indices where lines[index].point == point {
            lines[index].verdict = lines[index].identification.verdict(of: decoded)
        }
        judge()
    }

    mutating func refuse(_ point: Int) {
        for index in lines.indices where lines[index].point == point { lines[index].verdict = .refused }
        if points.contains(point) { judge() }
    }

    /// An answer had to wait for the verdict.
    mutating func held() {
        answersHeld += 1
        guard answersHeld > Self.patience else { return }
        settle(.unidentifiable, "it does not answer for what identifies a \(profile); it is read all the same")
    }

    /// It was away; refusals are remembered elsewhere.
    mutating func forget() {
        guard !lines.isEmpty else { return }
        for index in lines.indices where lines[index].verdict != .refused { lines[index].verdict = nil }
        answersHeld = 0
        state = .unknown
        judge()
    }

    mutating func takeFindings() -> [String] {
        defer { findings = [] }
        return findings
    }

    private mutating func judge() {
        for line in lines {
            if case .differs(let instead)? = line.verdict {
                let source = line.identification.source
                settle(
                    .differs,
                    "this is no \(profile): \(source.words) holds \(instead) instead of \(line.identification.words); "
                        + "its values are marked wrongDevice. Correct the profile or the address, or set force_profile: true"
                )
                return
            }
        }
        guard lines.allSatisfy({ $0.verdict != nil }) else { return }
        if let line = lines.first(where: { $0.verdict == .refused }) {
            settle(
                .unidentifiable,
                "it refuses \(line.identification.source.words), which identifies a \(profile); it is read all the same"
            )
            return
        }
        model =
            lines.lazy.compactMap { line in
                if case .matches(let model)? = line.verdict, !model.isEmpty { model } else { nil }
            }.first
        settle(.recognised, model.map { "recognised as \($0)" } ?? "recognised as \(profile)")
    }

    /// Said once, until it changes.
    private mutating func settle(_ new: State, _ finding: String) {
        guard state != new else { return }
        let isNews = state == .differs || new != .recognised
        state = new
        if isNews { findings.append(finding) }
    }
}
