/// One reading of a configuration.
struct LoadSession {
    let environment: @Sendable (String) -> String?
    let boards: [String]
    let drivers: DriverCatalog

    mutating func load(path: String) -> ConfigurationLoad {
        ConfigurationLoad(configuration: nil, diagnostics: [], disabled: [])
    }
}
