import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

/// Generated types at both ends of a real broker.
@Suite(.timeLimit(.minutes(2))) struct TypedBusTests {
    /// A broker, a provider of generated types in this process, and a session.
    struct TypedStage {
        let bus: PrivateBus
        let broker: BrokerProcess
        let provider: TypedTortureProvider
        let running: Task<Void, any Error>
        let session: Session

        static func start(_ values: [Torture_Types]) async throws -> TypedStage {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let provider = TypedTortureProvider(values)
            let registered = Event<Void>("the registration")
            var options = ProviderService.Options()
            options.onRegistered = { registered.send(()) }
            let service = ProviderService(
                name: "Torture", mof: TortureMOF.text + "\nclass Site_Unknown { [key] string K; };",
                classes: [
                    Torture_Types.className: Torture_TypesAdapter(provider), Torture_Special.className: Torture_SpecialAdapter(provider),
                    Torture_Single.className: Torture_SingleAdapter(provider),
                ], bus: .address(bus.address), options: options, logger: quiet)
            let running = Task { try await service.run() }
            try await registered.value(within: .seconds(30))
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            return TypedStage(bus: bus, broker: broker, provider: provider, running: running, session: session)
        }

        func end() async {
            running.cancel()
            await session.close()
        }
    }

    @Test("Values of every type come as they were handed over: by enumeration, query, get, put and delete")
    func values() async throws {
        let many = (0..<300).map { GeneratedTypesTests.types("n\($0)") }
        let stage = try await TypedStage.start(many)
        let session = stage.session
        // A path that was on the bus names its machine and namespace.
        func comparable(_ value: Torture_Types) -> Torture_Types {
            var value = value
            (value.other, value.anything, value.elsewhere, value.others) = (nil, nil, nil, nil)
            return value
        }
        let found = try await session.instances(of: Torture_Types.self).collected()
        #expect(Set(found.filter { $0.name != "special" }.map(comparable)) == Set(many.map(comparable)))
        #expect(found.first { $0.name == "n7" }?.other?.path.relativePath == #"Torture_Types.Name="x",Number=1"#)
        // An instance of the subclass is here what the superclass says of it.
        #expect(found.first { $0.name == "special" }?.text == "below")

        var names: [String] = []
        for try await value in session.query(Torture_Types.self, where: "Name = \(Session.wqlLiteral("n7")) OR Name = 'n8'") {
            names.append(value.name)
        }
        #expect(names.sorted() == ["n7", "n8"])
        let special = try await session.instances(of: Torture_Special.self).collected()
        #expect(special.map(\.since) == ["ever"] && special.first?.mode == .last)

        var one = try await session.get(Reference<Torture_Types>(name: "n7", number: .max))
        #expect(comparable(one) == comparable(many[7]))
        one.text = "changed"
        one.rights = [.write]
        #expect(try await session.put(one).keys() == one.keys)
        #expect(try await session.get(one.reference).text == "changed")
        #expect(try await session.get(one.reference).rights == .write)

        var new = GeneratedTypesTests.types("new")
        (new.other, new.anything, new.elsewhere, new.others) = (nil, nil, nil, nil)
        try await session.create(new)
        let again = await #expect(throws: CIMError.self) { try await session.create(new) }
        #expect(again?.status == .alreadyExists)
        try await session.delete(new.reference)
        let gone = await #expect(throws: CIMError.self) { try await session.update(new) }
        #expect(gone?.status == .notFound)
        let missing = await #expect(throws: CIMError.self) { try await session.get(new.reference) }
        #expect(missing?.status == .notFound)
        await stage.end()
    }

    @Test("Methods are functions: of instances and of classes, with results of every shape, and with the errors of providers")
    func methods() async throws {
        let stage = try await TypedStage.start([GeneratedTypesTests.types("n")])
        let session = stage.session
        let reference = Reference<Torture_Types>(name: "n", number: .max)
        #expect(try await reference.strike(times: 41, in: session) == 42)
        try await reference.nothing(in: session)
        let given = try await reference.give(both: [1, .max], in: session)
        #expect(given == Torture_Types.GiveResult(text: "n", both: [.max, 1]))
        let state = try await reference.requestState(wanted: .on, timeout: CIMDateTime("00000000000001.000000:000"), in: session)
        #expect(state.returnValue == .completed && state.job != nil)
        let other = try await reference.requestState(wanted: .init(rawValue: 9), in: session)
        #expect(other.returnValue.rawValue == 17 && other.job == nil)
        let found = try await Torture_Types.find(name: "n", near: reference, in: session)
        #expect(found.count == 1)
        #expect(try found.returnValue.keys() == reference.keys())
        let missing = await #expect(throws: CIMError.self) { try await Torture_Types.find(name: "no", in: session) }
        #expect(missing?.status == .notFound)
        // What the superclass's methods are for its subclass, the subclass's provider does.
        #expect(try await TypedTortureProvider.special.reference.strike(times: 4, in: session) == 8)
        // A parameter that is not optional is not left out.
        let null = await #expect(throws: CIMError.self) { try await session.invoke("Strike", at: reference.path) }
        #expect(null?.status == .invalidMethodParameters, "\(String(describing: null))")
        let unserved = await #expect(throws: CIMError.self) { try await reference.unserved(what: reference.path, in: session) }
        #expect(unserved?.status == .methodNotImplemented)
        await stage.end()
    }

    @Test("Objects in objects, and a class whose instances no provider of these types writes or deletes")
    func objects() async throws {
        let stage = try await TypedStage.start([])
        let session = stage.session
        let node = Torture_Node(number: 1, next: Torture_Node(number: 2, other: Torture_Other(back: Torture_Node(number: 3))))
        let value = Torture_Single(root: node, nodes: [node, Torture_Node()])
        try await session.put(value)
        let got = try await session.get(value.reference)
        #expect(got.root == node && got.nodes == value.nodes)
        #expect(try await session.instances(of: Torture_Single.self).collected().map(\.root) == [node])
        let refused = await #expect(throws: CIMError.self) { try await session.delete(value.reference) }
        #expect(refused?.status == .providerNotCapable)
        await stage.end()
    }
}
