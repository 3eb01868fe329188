import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Queries and associations of a session, with a real broker: Semantics I.
    @Suite struct SessionQueryTests {
        @Test("I.2: a session's query: chosen by the broker, typed by the class, with the path where the keys are there")
        func session() async throws {
            let (stage, provider, service) = try await Shelves.stage()
            let session = stage.stage.session
            let (all, pulled) = try await soon {
                var all: [CIMInstance] = []
                for try await instance in session.execQuery(Shelves.boxQuery) { all.append(instance) }
                let enumerator = try await session.openQuery(Shelves.boxQuery)
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
            let (stage, _, service) = try await Shelves.stage()
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
            let (stage, provider, service) = try await Shelves.stage()
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

        // MARK: - The provider framework
    }
}
