import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration.PrivateTests {
    /// A batch of these instances, as its bytes.
    static func packed(_ instances: [CIMInstance]) throws -> [UInt8] {
        var packed = PackedWriter()
        for instance in instances { guard packed.append(instance) else { throw ProcessError(description: "\(instance) is not packed") } }
        var writer = BodyWriter()
        let rows = packed.take()
        writer.append(packed: try #require(rows))
        return Array(try writer.finish().dropFirst(4))
    }

    private static func thing(_ name: String, _ number: CIMValue = .null) -> CIMInstance {
        CIMInstance(className: "Test_Thing", ["Name": .string(name), "Number": number])
    }

    @Test(
        "L6: packed rows that lie end their provider's connection with a reason in the log, and nobody else notices",
        arguments: [
            ("a longer head than there is", "says that its head has", 0, [0xFF, 0xFF, 3, 0]),
            ("more columns than there are", "says that it has 65535 columns", 16, [0xFF, 0xFF]),
            ("more rows than there are", "says that it has 16777217 rows", 29, [1]),
            ("a longer text than there is", "the value of Name is none", 35, [9]),
        ] as [(String, String, Int, [UInt8])])
    func lyingRows(what: String, words: String, at: Int, lie: [UInt8]) async throws {
        let scene = try await Scene.start(options: [], client: .private)
        let provider = try await scene.provider(transport: .private)
        let other = try await scene.provider("Other", className: "Other_Thing", transport: .private)
        let go = Event<Void>("the other provider to go on")
        other.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            try await go.value()
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let open = try await scene.client.start(.enumerate("Other_Thing"), .async)
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            var bytes = try Self.packed([CIMInstance(className: "Test_Thing", ["Name": "a"])])
            bytes.replaceSubrange(at..<at + lie.count, with: lie)
            _ = try? await call.sink.indicate(packed: bytes)
        }
        #expect(try await scene.client.run(.enumerate("Test_Thing"), .async).status == .invalidObject)
        try await scene.broker.log.wait("the reason") { lines in
            lines.contains { $0.contains("the private connection with \(provider.connection.uniqueName) ends: ") && $0.contains(words) }
        }
        #expect(try await scene.client.brokerProperty("PrivateConnections") == 2)
        go.send(())
        #expect(try await open.result().status == .noError)
    }

    @Test("Design 3, Objects: packed rows are read with the same latitude as objects on the bus, and refused as those are")
    func latitude() async throws {
        let scene = try await Scene.start(options: [], client: .private)
        let provider = try await scene.provider(transport: .private)
        let rows = Recorder<[UInt8]>()
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            _ = try? await call.sink.indicate(packed: rows.all.last ?? [])
            _ = try? await call.sink.setStatus(.noError)
            _ = try? await call.sink.release()
        }
        func result(_ instances: [CIMInstance]) async throws -> (WBEMStatus?, [[String: DBusValue]]) {
            rows.record(try Self.packed(instances))
            let result = try await scene.client.run(.enumerate("Test_Thing"), .async)
            return (result.status, result.objects)
        }
        let (fits, objects) = try await result([Self.thing("a", .uint32(7)), Self.thing("b")])
        #expect(fits == .noError && objects.map { $0["Name"] } == [.string("a"), .string("b")])
        #expect(objects.map { $0["Number"] } == [.uint32(7), nil])
        #expect(objects.allSatisfy { $0["__RELPATH"] != nil })
        // Another integer that fits, and one that does not, which is lost.
        let (loose, read) = try await result([Self.thing("a", .sint64(8)), Self.thing("b", .sint64(-1))])
        #expect(loose == .noError && read.map { $0["Number"] } == [.uint32(8), nil])
        #expect(try await result([CIMInstance(className: "Test_Thing", ["Name": "a", "Nope": "b"])]).0 == .invalidObject)
        #expect(try await result([CIMInstance(className: "Nope_Thing", ["Name": "a"])]).0 == .invalidObject)
        try await expectQuiet(scene)
    }

    @Test("the interface for packed rows is on private connections alone")
    func byTheBus() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        let provider = try await scene.provider(transport: .bus)
        let refusal = Event<ErrorName?>("the refusal")
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            do throws(any Error) {
                try await call.sink.indicate(packed: try Self.packed([Self.thing("a")]))
                refusal.send(nil)
            } catch {
                refusal.send((error as? DBus.DBusError)?.name)
            }
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        #expect(try await scene.client.run(.enumerate("Test_Thing"), .async).status == .noError)
        #expect(try await refusal.value() == .unknownInterface)
    }
}
