internal import DriverKit
internal import Telemetry

/// Every kind of DALI interface this driver knows: one row each. A new one is its own file and a row here.
struct InterfaceKind: Sendable {
    /// As in `interface:` of a bus.
    let name: String
    let vendor: String
    /// The line it speaks on when the bus says nothing else.
    let settings: SerialSettings
    /// The TCP port of its models with a network socket, which speak the same bytes; nil: there are only serial ones.
    let networkPort: Int?
    /// From the end of a question to knowing that nobody answers.
    let silence: Duration
    /// A question's bytes to the interface and the answer's from it, at the speed of its line.
    let turnaround: Duration
    let make: @Sendable () -> any DALIInterface

    static let all: [InterfaceKind] = [
        InterfaceKind(
            name: "luba", vendor: "Lunatone LUBA", settings: SerialSettings(baud: 38_400), networkPort: nil,
            silence: LUBAInterface.replyTimeout + .microseconds(2_450), turnaround: .microseconds(5_700),
            make: { LUBAInterface() }),
        InterfaceKind(
            name: "foxtron", vendor: "Foxtron DALI232", settings: SerialSettings(baud: 19_200, parity: .even),
            networkPort: 23, silence: .microseconds(13_400), turnaround: .microseconds(18_300),
            make: { FoxtronInterface() }),
        InterfaceKind(
            name: "sevenlab", vendor: "SevenLab DALI-USB", settings: SerialSettings(baud: 500_000), networkPort: nil,
            silence: .microseconds(13_400), turnaround: .microseconds(700),
            make: { SevenLabInterface() }),
    ]

    static func named(_ name: String) -> InterfaceKind? { all.first { $0.name == name } }
}
