import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import Glibc
import Testing

extension SDKTests {
    /// What comes of a call, between the two SDKs (SEMANTICS K.3: R77, R79, R87).
    @Suite struct SinkRuleTests {
        @Test("R77: the end comes behind the last object, of few and of many, however late somebody looks", arguments: [3, 20, 100])
        func completeResults(count: Int) async throws {
            let stage = try await Stage.start(.things(count))
            for form in Form.allCases {
                let result = try await stage.session.enumerate("Test_Thing", form)
                #expect(result.numbers == Array(0..<count), "\(form)")
                #expect(result.error == nil)
            }
            // All of it has arrived, the end too, before anything is taken.
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await stage.expectQuiet()
            let late = try await collect(sequence)
            #expect(late.numbers == Array(0..<count))
            #expect(late.error == nil)
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

        @Test(
            "R87: a method that returns, and keeps nothing, is a success: nobody says a status, and no reference is left",
            arguments: Form.allCases)
        func returned(form: Form) async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, _ in }, put: { _, _ in nil }, delete: { _, _ in }, invoke: { _, _, _, _ in Output() }))
            let session = stage.session
            #expect(try await session.put(thing(1), form).relativePath == "Test_Thing.Name=\"n1\"")
            try await stage.expectQuiet()
            try await session.delete(path("n1"), form)
            try await stage.expectQuiet()
            #expect(try await session.call(path("n1"), "Echo", ["sInArg": "x"], form).returnValue == nil)
            try await stage.expectQuiet()
            let none = try await session.enumerate("Test_Thing", form)
            #expect(none.error == nil && none.instances.isEmpty)
            try await stage.expectQuiet()
        }
    }
}
