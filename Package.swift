// swift-tools-version: 6.2

import PackageDescription

/// Every target is built in the Swift 6 language mode, and a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

/// `make release` builds cimbus-adopter without ServiceLifecycle, which an adopter does not use: a tenth of what it weighs.
let isWithoutLifecycle = Context.environment["CIMBUS_WITHOUT_SERVICE_LIFECYCLE"] != nil
let lifecycle: [Target.Dependency] =
    isWithoutLifecycle ? [] : [.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")]
let lifecycleSettings: [SwiftSetting] = isWithoutLifecycle ? [.define("WITHOUT_SERVICE_LIFECYCLE")] : []

let package = Package(
    name: "cimbus",
    products: [
        .library(name: "DBus", targets: ["DBus"]),
        .library(name: "CIM", targets: ["CIM"]),
        .library(name: "CIMMOF", targets: ["CIMMOF"]),
        .library(name: "CIMRepository", targets: ["CIMRepository"]),
        .library(name: "CIMQuery", targets: ["CIMQuery"]),
        .library(name: "CIMBusProvider", targets: ["CIMBusProvider"]),
        .library(name: "CIMBusClient", targets: ["CIMBusClient"]),
        .library(name: "CIMBusTestKit", targets: ["CIMBusTestKit"]),
        // For the samples' and benchmarks' own tests: the contract, spoken by hand.
        .library(name: "WireTestKit", targets: ["WireTestKit"]),
        .plugin(name: "CIMBusMOFPlugin", targets: ["CIMBusMOFPlugin"]),
        .executable(name: "cimbusd", targets: ["cimbusd"]),
        .executable(name: "cimctl", targets: ["cimctl"]),
        .executable(name: "cimbus-adopter", targets: ["cimbus-adopter"]),
        .executable(name: "cimbus-varlink", targets: ["cimbus-varlink"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // For `make docs` alone.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        .systemLibrary(name: "CDBus", pkgConfig: "dbus-1", providers: [.apt(["libdbus-1-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CIM", swiftSettings: strict),
        .target(name: "CIMMOF", dependencies: ["CIM"], swiftSettings: strict),
        .target(name: "CIMMOFFiles", dependencies: ["CIM", "CIMMOF"], swiftSettings: strict),
        .target(name: "CIMGeneration", dependencies: ["CIM", "CIMMOF"], swiftSettings: strict),
        .target(name: "CIMQuery", dependencies: ["CIM"], swiftSettings: strict),
        .target(name: "CIMJSON", dependencies: ["CIM"], swiftSettings: strict),
        .target(
            name: "CIMRepository",
            dependencies: ["CIM", "CIMMOF", "CSQLite"],
            swiftSettings: strict),
        .target(
            name: "CIMBusCore",
            dependencies: [
                "CIM",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "DBus",
            dependencies: [
                "CDBus", .product(name: "HeapModule", package: "swift-collections"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(name: "CIMBusWire", dependencies: ["CIM", "DBus"], swiftSettings: strict),
        .target(
            name: "CIMBusBroker",
            dependencies: [
                "CIM", "CIMMOF", "CIMQuery", "CIMRepository", "CIMBusCore", "CIMBusWire", "DBus",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "CIMBusProvider",
            dependencies: [
                "CIM", "CIMBusWire", "CIMQuery", "DBus",
                .product(name: "Logging", package: "swift-log"),
            ] + lifecycle,
            swiftSettings: strict + lifecycleSettings),
        .target(name: "CIMAdoption", dependencies: ["CIM", "CIMMOF", "DBus"], swiftSettings: strict),
        .target(
            name: "CIMBusAdopter",
            dependencies: [
                "CIM", "CIMAdoption", "CIMBusProvider", "CIMBusWire", "CIMMOF", "CIMQuery", "DBus",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "CIMBusClient",
            dependencies: ["CIM", "CIMBusWire", "DBus", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .executableTarget(
            name: "cimbusd",
            dependencies: [
                "CIMBusBroker", "DBus",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "cimbus-adopter",
            dependencies: [
                "CIM", "CIMAdoption", "CIMBusAdopter", "CIMBusProvider", "CIMBusWire", "DBus",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "cimctl",
            dependencies: [
                "CIM", "CIMAdoption", "CIMBusClient", "CIMBusWire", "CIMGeneration", "CIMJSON", "CIMMOF", "CIMMOFFiles", "CIMQuery", "DBus",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "cimbus-varlink",
            dependencies: [
                "CIM", "CIMBusClient", "CIMBusWire", "CIMJSON", "CIMMOF", "DBus",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "cimbus-generate", dependencies: ["CIM", "CIMGeneration", "CIMMOF", "CIMMOFFiles"], swiftSettings: strict),
        .plugin(name: "CIMBusMOFPlugin", capability: .buildTool(), dependencies: ["cimbus-generate"]),
        .target(
            name: "WireTestKit", dependencies: ["CIM", "CIMBusWire", "DBus"], path: "Tests/WireTestKit", swiftSettings: strict),
        .target(
            name: "CIMBusTestKit", dependencies: ["CIMBusClient", "CIMBusProvider", "WireTestKit"], path: "Tests/CIMBusTestKit",
            swiftSettings: strict),
        .target(
            name: "SDKTestKit",
            dependencies: [
                "CIM", "CIMBusClient", "CIMBusProvider", "WireTestKit", "CIMBusWire", "DBus",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/SDKTestKit", swiftSettings: strict),
        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
        .executableTarget(
            name: "FaultyProvider", dependencies: ["CIM", "CIMBusWire", "DBus"], path: "Tests/FaultyProvider", swiftSettings: strict),
        .executableTarget(
            name: "Torture",
            dependencies: [
                "CIM", "CIMBusProvider", "WireTestKit", "CIMBusWire", "DBus", "SeededRandom",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Torture", swiftSettings: strict),
        .executableTarget(
            name: "RepositoryWriter", dependencies: ["CIM", "CIMRepository"], path: "Tests/RepositoryWriter", swiftSettings: strict),
        .testTarget(name: "CIMTests", dependencies: ["CIM"], swiftSettings: strict),
        .testTarget(
            name: "CIMGenerationTests",
            dependencies: [
                "CIM", "CIMBusClient", "CIMBusProvider", "WireTestKit", "CIMGeneration", "CIMMOF", "CIMMOFFiles", "SDKTestKit",
            ],
            exclude: ["MOF"], swiftSettings: strict),
        .testTarget(name: "CIMMOFTests", dependencies: ["CIM", "CIMMOF", "SeededRandom"], swiftSettings: strict),
        .testTarget(
            name: "CIMRepositoryTests",
            dependencies: [
                "CIM", "WireTestKit", "CIMMOF", "CIMRepository", "RepositoryWriter", "SeededRandom", "CSQLite",
            ],
            swiftSettings: strict),
        .testTarget(name: "CIMAdoptionTests", dependencies: ["CIM", "CIMAdoption", "CIMMOF", "DBus"], swiftSettings: strict),
        .testTarget(
            name: "CIMBusAdopterTests",
            dependencies: [
                "CIM", "CIMAdoption", "CIMBusAdopter", "CIMBusClient", "WireTestKit", "CIMBusWire", "CIMMOF", "CIMQuery", "DBus",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(name: "CIMQueryTests", dependencies: ["CIM", "CIMQuery", "SeededRandom"], swiftSettings: strict),
        .testTarget(name: "CIMBusCoreTests", dependencies: ["CIMBusCore", "SeededRandom"], swiftSettings: strict),
        .testTarget(
            name: "CIMBusBrokerTests",
            dependencies: ["CIM", "CIMBusBroker", "CIMBusCore", "CIMBusWire", "CIMMOF", "CIMRepository", "DBus"], swiftSettings: strict),
        .testTarget(name: "DBusTests", dependencies: ["CDBus", "DBus", "WireTestKit", "SeededRandom"], swiftSettings: strict),
        .testTarget(
            name: "Integration", dependencies: ["CIM", "CIMBusCore", "WireTestKit", "CIMBusWire", "CIMMOF", "DBus"], swiftSettings: strict
        ),
        .testTarget(
            name: "CIMBusWireTests", dependencies: ["CIM", "CIMBusWire", "CIMMOF", "DBus", "SeededRandom"], swiftSettings: strict),
        .testTarget(
            name: "CIMBusProviderTests",
            dependencies: [
                "CIM", "CIMBusClient", "CIMBusProvider", "CIMBusTestKit", "WireTestKit", "CIMBusWire", "DBus", "SDKTestKit",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CIMBusClientTests",
            dependencies: ["CIM", "CIMBusClient", "CIMBusProvider", "WireTestKit", "CIMBusWire", "DBus", "SDKTestKit"],
            swiftSettings: strict),
        .testTarget(
            name: "CIMBusMITests",
            dependencies: ["CIM", "CIMBusClient", "CIMBusProvider", "WireTestKit", "CIMBusWire", "DBus", "SDKTestKit"],
            swiftSettings: strict),
        .testTarget(
            name: "CIMBusVarlinkTests", dependencies: ["cimbus-varlink", "CIM", "CIMJSON", "DBus", "WireTestKit"], swiftSettings: strict),
        .testTarget(
            name: "cimctlTests",
            dependencies: [
                "cimctl", "CIM", "CIMBusClient", "CIMBusWire", "WireTestKit", "CIMMOF", "DBus",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
    ]
)
