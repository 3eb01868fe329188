import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import Testing

extension SDKTests {
    /// Queries and associations in every API, over a real bus and a real broker: SEMANTICS I, F.2, E.1.
    @Suite struct QueryTests {
        private func shelves(
            _ parts: Parts = .shelves, query: (@Sendable (FrameworkQuery, MethodContext) async throws -> Void)? = nil
        ) async throws -> (FrameworkStage, Shelves, RunningService) {
            let stage = try await FrameworkStage.start()
            var provider = Shelves()
            provider.query = query
            return (stage, provider, try await stage.start(provider, parts))
        }

        private func names(_ instances: [CIMInstance]) -> [String] { instances.compactMap { $0["Name"]?.stringValue }.sorted() }

        private static let boxes = "SELECT Name, Small FROM Test_Box WHERE Number >= 1 AND Number <> 2"

        // MARK: - The client's sessions

        @Test("I.2: a session's query: chosen by the broker, typed by the class, with the path where the keys are there")
        func session() async throws {
            let (stage, provider, service) = try await shelves()
            let session = stage.stage.session
            let (all, pulled) = try await soon {
                var all: [CIMInstance] = []
                for try await instance in session.execQuery(Self.boxes) { all.append(instance) }
                let enumerator = try await session.openQuery(Self.boxes)
                return (all, try await enumerator.next(100))
            }
            #expect(names(all) == ["b1", "b3"])
            #expect(all.allSatisfy { $0["Number"] == nil && $0.path?.className == "Test_Box" })
            #expect(all.first { $0["Name"] == "b1" }?["Small"] == .sint8(-2))
            #expect(Set(pulled.instances.map(\.path)) == Set(all.map(\.path)) && pulled.isAtEnd)
            // Over two classes of one provider, below a class that nobody has instances of.
            let deep = try await soon {
                var names: [String] = []
                for try await instance in session.execQuery("SELECT * FROM Test_Furniture WHERE Number = 1") {
                    names.append("\(instance.className) \(instance["Name"]?.stringValue ?? "")")
                }
                return names.sorted()
            }
            #expect(deep == ["Test_Box b1", "Test_Shelf s1"])
            #expect(Set(provider.calls.all) == ["enumerate Test_Box", "enumerate Test_Shelf"])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("W12: System properties that a session's query names are properties of its instances; a path that is named needs no keys")
        func sessionSystemProperties() async throws {
            let (stage, _, service) = try await shelves()
            let session = stage.stage.session
            let text = "SELECT __superclass, __DERIVATION, __SERVER, __GENUS, __RELPATH, Number FROM Test_Box WHERE Name = 'b1'"
            let found = try await soon {
                var all: [CIMInstance] = []
                for try await instance in session.execQuery(text) { all.append(instance) }
                return all
            }
            let box = try #require(found.first)
            #expect(found.count == 1 && box["__SUPERCLASS"] == "Test_Furniture" && box["__DERIVATION"] == .strings(["Test_Furniture"]))
            #expect(box["__SERVER"]?.stringValue?.isEmpty == false && box["__GENUS"] == .sint32(2))
            #expect(box["__RELPATH"] == #"Test_Box.Name="b1""# && box.path?.relativePath == #"Test_Box.Name="b1""#)
            #expect(box["Number"] == .uint32(1) && box["Name"] == nil && box["__PATH"] == nil)
            withExtendedLifetime(service) {}
        }

        @Test("I.4: a session's ASSOCIATORS OF and REFERENCES OF")
        func sessionAssociations() async throws {
            let (stage, provider, service) = try await shelves()
            let session = stage.stage.session
            func run(_ query: String) async throws -> [CIMInstance] {
                try await soon {
                    var instances: [CIMInstance] = []
                    for try await instance in session.execQuery(query) { instances.append(instance) }
                    return instances
                }
            }
            let associators = try await run("ASSOCIATORS OF {Test_Shelf.Name='s0'} WHERE ResultClass = Test_Box")
            #expect(names(associators) == ["b0", "b1"])
            #expect(associators.allSatisfy { $0["Made"] == Shelves.made.map { .datetime($0) } })
            #expect(names(try await run("ASSOCIATORS OF {Test_Box.Name='b2'}")) == ["s1"])
            let references = try await run("REFERENCES OF {Test_Shelf.Name='s0'} WHERE Role = Holder")
            #expect(references.map(\.className) == ["Test_Holds", "Test_Holds"])
            #expect(Set(references.map { $0["Place"] }) == [.uint8(0), .uint8(1)])
            #expect(try await run("REFERENCES OF {Test_Box.Name='b3'}").isEmpty)
            #expect(provider.calls.all.contains("get Test_Box b1"))
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        // MARK: - MI

        @Test("F.2: QueryInstances, pulled, looped over and by callback")
        func miQuery() async throws {
            let (stage, _, service) = try await shelves()
            let session = try await MI.Application().newSession(on: stage.stage)
            let pulled = try await pullAll(session.queryInstances(Self.boxes))
            #expect(pulled.code == .ok && pulled.isWellFormed)
            #expect(names(pulled.instances) == ["b1", "b3"])
            #expect(pulled.instances.allSatisfy { $0["Number"] == nil })
            let looped = try await soon {
                var instances: [CIMInstance] = []
                for try await instance in session.queryInstances(Self.boxes) { instances.append(instance) }
                return instances
            }
            #expect(names(looped) == ["b1", "b3"])
            let record = MIRecord()
            session.queryInstances(Self.boxes, callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let called = try await record.all()
            #expect(names(called.instances) == ["b1", "b3"] && called.isWellFormed)
            let nothing = try await pullAll(session.queryInstances("SELECT * FROM Test_Box WHERE Number > 9"))
            #expect(nothing.code == .ok && nothing.instances.isEmpty && nothing.isWellFormed)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("F.2: what a query can fail with: its text, its class, and what it says of its properties")
        func miFailures() async throws {
            let (stage, provider, service) = try await shelves()
            let session = try await MI.Application().newSession(on: stage.stage)
            for (query, code) in [
                ("SELECT * FORM Test_Box", MI.ResultCode.invalidQuery), ("SELECT * FROM Test_Nothing", .invalidClass),
                ("SELECT * FROM Test_Box WHERE Nothing = 1", .invalidQuery),
            ] {
                let results = try await pullAll(session.queryInstances(query))
                #expect(results.code == code, "\(query): \(String(describing: results.last))")
                #expect(results.instances.isEmpty && results.isWellFormed)
            }
            #expect(provider.calls.all.isEmpty)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("F.2, I.4: AssociatorInstances and ReferenceInstances, with every condition, and keys only")
        func miAssociations() async throws {
            let (stage, _, service) = try await shelves()
            let session = try await MI.Application().newSession(on: stage.stage)
            let shelf = furniture("Test_Shelf", "s0")
            for (operation, expected) in [
                (session.associatorInstances(of: shelf), ["b0", "b1"]),
                (session.associatorInstances(of: furniture("Test_Box", "b2")), ["s1"]),
                (
                    session.associatorInstances(
                        of: shelf, associationClass: "Test_Holds", resultClass: "Test_Box", role: "Holder", resultRole: "Held"),
                    ["b0", "b1"]
                ),
                (session.associatorInstances(of: shelf, role: "Held"), []),
                (session.associatorInstances(of: shelf, resultClass: "Test_Shelf"), []),
                (session.associatorInstances(of: furniture("Test_Box", "b3")), []),
            ] {
                let results = try await pullAll(operation)
                #expect(results.code == .ok && results.isWellFormed, "\(String(describing: results.last))")
                #expect(names(results.instances) == expected)
            }
            let keys = try await pullAll(session.associatorInstances(of: shelf, keysOnly: true))
            #expect(names(keys.instances) == ["b0", "b1"])
            #expect(keys.instances.allSatisfy { $0["Number"] == nil && $0["Made"] == nil })

            let references = try await pullAll(session.referenceInstances(of: shelf, resultClass: "Test_Holds", role: "Holder"))
            #expect(references.code == .ok && references.isWellFormed)
            #expect(Set(references.instances.map { $0["Place"] }) == [.uint8(0), .uint8(1)])
            #expect(try await pullAll(session.referenceInstances(of: shelf, role: "Held")).instances.isEmpty)
            let referenceKeys = try await pullAll(session.referenceInstances(of: shelf, keysOnly: true))
            #expect(referenceKeys.instances.count == 2)
            #expect(referenceKeys.instances.allSatisfy { $0["Place"] == nil && $0["Held"] != nil })
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        // MARK: - The provider framework

        @Test("E.1: getInstancesByQuery and its asynchronous form: the broker chooses among what another provider enumerates")
        func framework() async throws {
            let (stage, provider, service) = try await shelves()
            let (array, called) = try await stage.serving { context in
                let called = Recorder<CIMInstance>()
                try await context.getInstancesByQueryAsynch(Self.boxes, requester: 0, userData: called) { _, instance, nested, called in
                    #expect(nested.operationID == context.operationID)
                    called.record(instance.value)
                }
                return (try await context.getInstancesByQuery(Self.boxes), called.all)
            }
            #expect(names(array) == ["b1", "b3"])
            #expect(array == called)
            #expect(array.allSatisfy { $0["Number"] == nil && $0.path?.className == "Test_Box" })
            #expect(array.first { $0["Name"] == "b3" }?["Small"] == .sint8(-4))
            #expect(provider.calls.all == ["enumerate Test_Box", "enumerate Test_Box"])
            let associated = try await stage.serving { context in
                try await context.getInstancesByQuery("ASSOCIATORS OF {Test_Shelf.Name='s0'}")
            }
            #expect(names(associated) == ["b0", "b1"])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("E.1, I.7: a provider that takes queries gets the one that another provider asks, with its context")
        func pushed() async throws {
            let shades = Recorder<String>()
            let (stage, provider, service) = try await shelves(.queriedShelves) { _, context in
                shades.record(context.values["Shade"]?.text ?? "?")
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
            }
            let options = OperationOptions(context: ["Shade": "green"])
            let (array, called) = try await stage.serving(options: options) { context in
                let called = Recorder<CIMInstance>()
                try await context.getInstancesByQueryAsynch(Self.boxes, requester: 0, userData: called) { $3.record($1.value) }
                return (try await context.getInstancesByQuery(Self.boxes), called.all)
            }
            #expect(names(array) == ["b1", "b3"])
            #expect(array == called)
            #expect(array.allSatisfy { $0["Number"] == nil })
            #expect(provider.calls.all.count == 2)
            #expect(
                provider.calls.all.allSatisfy { $0.hasPrefix("SELECT ") && $0.contains("FROM Test_Box WHERE") }, "\(provider.calls.all)")
            #expect(shades.all == ["green", "green"])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test(
            "I.7, B.3: what a provider hands over is filtered by the broker, unless it says that it answers exactly",
            arguments: [false, true])
        func exactly(answersExactly: Bool) async throws {
            let stage = try await FrameworkStage.start()
            var provider = Shelves()
            provider.answersExactly = answersExactly
            provider.query = { _, context in
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
            }
            let service = try await stage.start(provider, .queriedShelves)
            let seen = try await stage.serving { try await $0.getInstancesByQuery(Self.boxes) }
            #expect(names(seen) == (answersExactly ? ["b0", "b1", "b2", "b3"] : ["b1", "b3"]))
            #expect(seen.allSatisfy { $0["Number"] == nil })
            #expect(provider.calls.all.count == 1)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("I.7: a query that the provider leaves to the broker becomes an enumeration")
        func leftToTheBroker() async throws {
            let (stage, provider, service) = try await shelves(.queriedShelves)
            #expect(names(try await stage.serving { try await $0.getInstancesByQuery(Self.boxes) }) == ["b1", "b3"])
            #expect(provider.calls.all.count == 2)
            #expect(provider.calls.all.last == "enumerate Test_Box")
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("E.1, R16: what a query fails with is thrown, after every instance before it")
        func frameworkFailures() async throws {
            let (stage, _, service) = try await shelves(.queriedShelves) { _, context in
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
                throw CIMError(.accessDenied, "not this shelf")
            }
            let (seen, error, text) = try await stage.serving { context in
                let seen = Recorder<String>()
                let error = await #expect(throws: CIMError.self) {
                    try await context.getInstancesByQueryAsynch(Self.boxes, requester: 0, userData: seen) {
                        _, instance, _, seen in seen.record(instance["Name"]?.stringValue ?? "?")
                    }
                }
                let text = await #expect(throws: CIMError.self) { try await context.getInstancesByQuery("SELECT * FORM Test_Box") }
                return (seen.all, error, text)
            }
            #expect(seen == ["b1", "b3"])
            #expect(error?.status == .accessDenied && error?.message.contains("not this shelf") == true)
            #expect(error?.providerName == "Shelves")
            #expect(text?.status == .invalidQuery)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }
    }
}
