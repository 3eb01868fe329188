import DBus
import Synchronization
import Testing
import WireTestKit

private let standardFailures: [(InterfaceName?, String, String, [DBusValue], ErrorName)] = [
    (testInterface, "/nowhere", "Echo", [.string("x")], .unknownObject),
    (InterfaceName(staticString: "org.example.Other"), "/org/example/Thing", "Echo", [.string("x")], .unknownInterface),
    (testInterface, "/org/example/Thing", "Other", [], .unknownMethod),
    (nil, "/org/example/Thing", "Other", [], .unknownMethod),
    (testInterface, "/org/example/Thing", "Echo", [.byte(1)], .invalidArguments),
    (testInterface, "/org/example", "Echo", [.string("x")], .unknownObject),
    (.properties, "/org/example/Thing", "Get", [.string("org.example.Thing"), .string("None")], .unknownProperty),
    (.properties, "/org/example/Thing", "Get", [.string("org.example.None"), .string("None")], .unknownInterface),
    (.properties, "/org/example/Thing", "GetAll", [.string("org.example.None")], .unknownInterface),
    (.properties, "/org/example/Thing", "Get", [.string("x")], .invalidArguments),
    (.properties, "/org/example/Thing", "Other", [], .unknownMethod),
    (.introspectable, "/org/example/Thing", "Introspect", [.byte(1)], .invalidArguments),
    (.peer, "/nowhere", "Other", [], .unknownMethod),
    (.objectManager, "/org/example/Thing", "GetManagedObjects", [], .unknownInterface),
]

/// A value that handlers set and tests read.
final class Box<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>
    init(_ value: Value) { mutex = Mutex(value) }
    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }
}

/// D-Bus specification, "Standard Interfaces".
@Suite(.timeLimit(.minutes(1)))
struct ExportedObjectTests {
    static func call(
        _ interface: InterfaceName?, _ path: String, _ member: String, _ values: [DBusValue], to destination: Connection,
        from client: Connection
    ) async throws -> [DBusValue] {
        try await client.call(
            .methodCall(
                destination: BusName(destination.uniqueName), path: ObjectPath(path), interface: interface, member: MemberName(member),
                values: values)
        ).values()
    }

    @Test func answersTheStandardErrors() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        await server.export(echoObject(), at: testPath)
        for (interface, path, member, values, name) in standardFailures {
            do {
                let reply = try await Self.call(interface, path, member, values, to: server, from: server)
                Issue.record("\(member) at \(path) answered \(reply)")
            } catch let error as DBusError {
                #expect(error.code == .errorReply(name), "\(interface?.text ?? "-") \(path) \(member): \(error)")
            }
        }
        // Without an interface the member is looked for.
        #expect(try await Self.call(nil, testPath.text, "Echo", [.string("y")], to: server, from: server) == [.string("y")])
    }

    @Test func answersPeerEverywhere() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        #expect(try await Self.call(.peer, "/any/where", "Ping", [], to: server, from: server) == [])
        let id = try await Self.call(.peer, "/", "GetMachineId", [], to: server, from: server)
        #expect(id.first?.text?.utf8.count == 32)
    }

    @Test func getsAndSetsProperties() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let client = try await bus.connect()
        let level = Box<UInt32>(1)
        let names: [(StaticString, InterfaceDescription.Property.Access, InterfaceDescription.Property.ChangeSignal)] = [
            ("Level", .readWrite, .withValue), ("Fixed", .read, .constant), ("Hidden", .read, .invalidates), ("Broken", .read, .none),
        ]
        let description = InterfaceDescription(
            testInterface,
            properties: names.map { .init(MemberName(staticString: $0.0), Signature(staticString: "u"), access: $0.1, changes: $0.2) })
        let interface = ExportedInterface(
            description,
            properties: [
                "Level": PropertyImplementation { _ throws(DBusError) in
                    .uint32(level.value)
                } set: { _, value throws(DBusError) in
                    guard let number: UInt32 = value.integer(), number < 10 else { throw DBusError(.invalidArguments, "too high") }
                    level.value = number
                },
                "Fixed": PropertyImplementation { _ throws(DBusError) in .uint32(5) },
                "Hidden": PropertyImplementation { _ throws(DBusError) in .uint32(6) },
                "Broken": PropertyImplementation { _ throws(DBusError) in throw DBusError(.failed, "broken") },
            ])
        await server.export(ExportedObject([interface]), at: testPath)
        var changes = try await client.signals(
            matching: MatchRule(sender: BusName(server.uniqueName), interface: .properties, path: testPath)
        ).makeAsyncIterator()
        let name = DBusValue.string(testInterface.text)
        func properties(_ member: String, _ values: DBusValue...) async throws -> [DBusValue] {
            try await Self.call(.properties, testPath.text, member, values, to: server, from: client)
        }
        #expect(try await properties("Get", name, .string("Level")) == [.variant(.uint32(1))])
        #expect(try await properties("Get", .string(""), .string("Level")) == [.variant(.uint32(1))])
        #expect(try await properties("Set", name, .string("Level"), .variant(.uint32(2))) == [])
        let signal = try #require(try await changes.next())
        #expect(try signal.values() == [name, .dictionary([("Level", .uint32(2))]), .strings([])])
        #expect(
            try await properties("GetAll", name).first?.stringDictionary == [
                "Level": .uint32(2), "Fixed": .uint32(5), "Hidden": .uint32(6),
            ])
        #expect(try await properties("GetAll", .string("")).first?.stringDictionary?["Level"] == .uint32(2))
        for (property, value, error) in [
            ("Fixed", DBusValue.uint32(1), ErrorName.propertyReadOnly), ("Level", .string("x"), .invalidArguments),
            ("Level", .uint32(11), .invalidArguments), ("None", .uint32(1), .unknownProperty),
        ] {
            await #expect { try await properties("Set", name, .string(property), .variant(value)) } throws: {
                ($0 as? DBusError)?.code == .errorReply(error)
            }
        }
        await #expect { try await properties("Get", name, .string("Broken")) } throws: { ($0 as? DBusError)?.message == "broken" }
        await server.emitPropertiesChanged(["Fixed", "Hidden", "Broken"], of: testInterface, at: testPath)
        #expect(try await changes.next()?.values() == [name, .dictionary([]), .strings(["Hidden"])])
    }

    @Test func managesObjects() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let client = try await bus.connect()
        try await server.export(ExportedObject([], isObjectManager: true), at: ObjectPath("/org/example"))
        try await server.export(ExportedObject([], isManaged: false), at: ObjectPath("/org/example/hidden"))
        let secret = ObjectSubtree(isManaged: false) { _, _ in
            ExportedObject([])
        } childNames: { _, _ in
            ["deeper"]
        }
        try await server.exportSubtree(secret, at: ObjectPath("/org/example/secret"))
        let mine = ObjectSubtree { path, sender in
            sender == client.uniqueName.text && path.lastElement == "1" ? echoObject() : nil
        } childNames: { path, sender in
            sender == client.uniqueName.text && path.lastElement == "mine" ? ["1"] : []
        }
        try await server.exportSubtree(mine, at: ObjectPath("/org/example/mine"))
        var signals = try await client.signals(matching: MatchRule(sender: BusName(server.uniqueName), interface: .objectManager))
            .makeAsyncIterator()
        await server.export(echoObject(), at: testPath)
        let interfaces = DBusValue.array(
            element: Signature(verified: "{sa{sv}}"), [.dictEntry(.string(testInterface.text), .dictionary([]))])
        let added = try #require(try await signals.next())
        #expect(added.member == "InterfacesAdded" && added.path == "/org/example")
        #expect(try added.values() == [.objectPath(testPath), interfaces])
        func managed(from connection: Connection) async throws -> [String] {
            let values = try await Self.call(.objectManager, "/org/example", "GetManagedObjects", [], to: server, from: connection)
            return (values.first?.elements ?? []).compactMap { if case .dictEntry(let path, _) = $0 { path.text } else { nil } }
        }
        #expect(try await managed(from: client) == ["/org/example/Thing", "/org/example/mine/1"])
        #expect(try await managed(from: server) == ["/org/example/Thing"])
        await server.unexport(at: testPath)
        let removed = try #require(try await signals.next())
        #expect(removed.member == "InterfacesRemoved")
        #expect(try removed.values() == [.objectPath(testPath), .strings([testInterface.text])])
    }

    @Test("an object that was called and is taken away answers no more; another in its place answers for itself")
    func replacedAfterCall() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let client = try await bus.connect()
        func echo() async throws -> [DBusValue] {
            try await Self.call(testInterface, testPath.text, "Echo", [.string("x")], to: server, from: client)
        }
        await server.export(echoObject(), at: testPath)
        for _ in 0..<2 { #expect(try await echo() == [.string("x")]) }
        await server.unexport(at: testPath)
        let error = await #expect(throws: DBusError.self) { _ = try await echo() }
        #expect(error?.name == .unknownObject)
        await server.export(ExportedObject([]), at: testPath)
        let other = await #expect(throws: DBusError.self) { _ = try await echo() }
        #expect(other?.name == .unknownInterface)
    }

    @Test(
        "Another signature than a method's own is for who reads it (W4); its call is answered once, by the method or by what it throws"
    )
    func readsOtherArguments() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let text = Signature(staticString: "s")
        let description = InterfaceDescription(
            testInterface,
            methods: ["Echo", "Forget"].map { .init(MemberName(verified: $0), inputs: [.init("text", text)], outputs: [.init("", text)]) })
        let methods: [String: MethodImplementation] = [
            "Echo": .immediate { call in
                var reader = call.reader
                call.reply([.string((try? reader.readString()) ?? "")])
            },
            "Forget": .immediate { _ in },
        ]
        let reading = ExportedInterface(
            description, methods: methods,
            argumentReader: { message, method throws(DBusError) in
                guard let value: Int64 = try? message.values().first?.integer() else {
                    throw DBusError(.invalidArguments, "\(method.name) takes (\(method.inputSignature)) or a number")
                }
                var writer = BodyWriter()
                writer.append(string: "\(value)")
                do { return try writer.finish().withUnsafeBytes { BodyReader(copying: $0) } } catch {
                    throw DBusError(.failed, "\(error)")
                }
            })
        let strict = ObjectPath(staticString: "/strict")
        await server.export(ExportedObject([reading]), at: testPath)
        await server.export(ExportedObject([ExportedInterface(description, methods: methods)]), at: strict)
        func echo(_ member: String, _ value: DBusValue, at path: ObjectPath = testPath) async -> Result<[DBusValue], DBusError> {
            do { return .success(try await Self.call(testInterface, path.text, member, [value], to: server, from: server)) } catch {
                return .failure(error as? DBusError ?? DBusError(.failed, "\(error)"))
            }
        }
        #expect(try await echo("Echo", .string("x")).get() == [.string("x")])
        #expect(try await echo("Echo", .int32(7)).get() == [.string("7")])
        for (member, value, path, name) in [
            ("Echo", DBusValue.double(1), testPath, ErrorName.invalidArguments), ("Echo", .int32(7), strict, .invalidArguments),
            ("Forget", .int32(7), testPath, .noReply),
        ] {
            let answer = await echo(member, value, at: path)
            #expect(throws: DBusError.self) { try answer.get() }
            if case .failure(let error) = answer { #expect(error.name == name, "\(member) \(value)") }
        }
    }

    /// A call that is forgotten is answered all the same; only the first answer counts.
    @Test func answersEveryCallOnce() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let member = MemberName(staticString: "Do")
        let second = Event<Bool>("the second answer")
        let text = Signature(staticString: "s")
        let object = ExportedObject([
            ExportedInterface(
                InterfaceDescription(
                    testInterface,
                    methods: ["Forget", "Twice", "Throw", "Bare", "Bad"].map { .init(MemberName(verified: $0), outputs: [.init("", text)]) }
                ),
                methods: [
                    "Forget": .immediate { _ in },
                    "Twice": .immediate { call in
                        call.reply([.string("first")])
                        second.send(call.fail(.failed, "second"))
                    },
                    "Throw": .task { _ in throw DBusError(.accessDenied, "no", details: [.byte(3)]) },
                    "Bad": .immediate { call in call.reply([.string("\0")]) },
                ])
        ])
        await server.export(object, at: testPath)
        func code(_ member: String) async -> DBusError? {
            do {
                _ = try await Self.call(testInterface, testPath.text, member, [], to: server, from: server)
                return nil
            } catch { return error as? DBusError }
        }
        #expect(await code("Forget")?.code == .errorReply(.noReply))
        #expect(await code("Twice") == nil)
        #expect(try await second.value() == false)
        let thrown = await code("Throw")
        #expect(thrown?.code == .errorReply(.accessDenied) && thrown?.message == "no" && thrown?.details == [.byte(3)])
        #expect(await code("Bare")?.code == .errorReply(.notSupported))
        #expect(await code("Bad")?.code == .errorReply(.failed))
        _ = member
    }

    @Test func carriesThirtyMebibytesInAProperty() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let client = try await bus.connect()
        let bytes = [UInt8](repeating: 0x5a, count: 30 << 20)
        let description = try InterfaceDescription(testInterface, properties: [.init(MemberName("Big"), Signature("ay"))])
        await server.export(
            ExportedObject([
                ExportedInterface(description, properties: ["Big": PropertyImplementation { _ throws(DBusError) in .bytes(bytes) }])
            ]),
            at: testPath)
        let values = try await Self.call(
            .properties, testPath.text, "Get", [.string(testInterface.text), .string("Big")], to: server, from: client)
        #expect(values == [.variant(.bytes(bytes))])
    }
}
