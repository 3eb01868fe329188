import CIMGeneration
import CIMMOFFiles
import Glibc
import Testing
import WireTestKit

/// What Swift's compiler says of generated code, and of code that uses it wrongly.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CompilerTests {
    /// What a compiler says of a text, as a module of its own that may use the library; empty: nothing.
    private func complaints(about text: String) async throws -> String {
        let folder = BuildFolder.path(of: "Modules")
        var template = Array("/tmp/cimbus-generated-XXXXXX.swift".utf8CString)
        let descriptor = mkstemps(&template, 6)
        guard descriptor >= 0 else { throw ProcessError(description: "mkstemps: errno \(errno)") }
        close(descriptor)
        let path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        defer { unlink(path) }
        try TextFile.write(text, to: path)
        let modules = "\(GeneratedSources.root)/Sources/CDBus/module.modulemap"
        let command =
            "swiftc -typecheck -swift-version 6 -warnings-as-errors -parse-as-library -package-name cimbus-user -module-name Generated -I '\(folder)' "
            + "-Xcc -fmodule-map-file='\(modules)' $(pkg-config --cflags dbus-1 | sed 's/-I/-Xcc -I/g') '\(path)' 2>&1"
        let (output, end) = try await ChildProcess.output("/bin/sh", ["-c", command])
        if end == .exited(0) { return output }
        return output.isEmpty ? "\(end)" : output
    }

    @Test("The mappings of D-Bus services that are shipped become types, functions and protocols that compile")
    func mappings() async throws {
        let files = try GeneratedSources.files(
            "dbus/adopt/bus.mof", "dbus/adopt/hostname1.mof", "dbus/adopt/login1.mof", "dbus/adopt/networkmanager.mof",
            "dbus/adopt/systemd.mof", "dbus/adopt/udisks2.mof", "Samples/python/Linux_MountedFileSystem.mof",
            "Samples/python/Linux_EthernetInterface.mof")
        let text = try GeneratedSources.swift(
            files, known: "class __ExtrinsicEvent { uint8 SECURITY_DESCRIPTOR[]; uint64 TIME_CREATED; };")
        #expect(text.split(separator: "\n").count > 5000)
        let complaints = try await complaints(about: text)
        #expect(complaints == "", "\(complaints.prefix(4000))")
    }

    private static let mof = """
        [dynamic, provider("P")] class Test_Thing {
            [key] string Name; [read, write, ValueMap{"1"}, Values{"One"}] uint8 Level; [Implemented] uint32 Strike([in] uint32 Times);
        };
        """

    private static let provider = """
        struct Things: Test_ThingProvider {
            func instances(into rows: inout TypedRows<Test_Thing>, context: RequestContext) async throws {
                try await rows.append(Test_Thing(name: "a", level: .one))
            }
            func get(_ reference: Reference<Test_Thing>, context: RequestContext) async throws -> Test_Thing? { nil }
            func put(_ object: Test_Thing, context: RequestContext) async throws -> Reference<Test_Thing>? { nil }
            func strike(_ reference: Reference<Test_Thing>, times: UInt32, context: RequestContext) async throws -> UInt32 { times }
        }
        """

    @Test(
        "A provider that leaves a method out, or the put of a class that can be written, does not compile; nor does a misspelt name or another type"
    )
    func mistakes() async throws {
        let types = try GeneratedSources.swift([GeneratedSources.file(Self.mof)])
        #expect(try await complaints(about: types + Self.provider) == "")
        let mistakes = [
            ("func strike(", "func stroke(", "does not conform"), ("func put(", "func putt(", "does not conform"),
            ("times: UInt32, context", "times: UInt64, context", "does not conform"), ("level:", "levle:", "argument label"),
            (".one", "\"one\"", "cannot convert"),
        ]
        for (right, wrong, words) in mistakes {
            let text = try await complaints(about: types + Self.provider.replacing(right, with: wrong))
            #expect(text.contains(words), "\(wrong): \(text.prefix(2000))")
        }
    }
}
