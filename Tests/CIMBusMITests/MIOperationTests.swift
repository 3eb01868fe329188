import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// The functions of an MI session beside the enumeration (Semantics F.2).
    @Suite struct MIOperationTests {
        @Test("F.2: create, get, modify, invoke, delete, pulled")
        func life() async throws {
            let store = ThingStore()
            let stage = try await MIStage.start(store.provider)
            let session = stage.session
            let created = try await soon { try await session.createInstance(thing(7, text: "first")).value }
            #expect(created.path?.relativePath == "Test_Thing.Name=\"n7\"")
            #expect(created.properties == [CIMInstance.Property(name: "Name", value: "n7")])
            let key = try #require(created.path)
            #expect(try await pullAll(session.createInstance(thing(7))).code == .alreadyExists)

            let got = try await pullAll(session.getInstance(at: key))
            // One object: it comes with the last result.
            #expect(got.moreResults == [false])
            #expect(got.last?.instance?["Text"] == "first")
            #expect(got.last?.instance?["Number"] == .uint32(7))

            var changed = try #require(got.last?.instance)
            changed["Text"] = "second"
            let modified = try await pullAll(session.modifyInstance(changed))
            #expect(modified.code == .ok)
            #expect(modified.moreResults == [false])
            #expect(modified.instances.isEmpty)
            #expect(store["n7"]?["Text"] == "second")
            var part = CIMInstance(className: "Test_Thing", ["Name": "n7", "Text": "third"])
            #expect(try await pullAll(session.modifyInstance(part, only: ["Text"])).code == .ok)
            #expect(store["n7"]?["Text"] == "third")
            #expect(store["n7"]?["Number"] == .uint32(7))
            part["Name"] = "other"
            #expect(try await pullAll(session.modifyInstance(part)).code == .notFound)

            let echoed = try await soon { try await session.invoke("Echo", at: key, parameters: ["sInArg": "Hello"]).value }
            #expect(echoed["ReturnValue"] == .uint32(5))
            #expect(echoed["sOutArg"] == "Hello")
            let counted = try await soon { try await session.invoke("Count", at: CIMObjectPath(className: "Test_Thing")).value }
            #expect(counted["ReturnValue"] == .uint32(1))

            try await soon { try await session.deleteInstance(at: key).finish() }
            #expect(store["n7"] == nil)
            #expect(try await pullAll(session.deleteInstance(at: key)).code == .notFound)
            #expect(try await miFailure { _ = try await session.getInstance(at: key).value } == .notFound)
            #expect(try await miFailure { try await session.deleteInstance(at: key).finish() } == .notFound)
            try await stage.stage.expectQuiet()
        }

        @Test("F.2: the same with callbacks: one call each, and it is the last")
        func callbacks() async throws {
            let store = ThingStore()
            let stage = try await MIStage.start(store.provider)
            let session = stage.session
            func results(_ begin: (MI.OperationCallbacks) -> MI.InstanceOperation) async throws -> MIResults {
                let record = MIRecord()
                let operation = begin(MI.OperationCallbacks(instanceResult: record.callback))
                let results = try await record.all()
                #expect(results.moreResults == [false])
                try await soon { try await operation.close() }
                return results
            }
            let key = path("n1")
            #expect(try await results { session.createInstance(thing(1), callbacks: $0) }.instances.count == 1)
            #expect(try await results { session.getInstance(at: key, callbacks: $0) }.numbers == [1])
            #expect(try await results { session.modifyInstance(thing(1, text: "x"), callbacks: $0) }.code == .ok)
            let echoed = try await results { session.invoke("Echo", at: key, parameters: ["sInArg": "ab"], callbacks: $0) }
            #expect(echoed.last?.instance?["sOutArg"] == "ab")
            #expect(try await results { session.deleteInstance(at: key, callbacks: $0) }.code == .ok)
            #expect(try await results { session.getInstance(at: key, callbacks: $0) }.code == .notFound)
            #expect(try await results { session.testConnection(callbacks: $0) }.code == .ok)
            // Refused here, and told at once.
            let record = MIRecord()
            session.getInstance(at: CIMObjectPath(className: "Test_Thing"), callbacks: .init(instanceResult: record.callback))
            #expect(record.now.code == .invalidParameter)
        }

        @Test("F.2, F.8: what a method can fail with")
        func methodFailures() async throws {
            let stage = try await MIStage.start(ThingStore().provider)
            let session = stage.session
            let key = CIMObjectPath(className: "Test_Thing")
            #expect(try await pullAll(session.invoke("NotThere", at: key)).code == .methodNotFound)
            #expect(try await pullAll(session.invoke("Count", at: key, parameters: ["Extra": 1])).code == .invalidParameter)
            #expect(try await pullAll(session.invoke("", at: key)).code == .invalidParameter)
            #expect(try await pullAll(session.invoke("Turn", at: path("n1"))).code != .ok)
        }

        @Test("F.2: classes, one and many, pulled, looped over, and by callback")
        func classes() async throws {
            let stage = try await MIStage.start()
            let session = stage.session
            let special = try await soon { try await session.getClass("test_specialthing").value }
            #expect(special.name == "Test_SpecialThing")
            #expect(special.keyNames == ["Name"])
            let pulled = try await soon { try await session.getClass("Test_Thing").getClass() }
            #expect(pulled.declaration?.name == "Test_Thing")
            #expect(!pulled.moreResults)
            #expect(try await soon { try await session.getClass("Test_Nothing").getClass() }.resultCode == .notFound)
            #expect(try await soon { try await session.getClass("a b").getClass() }.resultCode == .invalidParameter)

            let subclasses = try await soon {
                var names: [String] = []
                for try await declaration in session.enumerateClasses(of: "Test_Thing") {
                    names.append(declaration.name)
                    #expect(declaration.property(named: "Since") != nil)
                }
                return names
            }
            // L 17: without the class itself.
            #expect(subclasses == ["Test_SpecialThing"])
            let results = Recorder<MI.OperationResult<CIMClass>>()
            session.enumerateClasses(
                namesOnly: true, flags: .shallow, callbacks: MI.OperationCallbacks(classResult: { _, result in results.record(result) }))
            let all = try await results.wait("the last class") { $0.last?.moreResults == false }
            let names = all.compactMap(\.declaration?.name)
            #expect(Set(names).isSuperset(of: ["Test_Thing", "Test_Ticket"]))
            #expect(!names.contains("Test_SpecialThing"))
            #expect(all.allSatisfy { $0.declaration?.properties.isEmpty ?? true })
            #expect(try await soon { try await session.enumerateClasses(of: "Test_Nothing").getClass() }.resultCode == .invalidClass)
            try await stage.stage.expectQuiet()
        }

        @Test("F.2: a language that nobody speaks, and a query that is none")
        func queryFailures() async throws {
            let stage = try await MIStage.start()
            let results = try await pullAll(stage.session.queryInstances("SELECT * FROM Test_Thing", dialect: "selectorFilter"))
            #expect(results.code == .queryLanguageNotSupported)
            #expect(try await pullAll(stage.session.queryInstances("")).code == .invalidParameter)
        }

        @Test("F.2, F.4: the connection can be tested within a time, and fails without a broker")
        func connection() async throws {
            let stage = try await MIStage.start()
            #expect(try await pullAll(stage.session.testConnection()).code == .ok)
            let patient = MI.OperationOptions(timeout: .seconds(20))
            #expect(try await pullAll(stage.session.testConnection(options: patient)).code == .ok)
            for options in [
                MI.OperationOptions(timeout: .zero),
                .init(customOptions: [.init("__MI_OPERATIONOPTIONS_CHANNEL", 1)], mustUnderstand: true),
            ] {
                #expect(try await pullAll(stage.session.testConnection(options: options)).code != .ok)
            }
            // A broker that is there and does nothing.
            stage.stage.broker.process.stop()
            let silent = try await pullAll(stage.session.testConnection(options: MI.OperationOptions(timeout: .milliseconds(50))))
            #expect(silent.code == .failed && silent.isWellFormed)
            #expect(silent.category == .operationTimeout)
            stage.stage.broker.process.signal(SIGCONT)
            #expect(try await pullAll(stage.session.testConnection(options: patient)).code == .ok)
            try await stage.stage.broker.process.killAndWait()
            let failed = try await pullAll(stage.session.testConnection())
            #expect(failed.code == .failed)
            #expect(failed.category == .connectionError)
        }

        @Test("R15 F.8: to MI it is MI_RESULT_SERVER_LIMITS_EXCEEDED, and the error's details have the number unchanged")
        func outOfMemory() async throws {
            let error = CIMError(.outOfMemory, "no room for the table")
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { _, _, _ in throw error }, get: { _, _ in throw error }, invoke: { _, _, _, _ in throw error }))
            for operation in [
                stage.session.enumerateInstances(of: "Test_Thing"), stage.session.getInstance(at: path("a")),
                stage.session.invoke("Echo", at: path("a"), parameters: ["sInArg": "x"]),
            ] {
                let results = try await pullAll(operation)
                #expect(results.code == .serverLimitsExceeded && results.category == .limitsExceeded && results.isWellFormed)
                #expect(results.last?.errorDetails?["error_Code"] == .uint32(0x8004_1006))
                #expect(results.last?.errorDetails?["Message"]?.stringValue?.contains("no room for the table") == true)
            }
        }
    }
}
