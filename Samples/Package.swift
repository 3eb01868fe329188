// swift-tools-version: 6.2

import PackageDescription

/// Every target is built in the Swift 6 language mode, and a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "cimbus-samples",
    products: [
        .executable(name: "UnixProcessProvider", targets: ["UnixProcessProvider"]),
        .executable(name: "ClockProvider", targets: ["ClockProvider"]),
        .executable(name: "ClockClient", targets: ["ClockClient"]),
        .executable(name: "FrameworkSample", targets: ["FrameworkSample"]),
    ],
    dependencies: [
        .package(name: "cimbus", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CProcess"),
        .target(
            name: "UnixProcesses",
            dependencies: [
                "CProcess",
                .product(name: "CIM", package: "cimbus"),
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "UnixProcessProvider",
            dependencies: [
                "UnixProcesses",
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "FrameworkSamples",
            dependencies: [
                .product(name: "CIM", package: "cimbus"),
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "DBus", package: "cimbus"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "FrameworkSample",
            dependencies: [
                "FrameworkSamples",
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Clocks",
            dependencies: [
                .product(name: "CIM", package: "cimbus"),
                .product(name: "CIMBusClient", package: "cimbus"),
                .product(name: "CIMBusProvider", package: "cimbus"),
            ],
            swiftSettings: strict,
            plugins: [.plugin(name: "CIMBusMOFPlugin", package: "cimbus")]),
        .executableTarget(
            name: "ClockProvider",
            dependencies: [
                "Clocks",
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "DBus", package: "cimbus"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "ClockClient",
            dependencies: [
                "Clocks",
                .product(name: "CIM", package: "cimbus"),
                .product(name: "CIMBusClient", package: "cimbus"),
                .product(name: "DBus", package: "cimbus"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "FrameworkSamplesTests",
            dependencies: [
                "FrameworkSamples",
                "ClockClient",
                "ClockProvider",
                "FrameworkSample",
                "UnixProcesses",
                "UnixProcessProvider",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CIM", package: "cimbus"),
                .product(name: "WireTestKit", package: "cimbus"),
                .product(name: "DBus", package: "cimbus"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "UnixProcessesTests",
            dependencies: ["CProcess", "UnixProcesses", .product(name: "CIM", package: "cimbus")],
            swiftSettings: strict),
    ]
)
