internal import DriverKit

/// Every kind of DALI interface this driver knows: one row each. A new one is its own file and a row here.
struct InterfaceKind: Sendable {
    /// As in `interface:` of a bus.
    let name: String
    let vendor: String
    /// The line it speaks on when the bus says nothing else.
    let settings: SerialSettings
    /// nil: known by name, not in this version.
    let make: (@Sendable () -> any DALIInterface)?

    static let all: [InterfaceKind] = [
        InterfaceKind(
            name: "luba", vendor: "Lunatone LUBA", settings: SerialSettings(baud: 38_400), make: { LUBAInterface() }),
        InterfaceKind(
            name: "foxtron", vendor: "Foxtron DALI232", settings: SerialSettings(baud: 19_200, parity: .even), make: nil
        ),
        InterfaceKind(
            name: "sevenlab", vendor: "SevenLab DALI-USB", settings: SerialSettings(baud: 500_000), make: nil),
    ]

    static func named(_ name: String) -> InterfaceKind? { all.first { $0.name == name } }
}
