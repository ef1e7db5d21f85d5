internal import Telemetry

/// Finds out what one unknown device is: which questions to ask, and what its answers mean.
///
/// Pure: it names the next request and is handed the answer. It claims a profile only when the device itself says so, by a register
/// that the profile names or in its own words, when no other profile says the same, and when nothing it reads contradicts.
/// Plausible numbers alone make candidates, never a claim: look-alikes exist that swap two quantities and nothing else.
struct DeviceInquiry: Sendable {
    enum Reply: Sendable, Hashable {
        case answer(ModbusAnswer)
        /// Silence, or something broken.
        case nothing
    }

    struct Finding: Sendable {
        enum Verdict: Sendable, Hashable {
            case identified(profile: String, model: String)
            /// Best first; never certain.
            case candidates([String])
            case unknown
        }

        var verdict = Verdict.unknown
        /// Why, in sentences.
        var reasons: [String] = []
        /// What the device says of itself.
        var words: [String] = []
        /// For a device that no profile fits.
        var clues: [RegisterDetective.Clue] = []
        var isSunSpec = false
    }

    /// Where meters that nobody knows keep their momentary values, and how much of it is read.
    static let areas: [(table: RegisterTable, first: Int, count: Int)] = [
        (.input, 0, 80), (.holding, 0, 80), (.holding, 0x0100, 80), (.holding, 0x1000, 80), (.input, 0x1000, 80),
        (.holding, 0x2000, 80), (.holding, 0x5000, 80), (.holding, 19_000, 80), (.holding, 2_999, 80),
        (.holding, 4_096, 80),
    ]
    /// Registers per request in those areas: a device of which nothing is known may take few.
    static let areaStep = 10
    /// SunSpec's three places (SunSpec Device Information Model, clause 6.2), and "SunS".
    static let sunSpecPlaces: [UInt16] = [40_000, 0, 50_000]
    static let sunSpecMark: [UInt16] = [0x5375, 0x6E53]
    /// Values that must look right before a profile is even a candidate, where it has as many: of registers full of small numbers two
    /// do by chance.
    static let leastFitting = 3
    /// A device that answers none of so many questions in a row has gone.
    static let mostSilence = 6

    private enum Stage: Int, Sendable {
        case words, marks, looks, areas, later, done
    }

    private let candidates: [ScanCandidate]
    private var stage = Stage.words
    private var queue: [ModbusRequest] = []
    private var replies: [ModbusRequest: Reply] = [:]
    private var asked: ModbusRequest?
    private var image = RegisterImage()
    private var laterImage = RegisterImage()
    private var silence = 0
    private(set) var finding = Finding()

    init(candidates: [ScanCandidate]) {
        self.candidates = candidates
        queue = [.reportServerIdentifier, .deviceIdentification(code: 1, object: 0)]
    }

    /// What to ask next; nil when nothing more would help: then ``finding`` is complete.
    mutating func next() -> ModbusRequest? {
        if silence >= Self.mostSilence { return finish(because: "it stopped answering while it was being asked") }
        while true {
            while let request = queue.first {
                queue.removeFirst()
                if stage != .later, replies[request] != nil { continue }
                asked = request
                return request
            }
            guard advance() else { return nil }
        }
    }

    mutating func take(_ reply: Reply) {
        guard let asked else { return }
        if reply == .nothing { silence += 1 } else { silence = 0 }
        replies[asked] = reply
        if case .read(let table, let address, _) = asked, case .answer(.words(let words)) = reply {
            if stage == .later {
                laterImage.store(words, table: table, at: Int(address))
            } else {
                image.store(words, table: table, at: Int(address))
            }
        }
        self.asked = nil
    }

    private mutating func finish(because reason: String) -> ModbusRequest? {
        stage = .done
        finding.reasons.append(reason)
        return nil
    }

    /// The next stage's questions.
    private mutating func advance() -> Bool {
        switch stage {
        case .words:
            hearWords()
            stage = .marks
            var questions = Self.sunSpecPlaces.map { ModbusRequest.read(table: .holding, at: $0, count: 2) }
            for candidate in candidates { questions += candidate.identification }
            queue = Self.unique(questions)
        case .marks:
            stage = .looks
            let marked = self.marked
            // A device that names itself is only checked against what it says; any other is compared with all.
            let compared = marked.isEmpty && named.isEmpty ? candidates : marked.map(\.candidate) + named
            queue = Self.unique(compared.flatMap { $0.looks.map(\.request) })
        case .looks:
            judge()
            guard case .unknown = finding.verdict else {
                stage = .done
                return false
            }
            stage = .areas
            queue = Self.areas.flatMap { area in
                stride(from: area.first, to: area.first + area.count, by: Self.areaStep).map {
                    ModbusRequest.read(table: area.table, at: UInt16($0), count: Self.areaStep)
                }
            }
        case .areas:
            stage = .later
            queue = replies.compactMap { request, reply in
                guard case .read(_, _, Self.areaStep) = request, case .answer(.words) = reply else { return nil }
                return request
            }.sorted { $0.words < $1.words }
        case .later:
            finding.clues = RegisterDetective().examine(image, later: laterImage)
            finding.reasons.append(
                finding.clues.isEmpty
                    ? "no profile fits, and no register looks like a voltage"
                    : "no profile fits; what its registers may mean is a guess, to be compared with the display")
            stage = .done
            return false
        case .done: return false
        }
        return true
    }

    private static func unique(_ requests: [ModbusRequest]) -> [ModbusRequest] {
        var seen: Set<ModbusRequest> = []
        return requests.filter { seen.insert($0).inserted }
    }

    // MARK: what it says

    private mutating func hearWords() {
        if case .answer(.serverIdentifier(let bytes))? = replies[.reportServerIdentifier], !bytes.isEmpty {
            finding.words.append("server identifier \(hex(bytes)) \(Self.readable(bytes))")
        }
        if case .answer(.identification(let told))? = replies[.deviceIdentification(code: 1, object: 0)] {
            finding.words.append(told.words)
        }
    }

    private static func readable(_ bytes: [UInt8]) -> String {
        let characters = bytes.filter { (0x20...0x7E).contains($0) }
        return characters.count >= 4 ? "\"\(String(decoding: characters, as: UTF8.self))\"" : ""
    }

    /// Profiles whose name stands in the device's own words; the longest name counts.
    private var named: [ScanCandidate] {
        let text = finding.words.map(ScanCandidate.plain).joined(separator: " ")
        guard !text.isEmpty else { return [] }
        let lengths = candidates.map { candidate in
            candidate.tellingNames.filter { text.contains($0) }.map(\.utf8.count).max() ?? 0
        }
        guard let longest = lengths.max(), longest > 0 else { return [] }
        return zip(candidates, lengths).filter { $0.1 == longest }.map(\.0)
    }

    /// Profiles whose every mark holds, with the model where one names it.
    private var marked: [(candidate: ScanCandidate, model: String)] {
        candidates.compactMap { candidate in
            let answers = candidate.identification.compactMap { request -> ModbusAnswer? in
                if case .answer(let answer)? = replies[request] { answer } else { nil }
            }
            guard case .matches(let model)? = candidate.profile.recognises(answers) else { return nil }
            return (candidate, model)
        }
    }

    private var isSunSpec: Bool {
        Self.sunSpecPlaces.contains { place in
            replies[.read(table: .holding, at: place, count: 2)] == .answer(.words(Self.sunSpecMark))
        }
    }

    // MARK: judgement

    private enum Appearance {
        /// So many values can be, and so many are what they usually are.
        case fits(Int, likely: Int)
        case contradicts(String)
        case nothing
    }

    private func appearance(_ candidate: ScanCandidate) -> Appearance {
        var (fitting, likely) = (0, 0)
        for look in candidate.looks {
            guard case .answer(let answer)? = replies[look.request] else { continue }
            guard let reading = look.reading(answer) else {
                return .contradicts("\(look.value.name) is not there or has no value")
            }
            guard look.range.contains(reading) else {
                return .contradicts(
                    "\(look.value.name) would be \(RegisterDetective.short(reading)) \(look.value.unit)")
            }
            fitting += 1
            if look.isLikely(reading) { likely += 1 }
        }
        return fitting > 0 ? .fits(fitting, likely: likely) : .nothing
    }

    private mutating func judge() {
        if isSunSpec {
            finding.isSunSpec = true
            finding.reasons.append("it holds SunSpec's mark \"SunS\"")
            if let profile = candidates.first(where: { $0.isSunSpec })?.name {
                finding.verdict = .identified(profile: profile, model: "")
                return
            }
        }
        let marked = marked
        let named = named
        if let claim = Self.claim(marked, named) {
            switch appearance(claim.candidate) {
            case .contradicts(let what):
                finding.reasons.append("\(claim.reason), but read as \(claim.candidate.name) \(what)")
                finding.verdict = .candidates([claim.candidate.name])
            case .fits(let count, _):
                finding.reasons.append(
                    "\(claim.reason), and \(count) value\(count == 1 ? "" : "s") read as they should")
                finding.verdict = .identified(profile: claim.candidate.name, model: claim.model)
            case .nothing where Self.isWeak(claim.candidate):
                finding.reasons.append("\(claim.reason), but one register alone may hold that by chance")
                finding.verdict = .candidates([claim.candidate.name])
            case .nothing:
                finding.reasons.append(claim.reason)
                finding.verdict = .identified(profile: claim.candidate.name, model: claim.model)
            }
            return
        }
        let several = marked.map(\.candidate) + named
        if !several.isEmpty {
            let names = Self.ordered(several.map(\.name))
            finding.reasons.append("what it says of itself fits \(names.joined(separator: " and "))")
            finding.verdict = .candidates(names)
            return
        }
        let fitting = candidates.compactMap { candidate -> (String, Int)? in
            guard case .fits(let count, let likely) = appearance(candidate), count >= 2, likely == count,
                count >= min(Self.leastFitting, candidate.looks.count),
                // A profile that knows its product by a register has just been contradicted by it.
                candidate.profile.identification.isEmpty
            else { return nil }
            return (candidate.name, count)
        }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
        guard !fitting.isEmpty else { return }
        finding.verdict = .candidates(fitting.prefix(5).map(\.0))
        finding.reasons.append(
            "it says nothing of itself; read as \(fitting[0].0) its voltages and frequency are plausible, which proves nothing: compare the display"
        )
    }

    /// One 16-bit number is no proof: one in 65,536 registers holds it by chance, and small numbers far more often.
    private static func isWeak(_ candidate: ScanCandidate) -> Bool {
        candidate.profile.identification.reduce(0) { $0 + $1.source.width } < 2
    }

    private static func ordered(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    /// One profile and no other, by a mark or by name; both must mean the same where there are both.
    private static func claim(
        _ marked: [(candidate: ScanCandidate, model: String)], _ named: [ScanCandidate]
    ) -> (candidate: ScanCandidate, model: String, reason: String)? {
        let both = marked.filter { mark in named.contains { $0.name == mark.candidate.name } }
        if both.count == 1, let only = both.first {
            return (
                only.candidate, only.model, "its identification register and its own words name \(only.candidate.name)"
            )
        }
        if named.isEmpty, marked.count == 1, let only = marked.first {
            let lines = only.candidate.profile.identification.map(\.request.words).joined(separator: ", ")
            return (
                only.candidate, only.model, "the register that identifies \(only.candidate.name) holds it (\(lines))"
            )
        }
        if marked.isEmpty, named.count == 1, let only = named.first {
            return (only, "", "it names itself, and only \(only.name) has that name")
        }
        return nil
    }
}
