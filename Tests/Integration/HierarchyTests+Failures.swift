import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// How puts and deletes over several providers fail, and are cancelled (Semantics C.1, C.2; P8).
extension Integration.HierarchyTests {
    private static let instance: [(String, DBusValue)] = [("__CLASS", .string("Test_C")), ("Name", .string("n"))]

    private static func expect(
        _ result: OperationResult, _ status: WBEMStatus, of className: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.message)", sourceLocation: location)
        #expect(result.details["ParameterInfo"]?.text == className, "\(result.message)", sourceLocation: location)
        #expect(result.parameter == "", sourceLocation: location)
    }

    // MARK: - Who is asked

    @Test("C.1 R62: a failure of the last provider of a put is the put's", arguments: CallForm.allCases)
    func lastFails(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        family.c.on("PutInstanceAsync") { $0.fail(.accessDenied, "not here") }
        let result = try await family.scene.client.run(.put(Self.instance), form)
        Self.expect(result, .accessDenied, of: "Test_C")
        #expect(result.message.contains("not here"), "\(result.message)")
        #expect(family.calls().count == 3)
        try await expectQuiet(family.scene)
    }

    @Test("C.1 R63 R65: an ancestor whose provider never registered fails a put; those below are not asked", arguments: CallForm.allCases)
    func neverRegistered(form: CallForm) async throws {
        let scene = try await Scene.start()
        let names = ["Top", "Middle", "Low"]
        for missing in 0..<2 {
            var providers: [RawProvider] = []
            for (index, name) in names.enumerated() {
                let (className, parent) = ("Test\(missing)_\(name)", index == 0 ? "" : ": Test\(missing)_\(names[index - 1])")
                let mof = """
                    [dynamic, provider("\(name)\(missing)")]
                    class \(className) \(parent) { \(index == 0 ? "[key] string Name;" : "") string From\(name); };
                    """
                guard index != missing else {
                    try await scene.compile(mof)
                    continue
                }
                let provider = try await RawProvider.start(
                    on: scene.bus, name: "\(name)\(missing)", className: className, registers: false)
                try await provider.register(mof: mof)
                provider.on("PutInstanceAsync") { $0.reply() }
                providers.append(provider)
            }
            let put = RawOperation.put([("__CLASS", .string("Test\(missing)_Low")), ("Name", .string("n"))])
            Self.expect(try await scene.client.run(put, form), .providerNotFound, of: "Test\(missing)_\(names[missing])")
            #expect(providers.map(\.calls.all.count) == (0..<2).map { $0 < missing ? 1 : 0 })
        }
        try await expectQuiet(scene)
    }

    @Test(
        "C.1 R63 R65: an ancestor whose provider is registered and not running fails a put; those below are not asked",
        arguments: CallForm.allCases)
    func notRunning(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        for (provider, calls) in [(family.b, ["A PutInstance Test_A"]), (family.a, ["A PutInstance Test_A"])] {
            await provider.close()
            try await family.scene.waitForState("absent", of: provider.registrationPath)
            let result = try await family.scene.client.run(.put(Self.instance), form)
            Self.expect(result, .providerLoadFailure, of: provider.className)
            #expect(result.message.contains(provider.name), "\(result.message)")
            #expect(family.calls() == calls)
        }
        try await expectQuiet(family.scene)
    }

    @Test(
        "C.2 R136: a delete asks every provider, also once the topmost one has failed, whichever way that was", arguments: CallForm.allCases
    )
    func everyoneIsAsked(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
        let failures: [(WBEMStatus, RawProvider.Script)] = [
            (.vetoDelete, { $0.fail(.vetoDelete, "stays") }),
            (
                .accessDenied,
                { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(.accessDenied)
                    try await call.sink.release()
                }
            ),
            (
                .providerFailure,
                { call in
                    call.abandon()
                    await call.provider.close()
                }
            ),
        ]
        for (index, (status, script)) in failures.enumerated() {
            family.a.on("DeleteInstanceAsync", script)
            let result = try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form)
            #expect(result.status == status, "\(result.message)")
            #expect(family.all.map(\.calls.all.count) == Array(repeating: index + 1, count: 4))
        }
        // Registered and not running: the others are asked all the same.
        try await family.scene.waitForState("absent", of: family.a.registrationPath)
        #expect(try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form).status == .providerLoadFailure)
        #expect(family.all.map(\.calls.all.count) == [3, 4, 4, 4])
        try await expectQuiet(family.scene)
    }

    // MARK: - Late

    @Test(
        "C.1 R64 R65 R80: an ancestor that fails late, by SetStatus, fails the put once it has let go; those below are not asked",
        arguments: CallForm.allCases)
    func failsLate(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        let isTold = Event<Void>("the status"), go = Event<Void>("the release")
        family.b.on("PutInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.setStatus(
                .accessDenied, object: [("__CLASS", .string("__ExtendedStatus")), ("Description", .string("thought it over"))])
            isTold.send(())
            try await go.value()
            try await call.sink.release()
        }
        let open = try await family.scene.client.start(.put(Self.instance), form)
        try await isTold.value()
        #expect(open.sink?.events.all.isEmpty != false)
        go.send(())
        let result = try await open.result()
        Self.expect(result, .accessDenied, of: "Test_B")
        #expect(result.message.contains("thought it over"), "\(result.message)")
        #expect(family.calls() == ["A PutInstance Test_A", "B PutInstance Test_B"])
        try await expectQuiet(family.scene, [open.sink])
    }

    @Test(
        "P2 L5 L7: an ancestor that leaks its sink after a success holds a put up for the grace, and one that gives it back unsaid fails it",
        arguments: CallForm.allCases)
    func leaks(form: CallForm) async throws {
        let family = try await Family.start(options: ["--leak-grace", "0.2"])
        let client = family.scene.client
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        for status in [WBEMStatus.noError, .accessDenied] {
            family.a.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(status)
            }
            let result = try await client.run(.put(Self.instance), form)
            if status == .noError {
                #expect(result.status == .noError, "\(result.message)")
                #expect(result.parameter == "Test_C.Name=\"n\"")
            } else {
                Self.expect(result, status, of: "Test_A")
            }
        }
        let counters = try await client.property(family.a.registrationPath, Contract.registration, "Counters").stringDictionary
        #expect(counters?["Leaks"] == .uint64(2))
        family.a.on("PutInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.release()
        }
        Self.expect(try await client.run(.put(Self.instance), form), .providerFailure, of: "Test_A")
        #expect(family.all.map(\.calls.all.count) == [3, 1, 1, 0])
        try await expectQuiet(family.scene)
    }

    @Test(
        "R137 R138 R139: each provider of a put over several, and the one that decides a delete, reports by the return code or SetStatus; SetStatus wins",
        arguments: CallForm.allCases)
    func reportsOfSeveral(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.onEverything { $0.reply() } }
        let operations: [(RawOperation, RawProvider)] = [
            (.put(Self.instance), family.a), (.put(Self.instance), family.b), (.put(Self.instance), family.c),
            (.delete("Test_B.Name=\"n\""), family.a),
        ]
        for (operation, provider) in operations {
            for report in WriteReport.all {
                provider.onEverything(report.script)
                let open = try await family.scene.client.start(operation, form)
                let result = try await open.result()
                #expect(result.status == report.status, "\(operation.member) of \(provider.name), \(report): \(result.message)")
                try await expectQuiet(family.scene, [open.sink])
            }
            provider.onEverything { $0.reply() }
        }
        try await expectQuiet(family.scene)
    }

    @Test(
        "R138 R139: where several providers decide a delete, what each of them set counts, whatever it returned",
        arguments: CallForm.allCases)
    func reportsOfDeciders(form: CallForm) async throws {
        let family = try await Family.start(abstract: "AB")
        @Sendable func set(_ status: WBEMStatus, returning code: WBEMStatus) -> RawProvider.Script {
            { call in
                try await call.sink.setStatus(status)
                call.reply(code)
            }
        }
        for (c, d, status) in [
            (set(.accessDenied, returning: .noError), set(.noError, returning: .failed), WBEMStatus.noError),
            (set(.noError, returning: .failed), set(.accessDenied, returning: .noError), .noError),
            (set(.accessDenied, returning: .noError), set(.notFound, returning: .noError), .accessDenied),
        ] {
            family.c.on("DeleteInstanceAsync", c)
            family.d.on("DeleteInstanceAsync", d)
            let result = try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form)
            #expect(result.status == status, "\(result.message)")
        }
        try await expectQuiet(family.scene)
    }

    // MARK: - Cancelled

    @Test(
        "L9 B.9: a put or a delete over several providers that is cancelled ends at once, tells who holds it, and asks nobody else",
        arguments: CallForm.allCases)
    func cancelled(form: CallForm) async throws {
        let family = try await Family.start()
        let client = family.scene.client
        for operation in [RawOperation.put(Self.instance), .delete("Test_B.Name=\"n\"")] {
            for (holder, index) in [(family.a, 0), (family.b, 1)] {
                for provider in family.all { provider.onEverything { $0.reply() } }
                holder.onEverything { $0.reply(references: 1) }
                let before = family.all.map(\.calls.all.count)
                let open = try await client.start(operation, form)
                let call = try #require(try await holder.calls.wait("the call") { $0.count > before[index] }.last)
                if let sink = open.sink {
                    _ = try await client.services("CancelAsyncCall", [.objectPath(sink.path)])
                } else {
                    // The first that is listed is the whole: its parts come after it.
                    let listed = try await client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements ?? []
                    let paths = listed.compactMap { entry -> ObjectPath? in
                        guard case .objectPath(let path)? = entry.elements?.first,
                            entry.elements?.last?.stringDictionary?["Parent"] == .objectPath(Contract.null)
                        else { return nil }
                        return path
                    }
                    _ = try await client.call(#require(paths.first), Contract.operation, "Cancel")
                }
                #expect(try await open.result().status == .callCancelled)
                try await holder.cancelled.wait("the hint") { $0.last == call.sink.path.text }
                #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
                let asked = zip(family.all.map(\.calls.all.count), before).map { $0 - $1 }
                #expect(asked == (0..<4).map { $0 <= index ? 1 : 0 }, "\(operation)")
                try await expectQuiet(family.scene, [open.sink])
            }
        }
    }
}
