import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// The callbacks of an operation beside its results, and acknowledgement (Semantics F.3, F.5).
    @Suite struct MICallbackTests {
        @Test("F.3, F.5: with manual acknowledgement the next result waits, and so does the close")
        func manualAcknowledgement() async throws {
            let stage = try await MIStage.start(.things(100))
            let record = MIRecord()
            let order = Recorder<String>()
            let operation = stage.session.enumerateInstances(
                of: "Test_Thing", flags: .manualAcknowledgement,
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    order.record("result")
                    record.callback(control, result)
                }))
            // A hundred and the last, which is not acknowledged yet.
            for index in 0...100 {
                let results = try await record.results.wait("result \(index)") { $0.count > index }
                #expect(results.last?.moreResults == (index < 100))
                if index == 100 { break }
                order.record("acknowledgement")
                try #require(results.last?.acknowledgement).acknowledge()
            }
            #expect(order.all == (0...200).map { $0.isMultiple(of: 2) ? "result" : "acknowledgement" })
            let closed = Recorder<Int>()
            try operation.close(completion: { closed.record(1) })
            #expect(closed.all.isEmpty)
            let last = try #require(record.results.all.last?.acknowledgement)
            last.acknowledge()
            last.acknowledge()
            try await closed.wait("the close") { $0 == [1] }
            #expect(record.now.numbers == Array(0..<100))
        }

        @Test("F.5: an acknowledgement that nobody keeps is given")
        func droppedAcknowledgement() async throws {
            let stage = try await MIStage.start(.things(3))
            let numbers = Recorder<Int64?>()
            let callbacks = MI.OperationCallbacks(instanceResult: { _, result in numbers.record(result.instance?["Number"]?.int64Value) })
            stage.session.enumerateInstances(of: "Test_Thing", flags: .manualAcknowledgement, callbacks: callbacks)
            try await numbers.wait("the last result") { $0 == [0, 1, 2, nil] }
        }

        @Test("F.5: without the flag there is nothing to acknowledge")
        func automaticAcknowledgement() async throws {
            let stage = try await MIStage.start(.things(2))
            let record = MIRecord()
            stage.session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            _ = try await record.all()
            #expect(record.results.all.allSatisfy { $0.acknowledgement == nil })
        }

        @Test("R34, F.5: progress comes as activity, words and per cent, never after the last result")
        func progress() async throws {
            let stage = try await MIStage.start(
                ThingProvider(put: { _, context in
                    context.report(current: 30, of: 40, text: "writing")
                    return nil
                }))
            let order = Recorder<String>()
            let reports = Recorder<MI.ProgressReport>()
            stage.session.createInstance(
                thing(1),
                callbacks: MI.OperationCallbacks(
                    instanceResult: { _, result in order.record("\(result.resultCode)") },
                    writeProgress: { _, report in
                        reports.record(report)
                        order.record("progress")
                    }))
            try await order.wait("the end") { $0 == ["progress", "MI_RESULT_OK"] }
            let report = try #require(reports.all.first)
            #expect(report.activity == "CreateInstance")
            #expect(report.statusDescription == "writing")
            #expect(report.percentComplete == 75)
        }

        /// A provider that says `object` on its way, then gives one thing and ends.
        private func saying(_ object: [(String, DBusValue)], on stage: MIStage) async throws -> RawProvider {
            let provider = try await RawProvider.start(on: stage.stage.bus, className: "Raw_Thing")
            provider.on("CreateInstanceEnumAsync") { call in
                try await call.sink.setStatus(.noError, flags: 2, object: object)
                call.reply(.noError, [call.provider.thing("one")])
            }
            return provider
        }

        private let warning: [(String, DBusValue)] = [
            ("__CLASS", .string("__ExtendedStatus")), ("StatusCode", .uint32(WBEMStatus.sLimitedService.rawValue)),
            ("Description", .string("only some")),
        ]

        private let problem: [(String, DBusValue)] = [
            ("__CLASS", .string("__ExtendedStatus")), ("StatusCode", .uint32(WBEMStatus.accessDenied.rawValue)),
            ("Description", .string("not that one")),
        ]

        @Test("R34, F.5: a status with an object is a message")
        func message() async throws {
            let stage = try await MIStage.start()
            let provider = try await saying(warning, on: stage)
            let messages = Recorder<String>()
            let callbacks = MI.OperationCallbacks(
                writeMessage: { _, channel, text in messages.record("\(channel): \(text)") },
                writeProgress: { _, _ in messages.record("progress") })
            let results = try await pullAll(stage.session.enumerateInstances(of: "Raw_Thing", callbacks: callbacks))
            #expect(results.instances.count == 1)
            #expect(messages.all == ["warning: only some"])
            withExtendedLifetime(provider) {}
        }

        @Test("F.5: an error on the way, reported, asked about, or ignored", arguments: [MI.CallbackMode.report, .inquire, .ignore])
        func error(mode: MI.CallbackMode) async throws {
            let stage = try await MIStage.start()
            let provider = try await saying(problem, on: stage)
            let errors = Recorder<CIMInstance>()
            let answers = Recorder<MI.Answer?>()
            let callbacks = MI.OperationCallbacks(writeError: { _, error, answer in
                errors.record(error)
                answers.record(answer)
            })
            let operation = stage.session.enumerateInstances(
                of: "Raw_Thing", options: MI.OperationOptions(errorMode: mode), callbacks: callbacks)
            if mode == .inquire {
                let asked = try await answers.wait("the question") { !$0.isEmpty }
                try #require(asked.first ?? nil).respond(.yes)
            }
            let results = try await pullAll(operation)
            #expect(results.code == .ok)
            #expect(results.instances.count == 1)
            #expect(errors.all.map { $0["error_Code"] } == (mode == .ignore ? [] : [.uint32(WBEMStatus.accessDenied.rawValue)]))
            #expect(errors.all.allSatisfy { $0.className == "CIM_Error" && $0["Message"] == "not that one" })
            if mode == .report { #expect(answers.all.allSatisfy { $0 == nil }) }
            withExtendedLifetime(provider) {}
        }

        @Test("F.5: No to an error on the way ends the operation, cancelled")
        func errorDeclined() async throws {
            let stage = try await MIStage.start()
            let provider = try await RawProvider.start(on: stage.stage.bus, className: "Raw_Thing")
            let problem = problem
            provider.on("CreateInstanceEnumAsync") { call in
                try await call.sink.setStatus(.noError, flags: 2, object: problem)
                call.abandon()
            }
            let operation = stage.session.enumerateInstances(
                of: "Raw_Thing", options: MI.OperationOptions(errorMode: .inquire),
                callbacks: MI.OperationCallbacks(writeError: { _, _, answer in answer?.respond(.no) }))
            let results = try await pullAll(operation)
            #expect(results.code == .failed)
            #expect(results.category == .operationStopped)
            try await provider.cancelled.wait("the provider to be told") { $0.count == 1 }
        }

        @Test(
            "R34, F.4, F.5: the user is asked before anything changes; Yes goes on, No ends it unsent", arguments: [MI.Response.yes, .no])
        func prompt(response: MI.Response) async throws {
            let store = ThingStore()
            let stage = try await MIStage.start(store.provider)
            let questions = Recorder<String>()
            let callbacks = MI.OperationCallbacks(promptUser: { _, message, type, answer in
                questions.record("\(type) \(message)")
                answer?.respond(response)
                answer?.respond(.yes)
            })
            let options = MI.OperationOptions(promptMode: .inquire)
            let results = try await pullAll(stage.session.createInstance(thing(1), options: options, callbacks: callbacks))
            #expect(results.code == (response == .yes ? .ok : .failed))
            #expect((store["n1"] != nil) == (response == .yes))
            if response == .no { #expect(results.category == .operationStopped) }
            let deleted = try await pullAll(stage.session.deleteInstance(at: path("n1"), options: options, callbacks: callbacks))
            #expect(deleted.code == (response == .yes ? .ok : .failed))
            #expect(questions.all == ["normal create an instance of Test_Thing?", "critical delete Test_Thing.Name=\"n1\"?"])
            // Reading asks nobody.
            _ = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", options: options, callbacks: callbacks))
            #expect(questions.all.count == 2)
            try await stage.stage.expectQuiet()
        }

        @Test("F.4: prompts that are reported, ignored, asked of nobody, or not answered")
        func promptModes() async throws {
            let store = ThingStore()
            let stage = try await MIStage.start(store.provider)
            let questions = Recorder<Bool>()
            let callbacks = MI.OperationCallbacks(promptUser: { _, _, _, answer in questions.record(answer != nil) })
            func code(_ number: Int, _ options: MI.OperationOptions, _ callbacks: MI.OperationCallbacks?) async throws -> MI.ResultCode? {
                try await pullAll(stage.session.createInstance(thing(number), options: options, callbacks: callbacks)).code
            }
            #expect(try await code(1, .init(promptMode: .report), callbacks) == .ok)
            #expect(questions.all == [false])
            #expect(try await code(2, .init(promptMode: .ignore), callbacks) == .ok)
            #expect(questions.all == [false])
            // The answer was dropped: the default holds.
            #expect(try await code(3, .init(promptMode: .inquire, promptDefault: .yes), callbacks) == .ok)
            #expect(try await code(4, .init(promptMode: .inquire, promptDefault: .no), callbacks) == .failed)
            #expect(questions.all == [false, true, true])
            #expect(try await code(5, .init(promptMode: .inquire, promptDefault: .no), nil) == .failed)
            #expect(try await code(6, .init(promptMode: .inquire), nil) == .ok)
            #expect((1...6).map { store["n\($0)"] != nil } == [true, true, true, false, false, true])
        }

        @Test("F.5: cancelled while the user is asked: not sent, and it ends once the answer is there")
        func promptCancelled() async throws {
            let store = ThingStore()
            let stage = try await MIStage.start(store.provider)
            let asked = Event<MI.Answer?>("the question")
            let record = MIRecord()
            let operation = stage.session.createInstance(
                thing(1), options: MI.OperationOptions(promptMode: .inquire),
                callbacks: MI.OperationCallbacks(
                    instanceResult: record.callback, promptUser: { _, _, _, answer in asked.send(answer) }))
            let answer = try #require(try await asked.value())
            operation.cancel()
            #expect(record.results.all.isEmpty)
            answer.respond(.yes)
            let results = try await record.all()
            #expect(results.category == .operationStopped)
            #expect(store["n1"] == nil)
            try await stage.stage.expectQuiet()
        }

        @Test("F.5: an out parameter that is a stream comes by streamedParameterResult, before the result and not in it")
        func streamedParameter() async throws {
            let stage = try await MIStage.start()
            let mof = """
                [dynamic, provider("Lists")]
                class Test_List
                {
                    [key] string Name;
                    [Implemented, Static] uint32 Get([out, ID(0), Stream] uint32 Numbers[], [out, ID(1)] string Word);
                };
                """
            let provider = ThingProvider(invoke: { _, _, _, _ in
                MethodResult(returnValue: .uint32(0), ["Numbers": .array(of: .uint32, [.uint32(1), .uint32(2)]), "Word": "w"])
            })
            let service = try await RunningService.start(provider, named: "Lists", mof: mof, classes: ["Test_List"], on: stage.stage.bus)
            let order = Recorder<String>()
            let record = MIRecord()
            let callbacks = MI.OperationCallbacks(
                instanceResult: { control, result in
                    record.callback(control, result)
                    order.record("result")
                },
                streamedParameterResult: { _, parameter in
                    #expect(parameter.value == .array(of: .uint32, [.uint32(1), .uint32(2)]))
                    #expect(parameter.acknowledgement != nil)
                    order.record(parameter.name)
                })
            let key = CIMObjectPath(className: "Test_List")
            stage.session.invoke("Get", at: key, flags: .manualAcknowledgement, callbacks: callbacks)
            try await order.wait("the end") { $0 == ["Numbers", "result"] }
            let result = try #require(record.now.last?.instance)
            #expect(result.index(of: "Numbers") == nil)
            #expect(result["Word"] == "w")
            record.results.all.last?.acknowledgement?.acknowledge()
            // Without the callback it stays where it is.
            #expect(try await soon { try await stage.session.invoke("Get", at: key).value }["Numbers"]?.arrayValue?.count == 2)
            withExtendedLifetime(service) {}
        }
    }
}
