// swift-tools-version: 6.2
import PackageDescription

/// Every target of the house is built under the same strict rules; warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")

/// A room of `Sources/`; its arrows are its dependencies (docs/architecture.md).
func room(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(name)", exclude: exclude, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency], path: String) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: path ?? "Tests/\(name)",
        exclude: exclude, swiftSettings: strict)
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "candela",
    products: [
        .executable(name: "candelad", targets: ["candelad"]),
        .executable(name: "candela", targets: ["candela"]),
        .executable(name: "candela-sim", targets: ["candela-sim"]),
        .executable(name: "candela-driver-modbus", targets: ["candela-driver-modbus"]),
        .executable(name: "candela-driver-dali", targets: ["candela-driver-dali"]),
        .library(name: "DriverKit", targets: ["DriverKit", "DriverProtocol", "Telemetry"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        systemLibrary("CModbus", pkgConfig: "libmodbus", apt: "libmodbus-dev"),
        systemLibrary("CSerialPort", pkgConfig: "libserialport", apt: "libserialport-dev"),
        systemLibrary("CMosquitto", pkgConfig: "libmosquitto", apt: "libmosquitto-dev"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        systemLibrary("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        systemLibrary("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        // Loaded when it is needed, so nothing links it.
        .target(name: "CCurl", path: "Sources/CCurl"),
        .target(name: "CLinux", path: "Sources/CLinux"),

        room("Telemetry", []),
        room("DriverProtocol", ["Telemetry", protobuf], exclude: ["driver.proto"]),
        room("DriverKit", ["DriverProtocol", "Telemetry", "CLinux", "CSerialPort", protobuf]),
        room("Configuration", ["Telemetry", "CYAML"]),
        room("Normalization", ["Telemetry"]),
        room("Outbox", ["Telemetry", "CSQLite", "CLinux"]),
        room("Uplinks", ["Telemetry", "CMosquitto", "CCurl", "CZlib", "CLinux", logging]),
        room("Lighting", ["Telemetry"]),
        room("Supervision", ["DriverProtocol", "Telemetry", "CLinux", logging, protobuf]),
        room("ControlProtocol", ["Telemetry", "CLinux", protobuf], exclude: ["control.proto"]),
        room(
            "Runtime",
            [
                "Telemetry", "DriverProtocol", "Configuration", "Normalization", "Outbox", "Uplinks", "Lighting",
                "Supervision", "ControlProtocol", "CLinux", logging, lifecycle, protobuf,
            ]),
        room("FieldSimulator", ["Telemetry", "CLinux"]),

        .target(
            name: "ModbusDriver", dependencies: ["DriverKit", "DriverProtocol", "Telemetry", "CModbus", "CLinux"],
            path: "Drivers/Modbus/Sources/ModbusDriver", swiftSettings: strict),
        .target(
            name: "DALIDriver", dependencies: ["DriverKit", "DriverProtocol", "Telemetry"],
            path: "Drivers/DALI/Sources/DALIDriver", swiftSettings: strict),
        program(
            "candela-driver-modbus", ["ModbusDriver", "DriverKit"],
            path: "Drivers/Modbus/Sources/candela-driver-modbus"),
        program(
            "candela-driver-dali", ["DALIDriver", "DriverKit"], path: "Drivers/DALI/Sources/candela-driver-dali"),
        program(
            "candelad", ["Runtime", "Configuration", arguments, logging, lifecycle, signals], path: "Sources/candelad"),
        program(
            "candela",
            [
                "Runtime", "Configuration", "ControlProtocol", "Supervision", "DriverProtocol", "Telemetry", "CLinux",
                arguments, logging, protobuf,
            ], path: "Sources/candela"),
        program("candela-sim", ["FieldSimulator", "Telemetry", "CLinux", arguments], path: "Sources/candela-sim"),

        .target(name: "TestSupport", dependencies: ["CLinux"], path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "DriverTestSupport", dependencies: ["DriverProtocol", "Telemetry", "TestSupport", protobuf],
            path: "Tests/DriverTestSupport", swiftSettings: strict),
        tests("TelemetryTests", ["Telemetry"]),
        tests("DriverProtocolTests", ["DriverProtocol", "Telemetry", protobuf]),
        tests("DriverKitTests", ["DriverKit", "DriverProtocol", "Telemetry", "CLinux"]),
        tests("ConfigurationTests", ["Configuration", "Telemetry"], exclude: ["Fixtures"]),
        tests("NormalizationTests", ["Normalization", "Telemetry"]),
        tests("OutboxTests", ["Outbox", "Telemetry", "CSQLite"]),
        tests("UplinksTests", ["Uplinks", "Telemetry", logging], exclude: ["Python"]),
        tests("LightingTests", ["Lighting", "Telemetry"], exclude: ["Python"]),
        tests("SupervisionTests", ["Supervision", "DriverProtocol", "Telemetry", "CLinux", logging]),
        tests("ControlProtocolTests", ["ControlProtocol", "CLinux"]),
        tests(
            "RuntimeTests",
            ["Runtime", "Configuration", "DriverProtocol", "Lighting", "Normalization", "Outbox", "Telemetry", logging]),
        tests("FieldSimulatorTests", ["FieldSimulator", "Telemetry"], exclude: ["Python"]),
        tests("CLITests", ["ControlProtocol", "Telemetry", "CLinux"], exclude: ["Snapshots"]),
        tests("ArchitectureTests", []),
        tests("EndToEndTests", ["Telemetry"], exclude: ["Python"]),
        tests(
            "ModbusDriverTests",
            ["ModbusDriver", "DriverKit", "DriverProtocol", "DriverTestSupport", "Telemetry", "CLinux", protobuf],
            path: "Drivers/Modbus/Tests", exclude: ["Python", "Transcripts"]),
        tests(
            "DALIDriverTests",
            [
                "DALIDriver", "DriverKit", "DriverProtocol", "DriverTestSupport", "FieldSimulator", "Lighting",
                "Telemetry",
                protobuf,
            ],
            path: "Drivers/DALI/Tests"),
    ]
)
