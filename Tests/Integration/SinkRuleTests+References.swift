import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

/// References: those that are held, leaked, and left by the dead (R80 to R83, R85).
extension Integration.SinkRuleTests {
    private func expectOpen(
        _ scene: Scene, _ open: RawOpenOperation, _ operation: RawOperation, references: UInt32, state: String,
        location: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try await scene.client.brokerProperty("OpenOperations") == 1, "\(operation.member)", sourceLocation: location)
        #expect(try await scene.client.brokerProperty("SinkReferences") == references, "\(operation.member)", sourceLocation: location)
        #expect(try await scene.operationStates() == [state], "\(operation.member)", sourceLocation: location)
        #expect(open.sink?.finals ?? 0 == 0, "\(operation.member)", sourceLocation: location)
    }

    @Test(
        "L4 R80 R81: neither the reply nor SetStatus ends an operation while references are left; the last Release does",
        arguments: CallForm.allCases)
    func lastRelease(form: CallForm) async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        let answered = Recorder<ProviderSink>()
        provider.onEverything { call in
            try await call.sink.addRef()
            call.reply(.noError, references: 1, call.goodObjects)
            // Answered behind the reply.
            try await call.sink.addRef()
            answered.record(call.sink)
        }
        for (index, operation) in Self.operations.enumerated() {
            let open = try await scene.client.start(operation, form)
            let sink = try await answered.wait("the reply") { $0.count > index }[index]
            // R80: it was answered with success, and three references are out, then two.
            try await expectOpen(scene, open, operation, references: 3, state: "running")
            #expect(try await sink.release() == 2)
            try await expectOpen(scene, open, operation, references: 2, state: "running")
            // R81: the status is said, and two are out, then one.
            try await sink.setStatus(.noError)
            try await expectOpen(scene, open, operation, references: 2, state: "status-seen")
            #expect(try await sink.release() == 1)
            try await expectOpen(scene, open, operation, references: 1, state: "status-seen")
            #expect(try await sink.release() == 0)
            Self.expectGood(try await open.result(), operation)
            try await expectQuiet(scene, [open.sink])
        }
    }

    @Test(
        "R82: a handler that is leaked keeps a client waiting for the grace, or for the silence where no status was said, not for ever",
        arguments: CallForm.allCases)
    func leaked(form: CallForm) async throws {
        let endings: [([String], WBEMStatus?)] = [
            (["--leak-grace", "0.3"], .noError), (["--leak-grace", "0.3"], .notFound), (["--silence", "0.3"], nil),
        ]
        for (options, status) in endings {
            let scene = try await Scene.start(options: options)
            let provider = try await scene.provider()
            provider.onEverything { call in
                call.reply(.noError, references: 2, call.goodObjects)
                if let status { try await call.sink.setStatus(status) }
            }
            var open: [(RawOperation, RawOpenOperation)] = []
            for operation in Self.operations { open.append((operation, try await scene.client.start(operation, form))) }
            for (operation, open) in open {
                let result = try await open.result(within: .seconds(5))
                if status == .noError {
                    Self.expectGood(result, operation)
                } else {
                    #expect(result.status == status ?? .providerTimedOut, "\(operation.member): \(result.message)")
                }
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Leaks"] == .uint64(status == nil ? 0 : UInt64(Self.operations.count)))
            try await expectQuiet(scene, open.map(\.1.sink))
        }
    }

    // MARK: - The end of a provider

    /// All of them, in each form, at a `Faulty_Thing`.
    private static let faulty: [RawOperation] = {
        let key = "Faulty_Thing.Scenario=\"healthy\""
        let put = RawOperation.put([("__CLASS", .string("Faulty_Thing")), ("Scenario", .string("healthy"))])
        return [put, .delete(key), .invoke(key, "Act"), .get(key), .enumerate("Faulty_Thing")]
    }()

    private func startAll(_ scene: Scene, script: String) async throws -> [(RawOperation, RawOpenOperation)] {
        var open: [(RawOperation, RawOpenOperation)] = []
        for operation in Self.faulty {
            for form in CallForm.allCases {
                open.append((operation, try await scene.client.start(operation, form, context: [("FaultyScript", .string(script))])))
            }
        }
        return open
    }

    @Test("R83: the references of a provider that is killed are released, those of every operation, however many it had")
    func killed() async throws {
        let scene = try await Scene.start()
        let faulty = try await FaultyProcess.start(on: scene.bus)
        let open = try await startAll(scene, script: "addref; addref; reply 0 1; sync")
        try await faulty.wait(for: "finished", count: open.count)
        func references() async throws -> [UInt32?] {
            let ofRegistration = try await scene.client.property(faulty.registrationPath, Contract.registration, "SinkReferences")
            return [ofRegistration.integer(), try await scene.client.brokerProperty("SinkReferences")]
        }
        let held = UInt32(3 * open.count)
        #expect(try await references() == [held, held])
        faulty.process.signal(SIGKILL)
        try await scene.waitForState("absent", of: faulty.registrationPath)
        #expect(try await references() == [0, 0])
        #expect(try await scene.client.brokerProperty("OpenOperations") == 0)
        for (operation, open) in open {
            #expect(try await open.result(within: .seconds(5)).status == .providerFailure, "\(operation.member) \(open.form)")
        }
        try await expectQuiet(scene, open.map(\.1.sink))
    }

    @Test(
        "R85: the exit of a provider's process is each client's error, in every operation and form, and names the process",
        arguments: ["exit 0", "crash", "fork-hold"])
    func exited(way: String) async throws {
        let scene = try await Scene.start()
        let faulty = try await FaultyProcess.start(on: scene.bus)
        // A child that outlives it, and keeps its socket open.
        defer {
            for line in faulty.lines.all where line.hasPrefix("held ") {
                if let child = line.split(separator: " ").last.flatMap({ pid_t($0) }) { kill(child, SIGKILL) }
            }
        }
        var open = try await startAll(scene, script: "reply 0 1")
        try await faulty.wait(for: "finished", count: open.count)
        let last = RawOperation.enumerate("Faulty_Thing")
        let script: [(String, DBusValue)] = [("FaultyScript", .string("reply 0 1; sync; \(way)"))]
        open.append((last, try await scene.client.start(last, .async, context: script)))
        for (operation, open) in open {
            let result = try await open.result(within: .seconds(5))
            #expect(result.status == .providerFailure, "\(operation.member) \(open.form): \(result.message)")
            #expect(result.message.contains("left the bus"), "\(operation.member) \(open.form): \(result.message)")
            #expect(result.details["ProviderName"]?.text == "Faulty", "\(operation.member) \(open.form)")
            #expect(result.details["ProviderProcessID"] == .uint32(UInt32(faulty.process.processID)), "\(operation.member) \(open.form)")
        }
        try await expectQuiet(scene, open.map(\.1.sink))
        let again = try await FaultyProcess.start(on: scene.bus)
        try await expectQuiet(scene, next: last)
        withExtendedLifetime(again) {}
    }
}
