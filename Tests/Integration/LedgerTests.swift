import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Who holds a sink, and what that means for the operation (L2 to L6, L10; R80, R81).
    @Suite struct LedgerTests {
        struct Case: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var status: WBEMStatus
            var objects = 0
            var script: RawProvider.Script
        }

        static let cases: [Case] = [
            Case(testDescription: "L2 R87 the return code alone", status: .noError) { $0.reply() },
            Case(testDescription: "L2 objects in the reply", status: .noError, objects: 2) { $0.reply(.noError, references: 0, batch(2)) },
            Case(testDescription: "R86 an error result", status: .providerNotCapable) { $0.reply(.providerNotCapable) },
            Case(testDescription: "Design 3 a D-Bus error of the contract", status: .privilegeNotHeld) {
                $0.fail(.privilegeNotHeld, "no")
            },
            Case(testDescription: "a status without a name", status: WBEMStatus(rawValue: 0x8007_0005)) {
                $0.reply(WBEMStatus(rawValue: 0x8007_0005))
            },
            Case(testDescription: "Design 3 any other error", status: .providerFailure) {
                $0.call.fail(ErrorName(verified: "org.example.Trouble"), "broken")
            },
            Case(testDescription: "Design 3 UnknownMethod", status: .providerNotCapable) { $0.call.fail(.unknownMethod, "no") },
            Case(testDescription: "Design 3 a reply of another form", status: .providerFailure) { $0.call.reply([.uint32(0)]) },
            Case(testDescription: "SetStatus alone", status: .noError, objects: 1) { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(1))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            },
            Case(testDescription: "SetStatus wins over the return code", status: .failed) { call in
                try await call.sink.setStatus(.failed)
                call.reply(.noError)
            },
            Case(testDescription: "SetStatus wins over an error reply", status: .noError) { call in
                try await call.sink.setStatus(.noError)
                call.fail(.failed, "too late")
            },
            Case(testDescription: "L10 the first of two final statuses", status: .noError) { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.noError)
                #expect(await refusal { try await call.sink.setStatus(.failed) } == .unexpected)
                #expect(await refusal { try await call.sink.indicate(batch(1)) } == .unexpected)
                try await call.sink.release()
            },
            Case(testDescription: "L5 released without a status", status: .providerFailure, objects: 1) { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(1))
                try await call.sink.release()
            },
            Case(testDescription: "L2 Release before the reply", status: .noError) { call in
                #expect(try await call.sink.release() == 0)
                try await call.sink.setStatus(.noError)
                call.reply(references: 1)
            },
            Case(testDescription: "L2 a sum below zero is zero", status: .noError) { call in
                try await call.sink.release()
                try await call.sink.release()
                call.reply(references: 1)
            },
            Case(testDescription: "L2 an error result drops what it holds", status: .notFound) { call in
                try await call.sink.addRef()
                try await call.sink.addRef()
                call.reply(.notFound, references: 5)
            },
            Case(testDescription: "L3 AddRef and Release count", status: .noError) { call in
                #expect(try await call.sink.addRef() == 1)
                call.reply()
                #expect(try await call.sink.addRef() == 2)
                #expect(try await call.sink.release() == 1)
                try await call.sink.setStatus(.noError)
                #expect(try await call.sink.release() == 0)
            },
            Case(testDescription: "L9 Release at an ended sink", status: .noError) { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
                #expect(await refusal { try await call.sink.release() } == .callCancelled)
                #expect(await refusal { try await call.sink.addRef() } == .callCancelled)
                #expect(await refusal { try await call.sink.indicate(batch(1)) } == .callCancelled)
                #expect(await refusal { try await call.sink.setStatus(.failed) } == .callCancelled)
            },
            Case(testDescription: "Design 3 AddRef, SetStatus and Release without wanting a reply", status: .noError, objects: 1) { call in
                try call.sink.send(Contract.sinkReference, "AddRef", [])
                try await call.sink.indicate(batch(1))
                call.reply()
                try call.sink.send(Contract.objectSink, "SetStatus", [.int32(0), .uint32(0), .string(""), .dictionary([])])
                try call.sink.send(Contract.sinkReference, "Release", [])
            },
            Case(testDescription: "Design 3 an object of no class", status: .invalidObject) { call in
                call.reply(.noError, references: 0, [[("Name", .string("x"))]])
            },
            Case(testDescription: "Design 3 a misfit ends the leg", status: .invalidObject, objects: 1) { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(1))
                let misfit: [(String, DBusValue)] = [("__CLASS", .string("Test_Thing")), ("Nothing", .string("x"))]
                #expect(await refusal { try await call.sink.indicate([misfit]) } == .invalidObject)
                #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
            },
        ]

        @Test("L2 to L5, L10, R80, R81, R86, R87", arguments: cases, CallForm.allCases)
        func ends(entry: Case, form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let done = Event<Void>("the script to end")
            provider.on("CreateInstanceEnumAsync") { call in
                defer { done.send(()) }
                try await entry.script(call)
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            let result = try await open.result()
            #expect(result.status == entry.status, "\(result.message)")
            // A synchronous reply has no room for objects beside an error.
            if form != .sync || entry.status.isSuccess { #expect(result.objects.count == entry.objects) }
            try await done.value()
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L3 L10: only a holder may use a sink; a foreigner is refused and counted")
        func foreigners() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let stranger = try await scene.bus.connect()
            provider.on("CreateInstanceEnumAsync") { call in
                let foreign = call.sink.seen(by: stranger)
                for attempt in [
                    { try await foreign.indicate(batch(1)) }, { try await foreign.setStatus(.failed) },
                    { _ = try await foreign.addRef() }, { _ = try await foreign.release() },
                    { try await foreign.transfer(to: stranger.uniqueName.text) },
                ] as [@Sendable () async throws -> Void] {
                    #expect(await refusal(attempt) == .accessDenied)
                }
                call.reply(.noError, references: 0, batch(1))
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let result = try await open.result()
            #expect(result.status == .noError)
            #expect(result.objects.count == 1)
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters")
            #expect(counters.stringDictionary?["Violations"] == .uint64(0), "what a stranger tries is not the provider's")
            let all = try await scene.client.property(Contract.rootPath, Contract.broker, "Counters")
            #expect(all.stringDictionary?["Violations"] == .uint64(0) && all.stringDictionary?["StrangersViolations"] == .uint64(5))
            try await expectQuiet(scene, [open.sink])
        }

        @Test("L9: a sink number never issued is UnknownObject")
        func unknownSink() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let sink = ProviderSink(
                connection: provider.connection, broker: BusName(Contract.busName), path: Contract.path(ofSink: 4_711))
            await #expect { try await sink.indicate(batch(1)) } throws: { ($0 as? DBusError)?.name == .unknownObject }
            await #expect { try await sink.release() } throws: { ($0 as? DBusError)?.name == .unknownObject }
            try await expectQuiet(scene)
        }

        @Test("L3: Transfer moves one reference; the new owner ends the operation, though the old one dies", arguments: CallForm.allCases)
        func transfer(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let second = try await scene.bus.connect()
            let handedOver = Event<ProviderSink>("the transfer")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                #expect(await refusal { try await call.sink.transfer(to: ":9.9999") } == .notFound)
                try await call.sink.transfer(to: second.uniqueName.text)
                handedOver.send(call.sink.seen(by: second))
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            let sink = try await handedOver.value()
            let owners = try await sink.call(.properties, "Get", [.string(Contract.sinkReference.text), .string("Owners")])
            #expect(owners.first?.unwrapped.stringDictionary == [second.uniqueName.text: .uint32(1)])
            await provider.close()
            try await sink.indicate(batch(2))
            try await sink.setStatus(.noError)
            try await sink.release()
            let result = try await open.result()
            #expect(result.status == .noError)
            #expect(result.objects.count == 2)
            try await scene.provider()
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L6 P3 P4: a provider that leaves the bus fails what it held; the status names it", arguments: CallForm.allCases)
        func vanished(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 3)
                try await call.sink.indicate(batch(2))
                await call.sink.connection.close()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            let result = try await open.result()
            #expect(result.status == .providerFailure)
            #expect(result.details["__CLASS"]?.text == "CIMBus_ExtendedStatus")
            #expect(result.details["ProviderName"]?.text == "Raw")
            #expect(result.details["ProviderProcessID"] == .uint32(UInt32(getpid())))
            #expect(result.details["ObjectsDelivered"] == .uint64(2))
            #expect(result.details["Operation"]?.text == "CreateInstanceEnum")
            if form != .sync { #expect(result.objects.count == 2) }
            // Its definition stays, and nobody is behind it.
            #expect(try await scene.client.property(provider.registrationPath, Contract.registration, "State").text == "absent")
            #expect(try await scene.client.run(.enumerate("Test_Thing"), form).status == .providerLoadFailure)
            try await scene.provider()
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L6 P6: a status already reported stands when the provider dies", arguments: CallForm.allCases)
        func statusStands(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 2)
                try await call.sink.indicate(batch(2))
                try await call.sink.setStatus(.noError)
                await call.sink.connection.close()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            let result = try await open.result()
            #expect(result.status == .noError)
            #expect(result.objects.count == 2)
            try await scene.provider()
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("Design 3: GetObject has exactly one object", arguments: CallForm.allCases)
        func exactlyOne(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for count in [0, 2] {
                provider.on("GetObjectAsync") { $0.reply(.noError, references: 0, batch(count)) }
                #expect(try await scene.client.run(.get(thing("n0")), form).status == .providerFailure)
                provider.on("GetObjectAsync") { call in
                    call.reply(references: 1)
                    for object in batch(count) { try? await call.sink.indicate([object]) }
                    try? await call.sink.setStatus(.noError)
                    _ = try? await call.sink.release()
                }
                #expect(try await scene.client.run(.get(thing("n0")), form).status == .providerFailure)
            }
            try await expectQuiet(scene)
        }

        @Test("B.3 R130: a provider's own status object reaches the client, completed", arguments: CallForm.allCases)
        func ownStatus(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("DeleteInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(
                    .accessDenied,
                    object: [
                        ("__CLASS", .string("Win32_PrivilegesStatus")), ("Description", .string("you need more")), ("Extra", .int32(7)),
                    ])
                try await call.sink.release()
            }
            let result = try await scene.client.run(.delete(thing("thing0")), form)
            #expect(result.status == .accessDenied)
            #expect(result.details["__CLASS"]?.text == "Win32_PrivilegesStatus")
            #expect(result.details["Extra"] == .int32(7))
            #expect(result.details["Operation"]?.text == "DeleteInstance")
            #expect(result.details["ProviderName"]?.text == "Raw")
            #expect(result.message.contains("you need more"))
            try await expectQuiet(scene)
        }

        @Test("R66: a put's path is the provider's own where it chose a key", arguments: CallForm.allCases)
        func generatedKey(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.noError, parameter: "test_thing='made'")
                try await call.sink.release()
            }
            let result = try await scene.client.run(.put([("__CLASS", .string("Test_Thing"))]), form)
            #expect(result.status == .noError)
            #expect(result.parameter == thing("made"))
            try await expectQuiet(scene)
        }
    }
}

/// The status a provider's call is refused with; nil when it succeeds.
func refusal(_ body: () async throws -> Void) async -> WBEMStatus? {
    do {
        try await body()
        return nil
    } catch let error as DBusError {
        return CIMError(error).status
    } catch {
        return .failed
    }
}
