// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "cimbus", path: "../.."),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibDBus", pkgConfig: "dbus-1", providers: [.apt(["libdbus-1-dev"])]),
        // The calls that ours are compared with, in C.
        .target(name: "CBaseline", dependencies: ["CLibDBus"]),
        .executableTarget(
            name: "bench",
            dependencies: [
                "CBaseline",
                .product(name: "CIM", package: "cimbus"),
                .product(name: "CIMBusClient", package: "cimbus"),
                .product(name: "CIMBusProvider", package: "cimbus"),
                .product(name: "WireTestKit", package: "cimbus"),
                .product(name: "DBus", package: "cimbus"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    ]
)
