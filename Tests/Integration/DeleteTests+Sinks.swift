import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// What the sink of a delete's caller gets, and what it does not (Semantics K.5).
extension Integration.DeleteTests {
    // MARK: - Told

    @Test(
        "R120 R125: a delete's confirmation, or its failure, comes to its caller's sink, once, whoever was asked: a provider, several, nobody"
    )
    func outcomes() async throws {
        let family = try await Integration.HierarchyTests.Family.start()
        let (scene, client) = (family.scene, family.scene.client)
        let provider = try await scene.provider()
        try await client.mustCompile(
            "class Test_Stored { [key] string Name; }; instance of Test_Stored { Name = \"a\"; };")
        for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
        func expect(_ path: String, _ status: WBEMStatus, location: SourceLocation = #_sourceLocation) async throws {
            let open = try await client.start(.delete(path), .async)
            let result = try await open.result()
            #expect(result.status == status, "\(path): \(result.message)", sourceLocation: location)
            #expect(result.message.isEmpty == status.isSuccess, sourceLocation: location)
            #expect(open.sink?.events.all.count == 1, sourceLocation: location)
            try await expectQuiet(scene, [open.sink], location: location)
        }
        try await expect(thing("thing0"), .noError)
        try await expect(thing("thing0"), .notFound)
        try await expect("Test_Stored.Name=\"a\"", .noError)
        try await expect("Test_Stored.Name=\"a\"", .notFound)
        try await expect("Test_B.Name=\"n\"", .noError)
        family.a.on("DeleteInstanceAsync") { $0.fail(.vetoDelete, "stays") }
        try await expect("Test_B.Name=\"n\"", .vetoDelete)
        withExtendedLifetime(provider) {}
    }

    @Test("R125: a delete's status comes as soon as there is one; a delete that was asked for before holds nothing up")
    func asAvailable() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        provider.on("DeleteInstanceAsync") { $0.target == thing("slow") ? $0.reply(references: 1) : $0.reply(.accessDenied) }
        let slow = try await scene.client.start(.delete(thing("slow")), .async)
        let call = try await provider.calls.wait("the first call") { !$0.isEmpty }[0]
        let fast = try await scene.client.start(.delete(thing("fast")), .async)
        #expect(try await fast.result().status == .accessDenied)
        #expect(slow.sink?.events.all.isEmpty == true)
        try await call.sink.setStatus(.noError)
        try await call.sink.release()
        #expect(try await slow.result().status == .noError)
        try await expectQuiet(scene, [slow.sink, fast.sink])
    }

    @Test("R127: the sink of a delete that was accepted gets the result, a plain success too, and it alone")
    func result() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        for status in [WBEMStatus.noError, WBEMStatus(rawValue: 0x40010), .accessDenied] {
            provider.on("DeleteInstanceAsync") { call in
                try await call.sink.setStatus(status)
                call.reply()
            }
            let other = scene.client.makeSink()
            let open = try await scene.client.start(Self.delete, .async)
            #expect(try await open.result().status == status)
            try await expectQuiet(scene, [open.sink])
            #expect(open.sink?.events.all.count == 1)
            #expect(other.events.all.isEmpty)
        }
    }

    @Test("R133: a delete that fails for what only the broker or the provider knows is accepted, and its sink is told what was wrong")
    func laterFailures() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        try await scene.client.mustCompile("[dynamic, provider(\"Nobody\")] class Test_Orphan { [key] string Name; };")
        func expect(_ path: String, _ status: WBEMStatus, _ words: String, location: SourceLocation = #_sourceLocation) async throws {
            let sink = scene.client.makeSink()
            let refusal = try await scene.client.refusal { _ = try await scene.client.start(.delete(path), .async, sink: sink) }
            #expect(refusal == nil, sourceLocation: location)
            if refusal != nil { return }
            let result = try await sink.result()
            #expect(result.status == status, "\(result.message)", sourceLocation: location)
            #expect(result.details["StatusCode"] == .uint32(status.rawValue), sourceLocation: location)
            #expect(result.message.contains(words), "\(result.message)", sourceLocation: location)
            try await expectQuiet(scene, [sink], location: location)
        }
        try await expect("Test_Nothing.Name=\"x\"", .invalidClass, "Test_Nothing")
        try await expect("Test_Thing.Other=\"x\"", .invalidObjectPath, "Other")
        try await expect("Test_Orphan.Name=\"x\"", .providerNotFound, "Nobody")
        try await expect(thing("none"), .notFound, "no thing none")
        provider.on("DeleteInstanceAsync") { $0.call.fail(ErrorName(verified: "org.example.Trouble"), "broken") }
        try await expect(thing("thing0"), .providerFailure, "broken")
        await provider.close()
        try await scene.waitForState("absent", of: provider.registrationPath)
        try await expect(thing("thing0"), .providerLoadFailure, "not running")
    }

    // MARK: - Not told

    /// Deletes that are refused, whatever the sink.
    private static let refused: [(operation: RawOperation, flags: Int32, context: [(String, DBusValue)], status: WBEMStatus)] = [
        (.delete("Test_Thing"), 0, [], .invalidParameter), (.delete("Test_Thing.Name="), 0, [], .invalidObjectPath),
        (.delete("root/other:\(thing("thing0"))"), 0, [], .invalidObjectPath), (delete, 0x20000, [], .invalidParameter),
        (delete, 0x10, [], .invalidParameter), (delete, 0, [("__OPERATION", .uint64(4_711))], .invalidContext),
        (delete, 0, [("__TIMEOUT_USEC", .string("soon"))], .invalidContext),
    ]

    @Test("R126: a delete that is refused never uses its sink")
    func unusedSinks() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        for (operation, flags, context, expected) in Self.refused {
            let sink = scene.client.makeSink()
            let status = try await scene.client.refusal {
                _ = try await scene.client.start(operation, .async, flags: flags, context: context, sink: sink)
            }
            #expect(status == expected, "\(operation)")
            // Whatever was sent with the refusal has come before the answer to this.
            try await expectQuiet(scene)
            #expect(sink.events.all.isEmpty, "\(operation)")
        }
        #expect(provider.calls.all.isEmpty)
    }

    @Test("R129: a delete that is refused keeps no hold of its sink: the same sink is taken by the next")
    func releasedSinks() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        provider.on("DeleteInstanceAsync") { $0.reply() }
        for (operation, flags, context, expected) in Self.refused {
            let sink = scene.client.makeSink()
            let status = try await scene.client.refusal {
                _ = try await scene.client.start(operation, .async, flags: flags, context: context, sink: sink)
            }
            #expect(status == expected, "\(operation)")
            #expect(try await scene.client.brokerProperty("SinkReferences") == 0)
            let next = try await scene.client.start(Self.delete, .async, sink: sink)
            #expect(try await next.result().status == .noError, "\(operation)")
            try await expectQuiet(scene, [sink])
        }
    }

    @Test("R128: the sink of a delete that was accepted is held until the delete has ended, and is free then")
    func heldSinks() async throws {
        let family = try await Integration.HierarchyTests.Family.start()
        let (scene, client) = (family.scene, family.scene.client)
        let single = try await scene.provider()
        for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
        for (operation, holder) in [(Self.delete, single), (.delete("Test_B.Name=\"n\""), family.b)] {
            holder.on("DeleteInstanceAsync") { $0.reply(references: 1) }
            let sink = client.makeSink()
            let open = try await client.start(operation, .async, sink: sink)
            let call = try #require(try await holder.calls.wait("the call") { !$0.isEmpty }.last)
            for other in [RawOperation.enumerate("Test_Thing"), Self.delete] {
                #expect(try await client.refusal { _ = try await client.start(other, .async, sink: sink) } == .invalidParameter)
            }
            #expect(sink.events.all.isEmpty)
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
            #expect(try await open.result().status == .noError)
            let again = client.makeSink(at: sink.path)
            #expect(try await client.start(.enumerate("Test_Thing"), .async, sink: again).result().status == .noError)
            try await expectQuiet(scene, [sink, again])
        }
    }

    // MARK: - Details

    @Test(
        "R130: what the deciding provider of a delete over several says of its failure reaches the client, its own properties too",
        arguments: CallForm.allCases)
    func detailsOfSeveral(form: CallForm) async throws {
        let family = try await Integration.HierarchyTests.Family.start()
        for provider in family.all { provider.on("DeleteInstanceAsync") { $0.fail(.failed, "of no matter") } }
        family.a.on("DeleteInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.setStatus(
                .accessDenied,
                object: [
                    ("__CLASS", .string("Win32_PrivilegesStatus")), ("Description", .string("you need more")), ("Extra", .int32(7)),
                ])
            try await call.sink.release()
        }
        let result = try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form)
        #expect(result.status == .accessDenied)
        #expect(result.details["__CLASS"]?.text == "Win32_PrivilegesStatus")
        #expect(result.details["Extra"] == .int32(7))
        #expect(result.details["ProviderName"]?.text == "ProviderA")
        #expect(result.message.contains("you need more"), "\(result.message)")
        try await expectQuiet(family.scene)
    }

    // MARK: - Clients that are gone

    @Test(
        "R132: a delete whose client's connection is lost waits for nobody: who holds it is told, nobody else is asked, nothing stays open")
    func clientGone() async throws {
        let family = try await Integration.HierarchyTests.Family.start()
        let scene = family.scene
        let single = try await scene.provider()
        for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
        for (operation, holder) in [(Self.delete, single), (.delete("Test_B.Name=\"n\""), family.b)] {
            for form in CallForm.allCases {
                holder.on("DeleteInstanceAsync") { $0.reply(references: 1) }
                let before = holder.calls.all.count
                let others = [family.c, family.d].map(\.calls.all.count)
                let client = try await RawClient.connect(to: scene.bus)
                let open = try await client.start(operation, form)
                let call = try #require(try await holder.calls.wait("the call") { $0.count > before }.last)
                await client.close()
                try await holder.cancelled.wait("the hint") { $0.last == call.sink.path.text }
                #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
                #expect([family.c, family.d].map(\.calls.all.count) == others)
                try await expectQuiet(scene)
                _ = open
            }
        }
    }

    // MARK: - The semisynchronous form

    /// What a client sees of an outcome, but for the operation's number.
    private static func seen(_ result: OperationResult) -> [String: DBusValue] {
        var seen = result.details
        seen["OperationID"] = nil
        seen["status"] = .uint32(result.status.rawValue)
        return seen
    }

    @Test(
        "R140: a semisynchronous delete has the result of the synchronous one, the instance is gone, and the provider sees the same caller",
        arguments: [false, true])
    func semisynchronous(overSeveral: Bool) async throws {
        let family = try await Integration.HierarchyTests.Family.start()
        let (scene, client) = (family.scene, family.scene.client)
        let single = try await scene.provider(things: 2)
        let provider = overSeveral ? family.a : single
        func delete(_ number: Int) -> RawOperation { overSeveral ? .delete("Test_A.Name=\"n\"") : .delete(thing("thing\(number)")) }
        if overSeveral { for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } } }
        for (number, form) in [CallForm.sync, .semisync].enumerated() {
            let result = try await client.run(delete(number), form)
            #expect(result.status == .noError && result.details.isEmpty, "\(result.message)")
            if !overSeveral { #expect(try await client.run(.get(thing("thing\(number)"))).status == .notFound) }
        }
        let scripts: [(WBEMStatus, RawProvider.Script)] = [
            (.notFound, { $0.fail(.notFound, "no such thing") }), (.accessDenied, { $0.reply(.accessDenied) }),
            (
                .vetoDelete,
                { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(
                        .vetoDelete, object: [("__CLASS", .string("__ExtendedStatus")), ("Description", .string("stays"))])
                    try await call.sink.release()
                }
            ),
        ]
        for (status, script) in scripts {
            provider.on("DeleteInstanceAsync", script)
            let synchronous = try await client.run(delete(0), .sync)
            #expect(synchronous.status == status)
            #expect(Self.seen(try await client.run(delete(0), .semisync)) == Self.seen(synchronous))
        }
        let calls = provider.calls.all.filter { $0.method == "DeleteInstanceAsync" }.suffix(2).map { call in
            ["__CLIENT_UID", "__CLIENT_NAME", "__CLIENT_PID", "__ORIGIN_UID"].map { call.context[$0] }
        }
        #expect(calls.first == calls.last && calls.first?.contains(nil) == false)
        try await expectQuiet(scene)
    }

    @Test("R140: a semisynchronous delete returns at once; its result is waited for as long as the client likes, and is there then")
    func waitsForResult() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        provider.on("DeleteInstanceAsync") { $0.reply(references: 1) }
        let open = try await scene.client.start(Self.delete, .semisync)
        let path = try #require(open.path)
        @Sendable func status(_ timeout: Int32) async throws -> [DBusValue] {
            try await scene.client.call(path, Contract.callResult, "GetCallStatus", [.int32(timeout)])
        }
        let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
        for timeout in [Int32(0), 20] { #expect(try await status(timeout).first == .uint32(WBEMStatus.sTimedOut.rawValue)) }
        let waiting = Task { try await status(-1) }
        try await call.sink.setStatus(.accessDenied)
        try await call.sink.release()
        #expect(try await waiting.value == [.uint32(0), .uint32(WBEMStatus.accessDenied.rawValue)])
        #expect(try await status(0) == [.uint32(0), .uint32(WBEMStatus.accessDenied.rawValue)])
        try await expectQuiet(scene)
    }
}
