import CIM
import CIMBusWire
import DBus
import Synchronization
import Testing
import WireTestKit

@testable import CIMBusClient

/// The session over a real bus, against a broker that does what the test says.
@Suite struct SessionTests {
    private func open() async throws -> (bus: PrivateBus, broker: ScriptedBroker, session: Session) {
        let bus = try await PrivateBus.start()
        let broker = try await ScriptedBroker(on: bus)
        let session = try await Session.connect(to: .address(bus.address))
        return (bus, broker, session)
    }

    /// The instances' numbers, and how it ended: nil is success.
    private func collect(_ sequence: InstanceSequence) async throws -> (numbers: [UInt64], status: WBEMStatus?) {
        try await withDeadline(.seconds(10), "the end of an enumeration") {
            var numbers: [UInt64] = []
            do throws(CIMError) {
                for try await instance in sequence { numbers.append(instance["Number"]?.uint64Value ?? 0) }
                return (numbers, nil)
            } catch {
                return (numbers, error.status)
            }
        }
    }

    @Test("L1: every object before the end, decoded with the class, which is read once")
    func enumerate() async throws {
        let (bus, broker, session) = try await open()
        for _ in 0..<2 {
            let sequence = session.enumerateInstances(of: "T_Thing")
            let call = try await next(broker.calls, "the call")
            try await broker.indicate(call, [ScriptedBroker.thing(1), ScriptedBroker.thing(2)])
            try await broker.indicate(call, [ScriptedBroker.thing(3)])
            try await broker.setStatus(call)
            let (numbers, status) = try await collect(sequence)
            #expect(numbers == [1, 2, 3])
            #expect(status == nil)
            #expect(sequence.operation.id == 7)
        }
        #expect(broker.readCount == 1)
        withExtendedLifetime(bus) {}
    }

    @Test("P4: a failed operation gives what came before, then the error with its provider")
    func failure() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        let call = try await next(broker.calls, "the call")
        try await broker.indicate(call, [ScriptedBroker.thing(1)])
        let details = CIMInstance(className: "CIMBus_ExtendedStatus", ["ProviderName": "P", "ProviderProcessID": .uint32(4711)])
        try await broker.setStatus(call, .providerFailure, object: details)
        var iterator = sequence.makeAsyncIterator()
        #expect(try await iterator.next()?["Label"] == "thing 1")
        let error = await #expect(throws: CIMError.self) { try await iterator.next() }
        #expect(error?.status == .providerFailure)
        #expect(error?.providerProcessID == 4711)
        #expect(try await iterator.next() == nil)
        withExtendedLifetime(bus) {}
    }

    @Test("L10: nobody but the broker can put objects in or end an operation")
    func stranger() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        let call = try await next(broker.calls, "the call")
        let stranger = try await bus.connect()
        let ending: Message.BodyBuilder = { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(int32: 0)
            writer.append(uint32: 0)
            writer.append(string: "")
            let empty = writer.beginArray(elementAlignment: 8)
            writer.endArray(empty)
        }
        let message = try Message.methodCall(
            destination: BusName(verified: call.client), path: ObjectPath(verified: call.sink), interface: Contract.objectSink,
            member: MemberName("SetStatus"), signature: Signature("iusa{sv}"), body: ending)
        let error = await #expect(throws: DBusError.self) { try await stranger.call(message) }
        #expect(error?.name == .accessDenied)
        try await broker.indicate(call, [ScriptedBroker.thing(1)])
        try await broker.setStatus(call)
        #expect(try await collect(sequence).numbers == [1])
    }

    @Test("L9: cancelling, cancelling the task and leaving the loop each end it with CallCancelled, and tell the broker")
    func cancel() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        let first = try await next(broker.calls, "the call")
        try await broker.indicate(first, [ScriptedBroker.thing(1)])
        sequence.operation.cancel()
        #expect(try await next(broker.cancels, "the cancel") == first.sink)
        #expect(try await collect(sequence).status == .callCancelled)

        // Not through a deadline, which runs what it is given in a task of its own.
        let waiting = Task { () -> WBEMStatus? in
            do throws(CIMError) {
                for try await _ in session.enumerateInstances(of: "T_Thing") {}
                return nil
            } catch {
                return error.status
            }
        }
        let second = try await next(broker.calls, "the second call")
        waiting.cancel()
        #expect(try await next(broker.cancels, "the second cancel") == second.sink)
        #expect(try await withDeadline(.seconds(10), "the cancelled task") { await waiting.value } == .callCancelled)

        let held = session.enumerateInstances(of: "T_Thing")
        let third = try await next(broker.calls, "the third call")
        try await broker.indicate(third, [ScriptedBroker.thing(1), ScriptedBroker.thing(2)])
        for try await _ in held { break }
        #expect(try await next(broker.cancels, "the third cancel") == third.sink)

        // Dropped once it has begun: before that, there may be nothing to cancel.
        var dropped: InstanceSequence? = session.enumerateInstances(of: "T_Thing")
        let fourth = try await next(broker.calls, "the fourth call")
        #expect(dropped?.operation.isOver == false)
        dropped = nil
        #expect(try await next(broker.cancels, "the fourth cancel") == fourth.sink)
        withExtendedLifetime(bus) {}
    }

    @Test("L11, R60, R108, R134: the broker's end is that of a put, a delete and a method, too, once; the session serves with the next one")
    func brokerGone() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        let call = try await next(broker.calls, "the call")
        let pending = session.beginDeleteInstance(at: try CIMObjectPath(parsing: "T_Thing.Number=1"))
        _ = try await next(broker.calls, "the delete")
        let path = try CIMObjectPath(parsing: "T_Thing.Number=1")
        let put = session.beginPutInstance(CIMInstance(className: "T_Thing", ["Number": .uint32(1)]))
        _ = try await next(broker.calls, "the put")
        let invoked = session.beginInvoke("Echo", at: path)
        _ = try await next(broker.calls, "the method")
        let sync = Task { try await session.deleteInstance(at: path) }
        try await broker.indicate(call, [ScriptedBroker.thing(1)])
        var iterator = sequence.makeAsyncIterator()
        #expect(try await iterator.next() != nil)
        await broker.connection.close()
        #expect(await #expect(throws: CIMError.self) { try await iterator.next() }?.status == .transportFailure)
        #expect(await #expect(throws: CIMError.self) { try await pending.value }?.status == .transportFailure)
        #expect(await #expect(throws: CIMError.self) { try await put.value }?.status == .transportFailure)
        #expect(await #expect(throws: CIMError.self) { try await invoked.value }?.status == .transportFailure)
        await #expect(throws: CIMError.self) { try await sync.value }
        await #expect(throws: CIMError.self) { try await session.getInstance(at: "T_Thing.Number=1") }
        let second = try await ScriptedBroker(on: bus)
        let instance = try await withDeadline(.seconds(10), "the session to serve again") {
            while true {
                if let instance = try? await session.getInstance(at: "T_Thing.Number=1") { return instance }
                await Task.yield()
            }
        }
        #expect(instance["Label"] == "thing 1")
        // The class is read anew: the next broker may have another.
        #expect(second.readCount >= 2)
    }

    @Test("L11: the bus's end is FatalTransportError")
    func busGone() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        _ = try await next(broker.calls, "the call")
        bus.daemon.signal(9)
        #expect(try await collect(sequence).status == .fatalTransportError)
        #expect(try await collect(session.enumerateInstances(of: "T_Thing")).status == .fatalTransportError)
    }

    @Test("L13: credit goes back as the consumer takes batches, never before")
    func credit() async throws {
        let (bus, broker, session) = try await open()
        let sequence = session.enumerateInstances(of: "T_Thing")
        let call = try await next(broker.calls, "the call")
        for number in 1...8 { try await broker.indicate(call, [ScriptedBroker.thing(UInt32(number))]) }
        // A call behind the batches: when it is answered they have arrived.
        _ = try await session.getInstance(at: "T_Thing.Number=1")
        let ping = try Message.methodCall(
            destination: BusName(verified: call.client), path: .root, interface: .peer, member: MemberName("Ping"))
        _ = try await broker.connection.call(ping)
        var iterator = sequence.makeAsyncIterator()
        for _ in 0..<4 { _ = try await iterator.next() }
        #expect(try await next(broker.acknowledged, "the first credit") == 4)
        for _ in 0..<4 { _ = try await iterator.next() }
        #expect(try await next(broker.acknowledged, "the second credit") == 4)
        withExtendedLifetime(bus) {}
    }

    @Test("R46, R103, R112: progress in order, then the out parameters and the path")
    func progressAndResults() async throws {
        let (bus, broker, session) = try await open()
        let seen = Mutex<[OperationProgress]>([])
        let options = OperationOptions(onProgress: { progress in seen.withLock { $0.append(progress) } })
        let path = try CIMObjectPath(parsing: "T_Thing.Number=1")
        let pending = session.beginInvoke("Echo", at: path, options: options)
        let call = try await next(broker.calls, "the call")
        try await broker.setStatus(call, flags: StatusType.progress, packed: 0x000A_0003, parameter: "third of ten")
        try await broker.indicate(call, [CIMInstance(className: "__PARAMETERS", ["ReturnValue": .sint32(5)])])
        try await broker.setStatus(call)
        let result = try await withDeadline(.seconds(10), "the result") { try await pending.value }
        #expect(result.returnValue == .uint32(5))
        #expect(seen.withLock { $0 } == [OperationProgress(current: 3, total: 10, text: "third of ten")])

        let put = session.beginPutInstance(ScriptedBroker.thing(2))
        try await broker.setStatus(try await next(broker.calls, "the put"), parameter: "T_Thing.Number=2")
        #expect(try await withDeadline(.seconds(10), "the path") { try await put.value }.relativePath == "T_Thing.Number=2")
        withExtendedLifetime(bus) {}
    }

    @Test("R57: a refused call is an error, and its sink is gone")
    func refused() async throws {
        let bus = try await PrivateBus.start()
        let broker = try await ScriptedBroker(on: bus, refusing: DBusError(CIMError(.invalidParameter, "flags")))
        let session = try await Session.connect(to: .address(bus.address))
        #expect(try await collect(session.enumerateInstances(of: "T_Thing")).status == .invalidParameter)
        let other = session.session(for: .root)
        #expect(try await collect(other.enumerateInstances(of: "T_Thing")).status == .invalidNamespace)
        withExtendedLifetime(broker) {}
    }

    @Test("R32: callbacks, one for each instance and exactly one at the end")
    func callbacks() async throws {
        let (bus, broker, session) = try await open()
        let seen = Mutex<[String]>([])
        let ended = Event<WBEMStatus?>("the last callback")
        session.enumerateInstances(of: "T_Thing") { instance, moreResults, error in
            seen.withLock { $0.append("\(instance?["Number"]?.description ?? "-") \(moreResults)") }
            if !moreResults { ended.send(error?.status) }
        }
        let call = try await next(broker.calls, "the call")
        try await broker.indicate(call, [ScriptedBroker.thing(1), ScriptedBroker.thing(2)])
        try await broker.setStatus(call, .accessDenied)
        #expect(try await ended.value() == .accessDenied)
        #expect(seen.withLock { $0 } == ["1 true", "2 true", "- false"])
        withExtendedLifetime(bus) {}
    }

    @Test("No broker, and no bus, are told apart from everything else by TransportFailure")
    func nobody() async throws {
        let bus = try await PrivateBus.start()
        let error = await #expect(throws: CIMError.self) { try await Session.connect(to: .address(bus.address)) }
        #expect(error?.status == .transportFailure)
        #expect(
            await #expect(throws: CIMError.self) { try await Session.connect(to: .address("unix:path=/nowhere")) }?.status
                == .transportFailure)
    }
}
