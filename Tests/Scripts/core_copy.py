"""Copies CIMBusCore and its tests into a small package of their own, which builds without anything else."""

import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "core",
    dependencies: [.package(path: "%s")],
    targets: [
        .target(name: "CIM"),
        .target(name: "CIMBusCore", dependencies: ["CIM", .product(name: "HeapModule", package: "swift-collections")]),
        .target(name: "SeededRandom", path: "Tests/SeededRandom"),
        .testTarget(name: "CIMBusCoreTests", dependencies: ["CIMBusCore", "SeededRandom"]),
    ],
    swiftLanguageModes: [.v6]
)
"""


def copy_core(folder: pathlib.Path) -> None:
    """Into `folder`, in place of an earlier copy. It uses the checkouts of the package's own build: run `swift build` once before."""
    for part in ["Sources/CIM", "Sources/CIMBusCore", "Tests/CIMBusCoreTests", "Tests/SeededRandom"]:
        shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(ROOT / part, folder / part)
    manifest = folder / "Package.swift"
    text = MANIFEST % (ROOT / ".build/checkouts/swift-collections")
    if not manifest.exists() or manifest.read_text() != text:
        manifest.write_text(text)
