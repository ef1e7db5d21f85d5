/// A place in a file, as an editor counts: the first line and the first column are 1.
public struct SourcePosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The path by which the file was opened.
    public let file: String
    public let line: Int
    /// Counted in characters.
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// Where a value comes from that stands in no file: the built-in default.
    public static let builtIn = SourcePosition(file: "", line: 0, column: 0)

    public var isBuiltIn: Bool { line == 0 }

    public static func < (a: SourcePosition, b: SourcePosition) -> Bool {
        (a.file, a.line, a.column) < (b.file, b.line, b.column)
    }

    /// `gateway.yaml:12:5`, or `default`.
    public var description: String { isBuiltIn ? "default" : "\(file):\(line):\(column)" }
}
