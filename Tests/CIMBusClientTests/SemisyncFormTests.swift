import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// The form without callbacks, beside the one with: a client that must know who talks to it makes calls only, and gets answers only.
    @Suite struct SemisyncFormTests {
        /// What came of the requests of a client, and what its provider saw of them.
        private struct Story: Equatable {
            var results: [String] = []
            var calls: [String] = []
        }

        /// One request of each kind that has an asynchronous form, and some that fail.
        private static func story(_ form: Form) async throws -> Story {
            let store = ThingStore()
            let calls = Recorder<String>()
            let recorded = store.provider.recording(calls)
            let stage = try await Stage.start(recorded)
            let session = stage.session
            let options = OperationOptions(context: ["Shade": "green"])
            let results = Recorder<String>()
            func attempt(_ what: String, _ body: () async throws -> String) async {
                do {
                    results.record("\(what): \(try await body())")
                } catch let error as CIMError {
                    results.record("\(what): \(error.status) \(error.message) \(error.providerName ?? "-")")
                } catch { results.record("\(what): \(error)") }
            }
            for number in 0..<3 {
                await attempt("put") { try await session.put(thing(number, text: "t\(number)"), form, options: options).relativePath }
            }
            await attempt("get") { "\(try await session.get(path("n1"), form, options: options))" }
            await attempt("enumerate") { "\(try await session.enumerate("Test_Thing", form, options: options).instances)" }
            await attempt("query") {
                "\(try await session.query("SELECT * FROM Test_Thing WHERE Number >= 1", form, options: options))"
            }
            await attempt("invoke") {
                let result = try await session.call(path("n2"), "Echo", ["sInArg": "Hello"], form, options: options)
                return "\(String(describing: result.returnValue)) \(result.parameters)"
            }
            await attempt("delete") { "\(try await session.delete(path("n0"), form))" }
            await attempt("get") { "\(try await session.get(path("n0"), form, options: options))" }
            await attempt("delete") { "\(try await session.delete(path("n0"), form))" }
            await attempt("enumerate") { "\(try await session.enumerate("Test_Nothing", form).error?.status as Any)" }
            try await stage.expectQuiet()
            return Story(results: results.all, calls: calls.all)
        }

        @Test("R18: whatever can be asked for with a sink can be asked for in the semisynchronous form, with the same result")
        func sameResult() async throws {
            let (async, semisync) = (try await Self.story(.async), try await Self.story(.semisync))
            #expect(async.results.count == 11)
            #expect(async.results.first == "put: Test_Thing.Name=\"n0\"")
            for (one, other) in zip(async.results, semisync.results) { #expect(one == other) }
            #expect(async.results.count == semisync.results.count)
            // Its provider cannot tell them apart: the same calls, of the same user, with the same context.
            #expect(async.calls.count == 10)
            for (one, other) in zip(async.calls, semisync.calls) { #expect(one == other) }
            #expect(async.calls.count == semisync.calls.count)
        }

        /// Who asked, and what with, as one put's provider sees it.
        struct Asked: Hashable, Sendable {
            var clientName: String?
            var clientUserID: UInt32?
            var clientProcessID: UInt32?
            var originUserID: UInt32?
            var shade: String?
            var isPartial: Bool
            var putMode: RequestContext.PutMode
            var values: [String]
        }

        @Test("R79: who does not want callbacks pulls: the same put, by the same caller, with the same path")
        func semisynchronousPut() async throws {
            let asked = Recorder<Asked>()
            let stage = try await Stage.start(
                ThingProvider(
                    put: { instance, context in
                        asked.record(
                            Asked(
                                clientName: context.clientName, clientUserID: context.clientUserID,
                                clientProcessID: context.clientProcessID,
                                originUserID: context.originUserID, shade: context.values["Shade"]?.text, isPartial: context.isPartialPut,
                                putMode: context.putMode, values: instance.properties.map { "\($0.name) \($0.value)" }))
                        let key = CIMObjectPath.Key(name: "Number", value: .integer(4711))
                        return CIMObjectPath(className: instance.className, keys: .keys([key]))
                    }, supportsPartialPut: true))
            var options = OperationOptions(context: ["Shade": "green"], flags: .createOnly).updatingOnly(["Holder"])
            for form in Form.allCases {
                let path = try await stage.session.put(CIMInstance(className: "Test_Ticket", ["Holder": "Ada"]), form, options: options)
                #expect(path.relativePath == "Test_Ticket.Number=4711", "\(form)")
            }
            let all = asked.all
            #expect(all.count == 3 && Set(all).count == 1, "\(all)")
            let first = try #require(all.first)
            #expect(first.clientUserID == getuid() && first.originUserID == getuid() && first.clientProcessID == UInt32(getpid()))
            #expect(first.clientName?.hasPrefix(":") == true)
            #expect(first.shade == "green" && first.isPartial && first.putMode == .createOnly)
            #expect(first.values.contains { $0.hasPrefix("Holder ") && $0.contains("Ada") }, "\(first.values)")
            // How it fails is the same, too.
            options.flags = []
            options.context["__PUT_EXT_PROPERTIES"] = .uint32(1)
            for form in Form.allCases {
                let error = await #expect(throws: CIMError.self) {
                    try await stage.session.put(CIMInstance(className: "Test_Ticket"), form, options: options)
                }
                #expect(error?.status == .invalidContext, "\(form)")
            }
            #expect(asked.all.count == 3)
            try await stage.expectQuiet()
        }
    }
}

extension Session {
    /// The instances of a query, by path.
    fileprivate func query(_ text: String, _ form: Form, options: OperationOptions) async throws -> [CIMInstance] {
        let instances = try await soon("the end of a query") { [self] in
            switch form {
            case .sync:
                var instances: [CIMInstance] = []
                for try await instance in execQuery(text, options: options) { instances.append(instance) }
                return instances
            case .async:
                let instances = Recorder<CIMInstance>()
                let end = Event<Result<Void, CIMError>>("the completion")
                execQuery(text, options: options, onInstance: { instances.record($0) }, completion: { end.send($0) })
                try await end.value().get()
                return instances.all
            case .semisync:
                let enumerator = try await openQuery(text, options: options)
                var instances: [CIMInstance] = []
                while true {
                    let pulled = try await enumerator.next(100)
                    instances += pulled.instances
                    if pulled.isAtEnd { return instances }
                }
            }
        }
        return instances.sorted { "\($0.path as Any)" < "\($1.path as Any)" }
    }
}

extension ThingProvider {
    /// The same; what it is asked is recorded, with the flags, with whose request it is, and with the client's own context.
    fileprivate func recording(_ calls: Recorder<String>) -> ThingProvider {
        @Sendable func record(_ what: String, _ context: RequestContext) {
            let own = context.values.filter { !$0.key.hasPrefix("__") }.map { "\($0.key)=\($0.value)" }.sorted()
            calls.record("\(what) \(context.flags.rawValue) \(context.clientUserID ?? 0) \(context.originUserID ?? 0) \(own)")
        }
        var recording = self
        recording.enumerate = { [enumerate] className, context, sink in
            record("enumerate \(className)", context)
            try await enumerate?(className, context, sink)
        }
        recording.get = { [get] path, context in
            record("get \(path)", context)
            guard let get else { throw CIMError(.providerNotCapable, "no get") }
            return try await get(path, context)
        }
        recording.put = { [put] instance, context in
            record("put \(instance)", context)
            return try await put?(instance, context)
        }
        recording.delete = { [delete] path, context in
            record("delete \(path)", context)
            try await delete?(path, context)
        }
        recording.invoke = { [invoke] method, path, parameters, context in
            record("invoke \(method) \(path) \(parameters)", context)
            guard let invoke else { throw CIMError(.providerNotCapable, "no methods") }
            return try await invoke(method, path, parameters, context)
        }
        return recording
    }
}
