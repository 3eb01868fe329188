import CIM
import CIMBusClient
import Foundation
import Glibc
import SDKTestKit
import Testing
import WireTestKit

@testable import CIMBusProvider

extension ProviderTests {
    /// R15: what a provider in Swift can know of memory, and what becomes of it in every library.
    @Suite struct ProviderMemoryTests {
        private static let words = "no room for the table"
        private static let tooLong = String(repeating: "x", count: 9 << 20)

        private func expectStated(_ error: CIMError?, location: SourceLocation = #_sourceLocation) {
            #expect(error?.status == .outOfMemory, "\(String(describing: error))", sourceLocation: location)
            #expect(error?.message.contains(Self.words) == true, "\(String(describing: error))", sourceLocation: location)
        }

        @Test(
            "R15: WBEM_E_OUT_OF_MEMORY that a provider in Swift throws reaches a session unchanged, before and after objects",
            arguments: Form.allCases)
        func session(form: Form) async throws {
            let error = CIMError(.outOfMemory, Self.words)
            for (count, isKept) in [(0, false), (40, false), (0, true)] {
                let stage = try await Stage.start(
                    ThingProvider(
                        enumerate: { _, _, sink in
                            for number in 0..<count { try await sink.indicate(thing(number)) }
                            guard isKept else { throw error }
                            let reference = try sink.retain()
                            Task { reference.fail(error) }
                        }, get: { _, _ in throw error }, put: { _, _ in throw error }, delete: { _, _ in throw error },
                        invoke: { _, _, _, _ in throw error }))
                let session = stage.session
                let result = try await session.enumerate("Test_Thing", form)
                #expect(result.instances.count == count)
                expectStated(result.error)
                expectStated(await #expect(throws: CIMError.self) { try await session.get(path("a"), form) })
                expectStated(await #expect(throws: CIMError.self) { try await session.put(thing(1), form) })
                expectStated(await #expect(throws: CIMError.self) { try await session.delete(path("a"), form) })
                expectStated(await #expect(throws: CIMError.self) { try await session.call(path("a"), "Echo", ["sInArg": "x"], form) })
                try await stage.expectQuiet()
            }
        }

        /// Asks the system for more than there is.
        private static func exhaust() -> Int32 {
            let memory = mmap(nil, 1 << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            return memory == MAP_FAILED ? errno : 0
        }

        @Test(
            "R15: ENOMEM of the system is OutOfMemory, thrown as the library's error, as Foundation's, and as an NSError", arguments: 0..<3)
        func systemError(kind: Int) async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, _ in
                    let code = Self.exhaust()
                    switch kind {
                    case 0: throw CIMError(systemError: code, Self.words)
                    case 1: throw POSIXError(try #require(POSIXErrorCode(rawValue: code)))
                    default: throw NSError(domain: NSPOSIXErrorDomain, code: Int(code))
                    }
                }))
            for form in Form.allCases {
                let error = try await stage.session.enumerate("Test_Thing", form).error
                #expect(error?.status == .outOfMemory, "\(String(describing: error))")
                #expect(error?.message.contains("Cannot allocate memory") == true, "\(String(describing: error))")
            }
            try await stage.expectQuiet()
        }

        /// Somebody's own numbers, which are no errno.
        private enum Own: Int32, Error { case twelve = 12 }

        @Test("R15: errors of the system mean to a client what the table says; what says nothing is Failed in its own words")
        func systemErrors() {
            for (code, status) in [
                (ENOMEM, .outOfMemory), (ENOSPC, .outOfDiskSpace), (EDQUOT, .outOfDiskSpace), (ENOENT, .notFound), (EACCES, .accessDenied),
                (EMFILE, .failed), (EIO, .failed),
            ] as [(Int32, WBEMStatus)] {
                let own = CIMError(systemError: code, "cannot read it")
                #expect(own.status == status && own.message == "cannot read it: \(String(cString: strerror(code)))")
                #expect(CIMError(thrown: NSError(domain: NSPOSIXErrorDomain, code: Int(code))).status == status)
                if let code = POSIXErrorCode(rawValue: code) { #expect(CIMError(thrown: POSIXError(code)).status == status) }
            }
            #expect(CIMError(thrown: Own.twelve).status == .failed)
            #expect(CIMError(thrown: NSError(domain: NSCocoaErrorDomain, code: 12)).status == .failed)
        }

        @Test(
            "R15: GetAllInstancesAsynch returns WBEM_E_OUT_OF_MEMORY where the provider that it asks has no memory, or a result too large",
            arguments: 0..<3)
        func framework(kind: Int) async throws {
            let inner = ThingProvider(enumerate: { _, _, sink in
                for number in 0..<5 { try await sink.indicate(part(number)) }
                switch kind {
                case 0: throw CIMError(.outOfMemory, Self.words)
                case 1: throw POSIXError(.ENOMEM)
                default: try await sink.indicate(part(5, text: Self.tooLong))
                }
            })
            let stage = try await FrameworkStage.start(
                ThingProvider(enumerate: { _, context, sink in
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: sink) { _, part, _, sink in
                        try await sink.indicate(thing(number(of: part.value)))
                    }
                }))
            let service = try await stage.start(inner, .parts)
            let asked = Recorder<Int>()
            let thrown = await #expect(throws: CIMError.self) {
                try await stage.serving { context in
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, part, _, _ in
                        asked.record(number(of: part.value))
                    }
                }
            }
            #expect(thrown?.status == .outOfMemory && thrown?.providerName == "Parts", "\(String(describing: thrown))")
            #expect(asked.all == Array(0..<5))
            // The outer one's client hears the same.
            for form in Form.allCases {
                let result = try await stage.stage.session.enumerate("Test_Thing", form)
                #expect(result.error?.status == .outOfMemory, "\(String(describing: result.error))")
                #expect(result.numbers == Array(0..<5))
            }
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        private struct Large: FrameworkProvider {
            func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
                for number in 0..<3 { try await FrameworkInstance(thing(number), context).commit() }
                try await FrameworkInstance(thing(3, text: ProviderMemoryTests.tooLong), context).commit()
            }

            func getObject(
                _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
            ) async throws {
                instance["Text"] = .string(ProviderMemoryTests.tooLong)
            }
        }

        @Test("R15: an object that a provider of the framework commits, or answers with, and that is too large is OutOfMemory")
        func frameworkObjects() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let service = try await RunningService.start(Large(), on: bus)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            for form in Form.allCases {
                let result = try await session.enumerate("Test_Thing", form)
                #expect(result.error?.status == .outOfMemory, "\(String(describing: result.error))")
                #expect(result.error?.message.contains("8 MiB") == true, "\(String(describing: result.error))")
                #expect(result.numbers == [0, 1, 2])
                let error = await #expect(throws: CIMError.self) { try await session.get(path("a"), form) }
                #expect(error?.status == .outOfMemory, "\(String(describing: error))")
            }
            withExtendedLifetime((broker, service)) {}
        }
    }
}
