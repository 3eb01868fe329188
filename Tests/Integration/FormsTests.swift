import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// The five operations in their three forms (Semantics A.1; Design 3, Services).
    @Suite struct FormsTests {
        @Test("R41 R84 R103 R112 R116 R119: every operation in every form", arguments: CallForm.allCases)
        func everyOperation(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let all = try await scene.client.run(.enumerate("Test_Thing"), form)
            #expect(all.status == .noError)
            #expect(all.objects.compactMap { $0["Name"]?.text } == ["thing0", "thing1", "thing2"])
            let one = try await scene.client.run(.get(thing("thing1")), form)
            #expect(one.objects.first?["Number"] == .uint32(1))
            #expect(one.objects.first?["__RELPATH"]?.text == thing("thing1"))
            #expect(one.objects.first?["__GENUS"] == .int32(2))
            let put = try await scene.client.run(
                .put([("__CLASS", .string("test_thing")), ("Name", .string("new")), ("Text", .string("said"))]), form)
            #expect(put.status == .noError)
            #expect(put.parameter == thing("new"))
            #expect(try await scene.client.run(.get(thing("new")), form).objects.first?["Text"]?.text == "said")
            let invoked = try await scene.client.run(.invoke(thing("new"), "echo", [("sInArg", .string("four"))]), form)
            #expect(invoked.objects.first?["sOutArg"]?.text == "four")
            #expect(invoked.objects.first?["ReturnValue"] == .uint32(4))
            #expect(invoked.objects.first?["__CLASS"]?.text == "__PARAMETERS")
            #expect(try await scene.client.run(.delete(thing("new")), form).status == .noError)
            let gone = try await scene.client.run(.get(thing("new")), form)
            #expect(gone.status == .notFound)
            #expect(gone.message.contains("no thing new"))
            #expect(provider.calls.all.allSatisfy { $0.namespace == "root/cimv2" })
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test(
            "R77: objects first, then one final status",
            arguments: [RawOperation.enumerate("Test_Thing"), .get(thing("thing0"))])
        func order(operation: RawOperation) async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let open = try await scene.client.start(operation, .async)
            #expect(try await open.result().status == .noError)
            let events = try #require(open.sink?.events.all)
            #expect(events.count == 2)
            #expect(events.last?.isFinal == true)
            try await expectQuiet(scene, [open.sink])
        }

        @Test("A.4: GetObject of a class path gives the class, in every form", arguments: CallForm.allCases)
        func classObject(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let result = try await scene.client.run(.get("TEST_THING"), form)
            let declaration = try #require(result.objects.first)
            #expect(declaration["__GENUS"] == .int32(1))
            #expect(declaration["__CLASS"]?.text == "Test_Thing")
            let names = declaration["__PROPERTIES"]?.elements?.compactMap { $0.stringDictionary?["Name"]?.text }
            #expect(names == ["Name", "Number", "Text", "Small", "Inner"])
            #expect(declaration["__METHODS"]?.elements?.count == 4)
            #expect(try await scene.client.run(.get("Nothing_Here"), form).status == .notFound)
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("A.6.1: Next and Skip, their counts and their codes")
        func nextAndSkip() async throws {
            let scene = try await Scene.start()
            try await scene.provider(things: 10)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            #expect(try await open.next(timeout: 0, count: 0).0 == .sFalse)
            let first = try await open.next(timeout: -1, count: 4)
            #expect(first.0 == .noError)
            #expect(first.1.compactMap { $0["Name"]?.text } == ["thing0", "thing1", "thing2", "thing3"])
            #expect(try await open.skip(timeout: -1, count: 2) == .noError)
            let rest = try await open.next(timeout: 1_000, count: 100)
            #expect(rest.0 == .sFalse)
            #expect(rest.1.compactMap { $0["Name"]?.text } == ["thing6", "thing7", "thing8", "thing9"])
            #expect(try await open.next(timeout: 0, count: 1).0 == .sFalse)
            #expect(try await open.skip(timeout: 0, count: 1) == .sFalse)
            let again = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            #expect(try await again.skip(timeout: -1, count: 11) == .sFalse)
            let status = try await scene.client.refusal { _ = try await again.next(timeout: -2, count: 1) }
            #expect(status == .invalidParameter)
            try await expectQuiet(scene)
        }

        @Test("A.6.1: Next gives what there is when its time has passed, and goes on")
        func nextTimesOut() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the rest")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(2))
                try await go.value()
                try await call.sink.indicate(batch(2, from: 2))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            var objects: [[String: DBusValue]] = []
            while objects.count < 2 {
                let (status, more) = try await open.next(timeout: 20, count: 4)
                #expect(status == .sTimedOut)
                objects += more
            }
            #expect(try await open.next(timeout: 0, count: 1).0 == .sTimedOut)
            go.send(())
            #expect(try await open.next(timeout: 5_000, count: 2).1.count == 2)
            #expect(try await open.next(timeout: 5_000, count: 2).0 == .sFalse)
            try await expectQuiet(scene)
        }

        @Test("A.6.2: CallResult polls, and what is asked of the wrong kind is InvalidOperation")
        func callResult() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the answer")
            provider.on("GetObjectAsync") { call in
                try await go.value()
                call.reply(.noError, references: 0, [provider.thing("slow")])
            }
            let open = try await scene.client.start(.get(thing("slow")), .semisync)
            let path = try #require(open.path)
            func result(_ member: String, _ timeout: Int32) async throws -> [DBusValue] {
                try await scene.client.call(path, Contract.callResult, member, [.int32(timeout)])
            }
            #expect(try await result("GetCallStatus", 0).first == .uint32(WBEMStatus.sTimedOut.rawValue))
            #expect(try await result("GetResultObject", 10).first == .uint32(WBEMStatus.sTimedOut.rawValue))
            #expect(try await scene.client.refusal { _ = try await result("GetResultString", 0) } == .invalidOperation)
            go.send(())
            #expect(try await result("GetCallStatus", -1) == [.uint32(0), .uint32(0)])
            #expect(try await result("GetResultObject", 0)[1].stringDictionary?["Name"]?.text == "slow")
            #expect(try await scene.client.property(path, Contract.operation, "State").text == "ended")
            _ = try await scene.client.call(path, Contract.callResult, "Close")
            await #expect { _ = try await result("GetCallStatus", 0) } throws: { ($0 as? DBusError)?.name == .unknownObject }
            let put = try await scene.client.start(.put(provider.thing("p")), .semisync)
            let putPath = try #require(put.path)
            let status = try await scene.client.refusal {
                _ = try await scene.client.call(putPath, Contract.callResult, "GetResultObject", [.int32(0)])
            }
            #expect(status == .invalidOperation)
            _ = try await scene.client.call(putPath, Contract.callResult, "GetCallStatus", [.int32(-1)])
            try await expectQuiet(scene)
        }

        @Test("Design 3: more than 8 calls that wait for one operation are QuotaViolation")
        func tooManyPulls() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            let results = Recorder<WBEMStatus?>()
            for _ in 0..<9 {
                Task {
                    let status = try? await scene.client.refusal { _ = try await open.next(timeout: 10_000, count: 1) }
                    results.record(status ?? nil)
                }
            }
            #expect(try await results.wait("one refusal") { !$0.isEmpty } == [.quotaViolation])
            _ = try await scene.client.call(#require(open.path), Contract.enumerator, "Close")
            #expect(try await results.wait("the others") { $0.count == 9 }.compactMap(\.self) == [.quotaViolation])
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("W8 L8: finished operations are no open ones: 2,000 that nobody closes hinder no other connection; their own must close some")
        func finishedOperations() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let hoarder = try await RawClient.connect(to: scene.bus)
            // Answered by the broker itself, at once.
            let nothing = RawOperation.get(#"Test_Nothing.Name="x""#)
            let first = try await hoarder.start(nothing, .semisync)
            for _ in 1..<2_000 { _ = try await hoarder.start(nothing, .semisync) }
            let refusal = try await hoarder.refusal { _ = try await hoarder.start(nothing, .semisync) }
            #expect(refusal == .quotaViolation)
            #expect(try await scene.client.brokerProperty("OpenOperations") == 0)
            #expect(try await scene.operationStates().isEmpty)
            func finished() async throws -> [[String: DBusValue]] {
                let listed = try await scene.client.call(Contract.rootPath, Contract.broker, "ListFinishedOperations")
                return (listed.first?.elements ?? []).compactMap { $0.elements?.last?.stringDictionary }
            }
            #expect(try await finished().count == 2_000)
            // Others of the same user go on, in every form; the oldest of what is hoarded makes room.
            for form in CallForm.allCases { #expect(try await scene.client.run(.get(thing("thing0")), form).status == .noError) }
            let path = try #require(first.path)
            await #expect {
                _ = try await hoarder.call(path, Contract.callResult, "GetCallStatus", [.int32(0)])
            } throws: {
                ($0 as? DBusError)?.name == .unknownObject
            }
            let left = try await finished()
            #expect(left.count == 2_000)
            #expect(left.allSatisfy { $0["State"]?.text == "ended" && $0["ID"] != nil && $0["BufferedBytes"] != nil })
            await hoarder.close()
            try await scene.eventually("what is left of it to go") { try await finished().count <= 1 }
            try await expectQuiet(scene)
            withExtendedLifetime(provider) {}
        }

        @Test("A.6.1 L9: Close of an open enumeration cancels it at the provider")
        func closeCancels() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }
            _ = try await scene.client.call(#require(open.path), Contract.enumerator, "Close")
            try await provider.cancelled.wait("the cancel") { $0 == [call[0].sink.path.text] }
            try await expectQuiet(scene)
        }
    }
}
