import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Providers that ask others for instances: Semantics E.1 and K.1.
    @Suite struct FrameworkGlueTests {
        /// Gives instances of the class and of the one below it, whatever it is asked for.
        private static let mixed = ThingProvider(enumerate: { _, _, sink in
            for number in 0..<40 { try await sink.indicate(part(number, class: number % 4 == 3 ? "Test_SpecialPart" : "Test_Part")) }
        })

        static func numbered(_ count: Int) -> ThingProvider {
            ThingProvider(enumerate: { _, _, sink in for number in 0..<count { try await sink.indicate(part(number)) } })
        }

        @Test("R1: getAllInstances has the instances of exactly this class, getAllDerivedInstances those of the classes below it, too")
        func sets() async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.mixed, .parts)
            let (shallow, deep, queried) = try await stage.serving { context in
                (
                    try await context.glue.getAllInstances(of: "Test_Part"), try await context.glue.getAllDerivedInstances(of: "test_part"),
                    try await context.glue.getInstancesByQuery("SELECT * FROM Test_Part WHERE __CLASS = \"Test_Part\"")
                )
            }
            #expect(shallow.map(number) == (0..<40).filter { $0 % 4 != 3 })
            #expect(shallow.allSatisfy { $0.className == "Test_Part" })
            #expect(queried == shallow)
            #expect(deep.map(number) == Array(0..<40))
            #expect(deep.contains { $0.className == "Test_SpecialPart" })
            try await stage.stage.expectQuiet()
            withExtendedLifetime(parts) {}
        }

        @Test("R4: getAllInstances gives as one array what getAllInstancesAsynch gives one by one")
        func array() async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.mixed, .parts)
            let (array, called, looped) = try await stage.serving { context in
                let called = Recorder<CIMInstance>()
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: called) { $3.record($1.value) }
                var looped: [CIMInstance] = []
                for try await instance in context.enumerateInstances(of: "Test_Part", deep: false) { looped.append(instance) }
                return (try await context.glue.getAllInstances(of: "Test_Part"), called.all, looped)
            }
            #expect(array.count == 30)
            #expect(array == called)
            #expect(array == looped)
            withExtendedLifetime(parts) {}
        }

        @Test("R17: the instances of another provider's class come from that provider, and nobody else is asked")
        func otherProvider() async throws {
            let asked = Recorder<String>()
            func provider(_ name: String) -> ThingProvider {
                ThingProvider(enumerate: { className, _, sink in
                    asked.record("\(name): \(className)")
                    try await sink.indicate(CIMInstance(className: className, ["Name": .string(name)]))
                })
            }
            let stage = try await FrameworkStage.start(provider("things"))
            let others = [
                try await stage.start(provider("parts"), .parts), try await stage.start(provider("middles"), .middle),
            ]
            let seen = try await stage.serving { context in
                try await context.glue.getAllInstances(of: "Test_Middle") + context.glue.getAllInstances(of: "Test_Part")
            }
            #expect(asked.all == ["middles: Test_Middle", "parts: Test_Part"])
            #expect(seen.map { $0.path?.relativePath } == [#"Test_Middle.Name="middles""#, #"Test_Part.Name="parts""#])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(others) {}
        }

        @Test("E.1: instances have their class's types, and their paths")
        func types() async throws {
            let since = try #require(CIMDateTime("20200229123456.000007+060"))
            let instance = CIMInstance(
                className: "Test_SpecialPart",
                ["Name": "p1", "Small": .sint8(-3), "Since": .datetime(since), "Level": .uint8(9), "Number": .uint32(1)])
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in try await sink.indicate(instance) }, get: { _, _ in instance }), .parts)
            let seen = try await stage.serving { context in
                try await context.glue.getAllDerivedInstances(of: "Test_Part") + [try await context.glue.getInstanceByPath(partPath(1))]
            }
            #expect(seen.count == 2)
            for one in seen {
                #expect(one.className == "Test_SpecialPart")
                #expect(one["Small"] == .sint8(-3))
                #expect(one["Since"] == .datetime(since))
                #expect(one["Level"] == .uint8(9))
                #expect(one.path?.relativePath == "Test_SpecialPart.Name=\"p1\"")
            }
            withExtendedLifetime(parts) {}
        }

        @Test("R2: the callback runs once for each instance, in their order, and never where there is none", arguments: [0, 1, 16, 600])
        func callback(count: Int) async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.numbered(count), .parts)
            let numbers = try await stage.serving { context in
                let numbers = Recorder<Int>()
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: numbers) {
                    $3.record(number(of: $1.value))
                }
                return numbers.all
            }
            #expect(numbers == Array(0..<count))
            try await stage.stage.expectQuiet()
            withExtendedLifetime(parts) {}
        }

        @Test("R5, R6: the callback gets the very requester and the very user data of its own call, and neither in the other's place")
        func requesterAndUserData() async throws {
            final class Token: Sendable {}
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.numbered(3), .parts)
            let seen = try await stage.serving { context in
                // All of one type, so that nothing but their places tells them apart.
                @Sendable func run() async throws -> [[Bool]] {
                    let (requester, userData) = (Token(), Token())
                    let seen = Recorder<[Bool]>()
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: requester, userData: userData) {
                        first, _, _, last in
                        seen.record([first === requester, last === userData])
                    }
                    return seen.all
                }
                async let one = run()
                async let other = run()
                return try await one + other
            }
            #expect(seen == Array(repeating: [true, true], count: 6))
            withExtendedLifetime(parts) {}
        }

        @Test("R7: the callback gets requester, instance, context and user data; what it throws ends the call, and is thrown by it")
        func callbackContract() async throws {
            struct Enough: Error {}
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.numbered(3), .parts)
            let (seen, isThrown) = try await stage.serving { context in
                let seen = Recorder<String>()
                do {
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: "me", userData: 7) {
                        requester, instance, nested, userData in
                        let isOfThisCall = nested.operationID == context.operationID
                        seen.record("\(requester) \(instance.value.path?.relativePath ?? "?") \(isOfThisCall) \(userData)")
                        if seen.all.count == 2 { throw Enough() }
                    }
                } catch is Enough {
                    return (seen.all, true)
                }
                return (seen.all, false)
            }
            #expect(seen == [#"me Test_Part.Name="p0" true 7"#, #"me Test_Part.Name="p1" true 7"#])
            #expect(isThrown)
            withExtendedLifetime(parts) {}
        }

        @Test("R14: success throws nothing, however many instances there were", arguments: [0, 1, 300])
        func success(count: Int) async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.numbered(count), .parts)
            let errors = try await stage.serving { context in
                let errors = Recorder<String>()
                do {
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, _, _, _ in }
                } catch { errors.record("\(error)") }
                do { _ = try await context.glue.getAllInstances(of: "Test_Part") } catch { errors.record("\(error)") }
                return errors.all
            }
            #expect(errors.isEmpty)
            withExtendedLifetime(parts) {}
        }

        @Test("R3: the first callback runs before the source has the second instance", arguments: [1, 20])
        func firstBeforeLast(count: Int) async throws {
            let first = Event<Void>("the first callback")
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<count { try await sink.indicate(part(number)) }
                    try await first.value()
                    try await sink.indicate(part(count))
                }), .parts)
            let numbers = try await stage.serving { context in
                let numbers = Recorder<Int>()
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: numbers) {
                    _, instance, _, numbers in
                    numbers.record(number(of: instance.value))
                    first.send(())
                }
                return numbers.all
            }
            #expect(numbers == Array(0...count))
            withExtendedLifetime(parts) {}
        }

        @Test("R16: what the other provider fails with is thrown, after every instance before it", arguments: [0, 3, 300])
        func failure(count: Int) async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<count { try await sink.indicate(part(number)) }
                    throw CIMError(.accessDenied, "the drawer is locked")
                }), .parts)
            let (seen, error) = try await stage.serving { context in
                var seen = 0
                do {
                    try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, _, _, _ in seen += 1 }
                } catch {
                    return (seen, error as? CIMError)
                }
                return (seen, nil)
            }
            #expect(seen == count)
            #expect(error?.status == .accessDenied)
            #expect(error?.message.contains("the drawer is locked") == true)
            #expect(error?.providerName == "Parts")
            withExtendedLifetime(parts) {}
        }

        @Test("R16, E.1: a class that is not there, and names that are empty")
        func wrongArguments() async throws {
            let stage = try await FrameworkStage.start()
            let statuses = try await stage.serving { context in
                let recorder = Recorder<WBEMStatus?>()
                func attempt(_ body: () async throws -> Void) async {
                    do {
                        try await body()
                        recorder.record(nil)
                    } catch { recorder.record((error as? CIMError)?.status) }
                }
                await attempt { _ = try await context.glue.getAllInstances(of: "Test_Nothing") }
                await attempt { _ = try await context.glue.getAllInstances(of: "") }
                await attempt { _ = try await context.glue.getInstancesByQuery("") }
                await attempt { _ = try await context.glue.getInstanceByPath(CIMObjectPath(className: "Test_Part")) }
                await attempt { _ = try await context.glue.isDerivedFrom(base: "", derived: "Test_Thing") }
                await attempt { _ = try await context.glue.isDerivedFrom(base: "Test_Thing", derived: "Test_Nothing") }
                await attempt { _ = try await context.glue.getEmptyInstance(of: "") }
                return recorder.all
            }
            #expect(
                statuses == [
                    .invalidClass, .invalidParameter, .invalidParameter, .invalidParameter, .invalidParameter, .notFound, .invalidParameter,
                ])
        }

        @Test("R9: an unknown namespace is InvalidNamespace, whatever is asked there")
        func unknownNamespace() async throws {
            let stage = try await FrameworkStage.start()
            let errors = try await stage.serving { context in
                let nowhere = try #require(CIMNamespaceName("root/nowhere"))
                let path = CIMObjectPath(className: "Test_Part", ["Name": .string("p")])
                let recorder = Recorder<CIMError>()
                func attempt(_ body: () async throws -> Void) async {
                    do {
                        try await body()
                    } catch { recorder.record(error as? CIMError ?? CIMError(.failed, "\(error)")) }
                }
                await attempt { _ = try await context.glue.getAllInstances(of: "Test_Part", in: nowhere) }
                await attempt { _ = try await context.glue.getAllDerivedInstances(of: "Test_Part", in: nowhere) }
                await attempt { _ = try await context.glue.getInstancesByQuery("SELECT * FROM Test_Part", in: nowhere) }
                await attempt { _ = try await context.glue.getInstanceByPath(path, in: nowhere) }
                await attempt { _ = try await context.glue.getInstanceKeysByPath(path, in: nowhere) }
                await attempt { _ = try await context.glue.getInstancePropertiesByPath(path, ["Number"], in: nowhere) }
                await attempt { _ = try await context.getClass("Test_Part", in: nowhere) }
                await attempt { _ = try await context.glue.getEmptyInstance(of: "Test_Part", in: nowhere) }
                await attempt { _ = try await context.glue.isDerivedFrom(base: "Test_Thing", derived: "Test_Part", in: nowhere) }
                await attempt { _ = try await context.getInstance(at: path, in: nowhere) }
                await attempt { _ = try await context.enumerateInstances(of: "Test_Part", in: nowhere).collected() }
                await attempt { _ = try await context.invoke("Move", at: path, in: nowhere) }
                return recorder.all
            }
            #expect(errors.count == 12)
            #expect(errors.allSatisfy { $0.status == .invalidNamespace && $0.message.contains("root/nowhere") }, "\(errors)")
        }

        @Test("an error of the callback is thrown on, and cancels the other provider; so does leaving the loop", arguments: [true, false])
        func stop(byError: Bool) async throws {
            struct Enough: Error {}
            let ended = Event<Bool>("the end of the other provider")
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    defer { ended.send(sink.isOver) }
                    for number in 0... { try await sink.indicate(part(number)) }
                }), .parts)
            let seen = try await stage.serving { context in
                var seen = 0
                if byError {
                    await #expect(throws: Enough.self) {
                        try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, _, _, _ in
                            seen += 1
                            if seen == 5 { throw Enough() }
                        }
                    }
                } else {
                    for try await _ in context.enumerateInstances(of: "Test_Part", deep: false) {
                        seen += 1
                        if seen == 5 { break }
                    }
                }
                // While this call goes on: its end is not what ends the other.
                #expect(try await ended.value())
                return seen
            }
            #expect(seen == 5)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(parts) {}
        }
    }
}
