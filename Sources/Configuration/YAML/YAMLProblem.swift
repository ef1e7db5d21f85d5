/// Why a file is no YAML that this gateway accepts.
struct YAMLProblem: Error, Sendable, Hashable {
    let position: SourcePosition
    let message: String
    let hint: String?
    /// Keys above the place, where they are known.
    let path: [String]

    init(_ position: SourcePosition, _ message: String, hint: String? = nil, path: [String] = []) {
        self.position = position
        self.message = message
        self.hint = hint
        self.path = path
    }
}

/// How much of a file is taken in, so that a hostile or mistaken one cannot exhaust a small gateway.
struct YAMLLimits: Sendable {
    /// Bytes of one file. The largest real profile is under 100 KiB, the largest configuration of 500 devices under 60 KiB.
    var bytes = 1 << 20
    /// Lists and maps inside each other. People write six.
    var depth = 32
    /// Values of one file.
    var nodes = 100_000
}
