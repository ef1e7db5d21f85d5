import Configuration
import TestSupport
import Testing

@testable import Runtime

struct ConfigurationKeeperTests {
    static let sound = """
        gateway: {id: keeper-test}
        include: [more.yaml]
        buses:
          meters: {driver: modbus, port: "tcp://127.0.0.1:502"}
        """
    static let more = """
        devices:
          feeder-a: {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A}
        """

    func keeper(_ folder: TemporaryFolder) -> ConfigurationKeeper {
        ConfigurationKeeper(
            path: folder("etc/gateway.yaml"), driverFolders: [Project.root + "/Drivers"],
            boardFolders: [Project.root + "/Boards"])
    }

    @Test func `an unusable file gives way to the last good one, with all that it included`() throws {
        let folder = TemporaryFolder()
        folder.write("etc/gateway.yaml", Self.sound)
        folder.write("etc/more.yaml", Self.more)
        let keeper = keeper(folder)
        let first = try keeper.choose(stateDirectory: folder("state"))
        #expect(!first.runsLastGood)
        #expect(first.configuration.devices.map(\.name) == ["feeder-a"])

        folder.write("etc/gateway.yaml", "gateway: {id: [}")
        folder.write("etc/more.yaml", "also: broken")
        let second = try keeper.choose(stateDirectory: folder("state"))
        #expect(second.runsLastGood)
        #expect(second.configuration.id == "keeper-test")
        #expect(second.configuration.devices.map(\.name) == ["feeder-a"])
        #expect(second.refused.first?.file.hasSuffix("etc/gateway.yaml") == true)
    }

    @Test func `without a last good one an unusable file is said to be unusable`() {
        let folder = TemporaryFolder()
        folder.write("etc/gateway.yaml", "\tgateway: {id: x}")
        #expect(throws: ConfigurationKeeper.Unusable.self) {
            try keeper(folder).choose(stateDirectory: folder("state"))
        }
    }

    @Test func `a file with an error in one device runs without it and does not become the last good one`() throws {
        let folder = TemporaryFolder()
        folder.write("etc/gateway.yaml", Self.sound)
        folder.write(
            "etc/more.yaml", Self.more + "\n  typo: {bus: meters, address: 2, profile: eastron-sdm630, intervall: 5s}\n"
        )
        let choice = try keeper(folder).choose(stateDirectory: folder("state"))
        #expect(choice.configuration.devices.map(\.name) == ["feeder-a"])
        #expect(choice.load.disabled.map(\.part) == [.device("typo")])
        #expect(!TestFiles.exists(folder("state/last-good/main")))
    }
}
