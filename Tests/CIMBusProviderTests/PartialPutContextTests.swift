import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider is told about a put of a part, what it may refuse, and what its client learns of it (Semantics C.1.3).
    @Suite struct PartialPutContextTests {
        /// What one put's context says.
        struct Told: Hashable, Sendable {
            var isPartial: Bool
            var properties: [String]?
            var isStrict: Bool
            var isAtomic: Bool
            var writesText: Bool
            var writesNumber: Bool

            static let everything = Told(
                isPartial: false, properties: nil, isStrict: false, isAtomic: false, writesText: true, writesNumber: true)
        }

        /// A store, and what it is told.
        private func telling(_ told: Recorder<Told>) -> (ThingStore, ThingProvider) {
            let store = ThingStore()
            var provider = store.provider
            provider.put = { [put = provider.put] instance, context in
                told.record(
                    Told(
                        isPartial: context.isPartialPut, properties: context.putProperties, isStrict: context.isStrictAboutNulls,
                        isAtomic: context.isAtomic, writesText: context.writes("Text"), writesNumber: context.writes("Number")))
                return try await put?(instance, context)
            }
            return (store, provider)
        }

        /// Of a partial put, but for what makes it one.
        private static let others: [String: CIMValue] = [
            "__PUT_EXT_PROPERTIES": .strings(["Text"]), "__PUT_EXT_STRICT_NULLS": true, "__PUT_EXT_ATOMIC": true, "Special": .uint32(7),
        ]

        private static func update(_ number: Int, text: String) -> CIMInstance {
            var update = thing(number, text: text)
            update["Name"] = "n1"
            return update
        }

        @Test("R68: without __PUT_EXTENSIONS nothing in the context makes a put a partial one", arguments: Form.allCases)
        func withoutExtensions(form: Form) async throws {
            let told = Recorder<Told>()
            var (store, provider) = telling(told)
            // So it would be refused if it were one.
            provider.supportsPartialPut = false
            let stage = try await Stage.start(provider)
            _ = try await stage.session.put(thing(1, text: "old"), form)
            _ = try await stage.session.put(Self.update(99, text: "new"), form, options: OperationOptions(context: Self.others))
            #expect(told.all == [.everything, .everything])
            #expect(store["n1"]?["Text"] == "new")
            #expect(store["n1"]?["Number"] == .uint32(99))
            try await stage.expectQuiet()
        }

        @Test("R69: __PUT_EXTENSIONS says that the others count: with TRUE they do, with FALSE they do not", arguments: Form.allCases)
        func extensions(form: Form) async throws {
            let told = Recorder<Told>()
            let (store, provider) = telling(told)
            let stage = try await Stage.start(provider)
            _ = try await stage.session.put(thing(1, text: "old"), form)
            let partial = Told(
                isPartial: true, properties: ["Text"], isStrict: true, isAtomic: true, writesText: true, writesNumber: false)
            for (number, isPartial) in [(2, true), (3, false)] {
                var options = OperationOptions(context: Self.others)
                options.context["__PUT_EXTENSIONS"] = .boolean(isPartial)
                _ = try await stage.session.put(Self.update(number, text: "text \(number)"), form, options: options)
                #expect(told.all.last == (isPartial ? partial : .everything))
                #expect(store["n1"]?["Text"] == .string("text \(number)"))
                #expect(store["n1"]?["Number"] == .uint32(isPartial ? 1 : 3))
            }
            // What a client of the SDK says is the same.
            _ = try await stage.session.put(Self.update(4, text: "text 4"), form, options: OperationOptions().updatingOnly(["Text"]))
            #expect(told.all.last?.isPartial == true && told.all.last?.properties == ["Text"])
            #expect(store["n1"]?["Text"] == "text 4")
            #expect(store["n1"]?["Number"] == .uint32(3))
            try await stage.expectQuiet()
        }

        /// Two properties that are written one after the other. It ignores a NULL unless it must not; `Small` is never NULL.
        private final class Drawer: Sendable {
            let values = Mutex<[String: CIMValue]>(["Text": "old", "Small": .sint8(3)])

            var text: CIMValue? { values.withLock { $0["Text"] } }
            var small: CIMValue? { values.withLock { $0["Small"] } }

            var provider: ThingProvider {
                ThingProvider(
                    put: { [self] instance, context in
                        let before = values.withLock(\.self)
                        do {
                            for property in ["Text", "Small"] where context.writes(property) {
                                try write(property, instance[property] ?? .null, isStrict: context.isStrictAboutNulls)
                            }
                        } catch {
                            if context.isAtomic { values.withLock { $0 = before } }
                            throw error
                        }
                        return nil
                    }, supportsPartialPut: true)
            }

            private func write(_ property: String, _ value: CIMValue, isStrict: Bool) throws {
                if value.isNull, !isStrict { return }
                if value.isNull, property == "Small" {
                    throw CIMError(.unsupportedPutExtension, "\(property) cannot be NULL")
                }
                values.withLock { $0[property] = value }
            }
        }

        @Test("R70: with __PUT_EXT_STRICT_NULLS a provider makes NULL what is listed and has no value, or fails", arguments: Form.allCases)
        func strictNulls(form: Form) async throws {
            let drawer = Drawer()
            let stage = try await Stage.start(drawer.provider)
            var options = OperationOptions().updatingOnly(["Text"])
            _ = try await stage.session.put(thing(1), form, options: options)
            #expect(drawer.text == "old", "not strict: a NULL is the provider's to ignore")
            options.context["__PUT_EXT_STRICT_NULLS"] = true
            _ = try await stage.session.put(thing(1), form, options: options)
            #expect(drawer.text?.isNull == true)
            options.context["__PUT_EXT_PROPERTIES"] = .strings(["Small"])
            let error = await #expect(throws: CIMError.self) { try await stage.session.put(thing(1), form, options: options) }
            #expect(error?.status == .unsupportedPutExtension)
            #expect(error?.message.contains("Small cannot be NULL") == true, "\(String(describing: error))")
            #expect(drawer.small == .sint8(3))
            try await stage.expectQuiet()
        }

        @Test(
            "R72: with __PUT_EXT_ATOMIC a provider reverts what it wrote before it failed; the client has the error",
            arguments: Form.allCases)
        func atomic(form: Form) async throws {
            let drawer = Drawer()
            let stage = try await Stage.start(drawer.provider)
            var options = OperationOptions().updatingOnly(["Text", "Small"])
            options.context["__PUT_EXT_STRICT_NULLS"] = true
            for isAtomic in [true, false] {
                options.context["__PUT_EXT_ATOMIC"] = .boolean(isAtomic)
                // The first is written, the second fails.
                let error = await #expect(throws: CIMError.self) {
                    try await stage.session.put(thing(1, text: "new"), form, options: options)
                }
                #expect(error?.status == .unsupportedPutExtension, "\(String(describing: error))")
                #expect(drawer.text == (isAtomic ? "old" : "new"))
            }
            options.context["__PUT_EXT_ATOMIC"] = true
            var both = thing(1, text: "both")
            both["Small"] = .sint8(-1)
            _ = try await stage.session.put(both, form, options: options)
            #expect(drawer.text == "both" && drawer.small == .sint8(-1))
            try await stage.expectQuiet()
        }

        @Test("R73: a provider finds in one context the system's values and its own", arguments: Form.allCases)
        func bothKinds(form: Form) async throws {
            let contexts = Recorder<RequestContext>()
            let stage = try await Stage.start(
                ThingProvider(
                    put: { _, context in
                        contexts.record(context)
                        return nil
                    }, supportsPartialPut: true))
            var options = OperationOptions(context: Self.others)
            options.context["__PUT_EXTENSIONS"] = true
            options.context["Words"] = .strings(["a", "b"])
            _ = try await stage.session.put(thing(1), form, options: options)
            let values = try #require(contexts.all.first).values
            #expect(values["__PUT_EXTENSIONS"]?.bool == true && values["__PUT_EXT_ATOMIC"]?.bool == true)
            #expect(values["__PUT_EXT_PROPERTIES"]?.elements?.compactMap(\.text) == ["Text"])
            #expect(values["Special"] == .uint32(7))
            #expect(values["Words"]?.elements?.compactMap(\.text) == ["a", "b"])
            #expect(values["__OPERATION"] != nil && values["__CLIENT_UID"] != nil, "the broker's are there, too")
            try await stage.expectQuiet()
        }

        @Test(
            "R74: whether a NULL is ignored or refused is the provider's to say, of a whole put and of a partial one",
            arguments: Form.allCases)
        func nulls(form: Form) async throws {
            let asked = Recorder<Bool>()
            let stage = try await Stage.start(
                ThingProvider(
                    put: { instance, _ in
                        asked.record(instance["Text"]?.isNull ?? true)
                        if instance["Number"] == .uint32(2) { throw CIMError(.readOnly, "Text is never NULL") }
                        return nil
                    }, supportsPartialPut: true))
            for options in [OperationOptions(), OperationOptions().updatingOnly(["Text"])] {
                let path = try await stage.session.put(thing(1), form, options: options)
                #expect(path.relativePath == "Test_Thing.Name=\"n1\"")
                let error = await #expect(throws: CIMError.self) { try await stage.session.put(thing(2), form, options: options) }
                #expect(error?.status == .readOnly)
                #expect(error?.message.contains("Text is never NULL") == true, "\(String(describing: error))")
            }
            #expect(asked.all == [true, true, true, true])
            try await stage.expectQuiet()
        }

        @Test(
            "R75: a property that has a value and cannot be written is an error, the provider's own, and the client's",
            arguments: Form.allCases)
        func readOnly(form: Form) async throws {
            let written = Recorder<String>()
            let stage = try await Stage.start(
                ThingProvider(
                    put: { instance, context in
                        if let number = instance["Number"], !number.isNull, context.writes("Number") {
                            throw CIMError(.readOnly, "Number cannot be written")
                        }
                        written.record(instance["Text"]?.stringValue ?? "")
                        return nil
                    }, supportsPartialPut: true))
            for options in [OperationOptions(), OperationOptions().updatingOnly(["Text", "Number"])] {
                let error = await #expect(throws: CIMError.self) {
                    try await stage.session.put(thing(1, text: "x"), form, options: options)
                }
                #expect(error?.status == .readOnly)
                #expect(error?.message.contains("Number cannot be written") == true, "\(String(describing: error))")
                #expect(error?.providerName == "Things")
            }
            #expect(written.all.isEmpty)
            // It is no error where it is not listed, or is NULL.
            _ = try await stage.session.put(thing(1, text: "listed"), form, options: OperationOptions().updatingOnly(["Text"]))
            _ = try await stage.session.put(CIMInstance(className: "Test_Thing", ["Name": "n1", "Text": "NULL"]), form)
            #expect(written.all == ["listed", "NULL"])
            try await stage.expectQuiet()
        }

        @Test("R76: a provider that says nothing of partial updates has none, nor has one of the framework", arguments: Form.allCases)
        func saysNothing(form: Form) async throws {
            struct Plain: InstanceProvider {
                let puts: Recorder<Bool>

                func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
                    puts.record(context.isPartialPut)
                    return nil
                }
            }
            struct Framed: FrameworkProvider {
                let puts: Recorder<Bool>

                func putInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws -> CIMObjectPath? {
                    puts.record(false)
                    return nil
                }
            }
            let puts = Recorder<Bool>()
            for provider in [Plain(puts: puts), Framed(puts: puts)] as [any Provider] {
                let bus = try await PrivateBus.start()
                let broker = try await BrokerProcess.start(on: bus)
                let service = try await RunningService.start(provider, on: bus)
                let session = try await Session.connect(to: .address(bus.address), logger: quiet)
                let count = puts.all.count
                let options = OperationOptions().updatingOnly(["Text"])
                let error = await #expect(throws: CIMError.self) { try await session.put(thing(1), form, options: options) }
                #expect(error?.status == .providerNotCapable, "\(String(describing: error))")
                #expect(puts.all.count == count)
                _ = try await session.put(thing(1), form)
                #expect(puts.all.count == count + 1 && puts.all.last == false)
                withExtendedLifetime((broker, service)) {}
            }
        }
    }
}
