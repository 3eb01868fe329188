import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

@testable import CIMBusClient

/// Classes, queries and MOF over a real bus, against a broker that does what the test says.
@Suite struct ClassAndQueryTests {
    private func open() async throws -> (bus: PrivateBus, broker: ScriptedBroker, session: Session) {
        let bus = try await PrivateBus.start()
        let broker = try await ScriptedBroker(on: bus)
        return (bus, broker, try await Session.connect(to: .address(bus.address)))
    }

    /// What a sequence gives in time, and how it ended: nil is success.
    private func collect<Element: Sendable>(_ sequence: ResultSequence<Element>) async throws -> (elements: [Element], status: WBEMStatus?)
    {
        try await withDeadline(.seconds(10), "the end of a sequence") {
            var elements: [Element] = []
            do throws(CIMError) {
                for try await element in sequence { elements.append(element) }
                return (elements, nil)
            } catch {
                return (elements, error.status)
            }
        }
    }

    @Test("L1, A.4: a query gives the instances before the end, with their class's types")
    func query() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.execQuery("SELECT * FROM T_Thing")
        let call = try await next(broker.calls, "the call")
        #expect(call.member == "ExecQueryAsync")
        try await broker.indicate(call, [ScriptedBroker.thing(1)])
        try await broker.indicate(call, [ScriptedBroker.thing(2)])
        try await broker.setStatus(call, .providerFailure)
        let (instances, status) = try await collect(sequence)
        #expect(instances.map { $0["Number"] } == [.uint32(1), .uint32(2)])
        #expect(instances.last?.path?.relativePath == "T_Thing.Number=2")
        #expect(status == .providerFailure)
        withExtendedLifetime(bus) {}
    }

    @Test("I.6: classes come as classes where they may, and are an error where instances were asked for")
    func schemaQuery() async throws {
        let (bus, broker, session) = try await open()
        let objects = session.execQueryForObjects("SELECT * FROM meta_class")
        var call = try await next(broker.calls, "the call")
        try await broker.indicate(call, [ScriptedBroker.thing(1)])
        try await broker.indicate(call, classes: [ScriptedBroker.declaration])
        try await broker.setStatus(call)
        #expect(try await collect(objects).elements.last == .class(ScriptedBroker.declaration))

        let instances = session.execQuery("SELECT * FROM meta_class")
        call = try await next(broker.calls, "the second call")
        try await broker.indicate(call, classes: [ScriptedBroker.declaration])
        #expect(try await collect(instances).status == .invalidQuery)
        #expect(try await next(broker.cancels, "the cancel") == call.sink)

        let classes = session.enumerateClasses(of: "T_Root", deep: false)
        call = try await next(broker.calls, "the third call")
        #expect(call.member == "CreateClassEnumAsync")
        try await broker.indicate(call, classes: [ScriptedBroker.declaration, ScriptedBroker.declaration])
        try await broker.setStatus(call)
        #expect(try await collect(classes).elements == [ScriptedBroker.declaration, ScriptedBroker.declaration])
        withExtendedLifetime(bus) {}
    }

    @Test("L9: leaving the loop of a query cancels it; L11: with the broker it ends in TransportFailure")
    func ends() async throws {
        let (bus, broker, session) = try await open()
        var classes: ClassSequence? = session.enumerateClasses()
        let first = try await next(broker.calls, "the call")
        classes = nil
        _ = classes
        #expect(try await next(broker.cancels, "the cancel") == first.sink)

        let query = session.execQuery("SELECT * FROM T_Thing")
        let put = session.beginPutClass(ScriptedBroker.declaration)
        _ = try await next(broker.calls, "the query")
        _ = try await next(broker.calls, "the put")
        await broker.connection.close()
        #expect(try await collect(query).status == .transportFailure)
        let error = await #expect(throws: CIMError.self) { try await put.value }
        #expect(error?.status == .transportFailure)
        withExtendedLifetime(bus) {}
    }

    @Test("A class that was read is not read again, until one was put, deleted or compiled over the connection, however that ended")
    func cache() async throws {
        let (bus, broker, session) = try await open()
        let other = session.session(for: .cimv2)
        var reads = 0
        func expectRead(_ count: Int, _ what: String) async throws {
            _ = try await session.getClass("T_Thing")
            _ = try await session.getClass("t_thing")
            reads += count
            #expect(broker.readCount == reads, "\(what)")
        }
        try await expectRead(1, "first")
        try await expectRead(0, "again")
        try await session.putClass(ScriptedBroker.declaration)
        try await expectRead(1, "put")
        try await other.deleteClass("T_Other")
        try await expectRead(1, "deleted by another session")
        _ = try await session.compileMOF("class A {};", options: MOFCompilationOptions(checkOnly: true))
        try await expectRead(0, "checked")
        _ = try await session.compileMOF("class A {};")
        try await expectRead(1, "compiled")
        let pending = session.beginPutClass(ScriptedBroker.declaration)
        let call = try await next(broker.calls, "the put")
        try await broker.setStatus(call, .accessDenied)
        await #expect(throws: CIMError.self) { try await pending.value }
        try await expectRead(1, "refused")
        withExtendedLifetime(bus) {}
    }

    @Test("A class asked for before a change, answered after it, is not kept")
    func race() async throws {
        let cache = ClassCache()
        let old = CIMClass(name: "C", properties: [])
        let new = CIMClass(name: "C", properties: [CIMProperty(name: "p", type: CIMTypeReference(.uint8))])
        let late = try await cache.layout(of: "C", in: .cimv2) { () async throws(CIMError) in
            cache.forgetAll()
            _ = try await cache.layout(of: "c", in: .cimv2) { () throws(CIMError) in new }
            return old
        }
        #expect(late.declaration == old)
        let kept = try await cache.layout(of: "C", in: .cimv2) { () throws(CIMError) in throw CIMError(.failed, "asked again") }
        #expect(kept.declaration == new)
        let elsewhere = try await cache.layout(of: "C", in: .root) { () throws(CIMError) in old }
        #expect(elsewhere.declaration == old)
    }

    @Test("A class is asked for as a whole by whoever wants it, though its shape is there; then it is its shape, too")
    func shapes() async throws {
        let cache = ClassCache()
        let shape = CIMClass(name: "C", properties: [])
        let whole = CIMClass(name: "C", methods: [CIMMethod(name: "M", returnType: nil)])
        func ask(_ isWhole: Bool, _ answer: CIMClass?) async throws -> CIMClass? {
            try await cache.layout(of: "C", in: .cimv2, isWhole: isWhole) { () throws(CIMError) in
                guard let answer else { throw CIMError(.failed, "asked again") }
                return answer
            }.declaration
        }
        #expect(try await ask(false, shape) == shape)
        #expect(try await ask(false, nil) == shape)
        #expect(try await ask(true, whole) == whole)
        #expect(try await ask(true, nil) == whole)
        #expect(try await ask(false, nil) == whole)
    }

    @Test("explain gives the lines of the plan; its class is in no namespace")
    func explain() async throws {
        let (bus, broker, session) = try await open()
        #expect(try await session.explain("SELECT * FROM T_Thing") == ["plan of", "SELECT * FROM T_Thing"])
        #expect(broker.readCount == 0)
        withExtendedLifetime(bus) {}
    }

    @Test("A.2.5: a text's failure says which declaration and lines; the call's own deadline ends the wait")
    func compile() async throws {
        let (bus, broker, session) = try await open()
        let good = try await session.compileMOF("class A {};")
        #expect(try good.get() == ["<buffer>:1:1: warning: so what"])
        let bad = try await session.compileMOF("bad")
        #expect(bad.failure?.phase == .store)
        #expect(bad.failure?.declaration == 2)
        #expect(bad.failure?.firstLine == 5 && bad.failure?.lastLine == 7)
        let error = #expect(throws: CIMError.self) { try bad.get() }
        #expect(error?.status == .invalidSuperclass)
        let late = await #expect(throws: CIMError.self) {
            try await session.compileMOF("never", options: MOFCompilationOptions(timeout: .milliseconds(20)))
        }
        #expect(late?.status == .timedOut)
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("A namespace at the top can neither be made nor deleted")
    func namespaces() async throws {
        let (bus, broker, session) = try await open()
        let error = await #expect(throws: CIMError.self) { try await session.createNamespace(.root) }
        #expect(error?.status == .invalidNamespace)
        withExtendedLifetime((bus, broker)) {}
    }
}
