extension ProviderTemplate {
    var tests: String {
        """
        import CIMBusTestKit
        import Testing

        @testable import \(name)

        /// The provider on a private bus, with a broker and a client.
        struct \(name)Tests {
            @Test func anItemIsWrittenUsedAndDeleted() async throws {
                let broker = try await TestBroker.start()
                let provider = try await broker.serve(\(serviceFunction)())
                let session = try await broker.session()

                let path = try await session.putInstance(CIMInstance(className: "\(name)_Item", ["Name": "bucket", "Note": "leaks"]))
                #expect(try await session.getInstance(at: path)["Note"] == "leaks")

                let used = try await session.invoke("Use", at: path, parameters: ["Times": 3])
                #expect(used.returnValue == .uint32(0) && used["Total"] == .uint32(3))
                let first = try await session.execQuery("SELECT Name FROM \(name)_Item WHERE UseCount = 3").collected()
                #expect(first.map { $0["Name"] } == ["bucket"])

                try await session.deleteInstance(at: path)
                let error = await #expect(throws: CIMError.self) { try await session.getInstance(at: path) }
                #expect(error?.status == .notFound)
                try await provider.stop()
            }

            @Test func anItemIsInTheGroupOfItsFirstLetter() async throws {
                let broker = try await TestBroker.start()
                let provider = try await broker.serve(\(serviceFunction)())
                let session = try await broker.session()
                let items = try await session.execQuery("ASSOCIATORS OF {\(name)_Group.Name='A'}").collected()
                #expect(items.compactMap { $0["Name"]?.stringValue }.sorted() == ["anchor", "apple"])
                try await provider.stop()
            }

            @Test func theProgramServesAndEndsWhenItIsAsked() async throws {
                let broker = try await TestBroker.start()
                let provider = try await broker.run(TestBroker.program("\(name.program)"), ["--session"], registering: "\(name)")
                let session = try await broker.session()
                #expect(try await session.enumerateInstances(of: "\(name)_Item").collected().count == 3)
                #expect(try await provider.terminate() == 0)
            }
        }

        """
    }
}
