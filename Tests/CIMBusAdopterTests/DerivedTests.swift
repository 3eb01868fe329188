import CIM
import CIMAdoption
import CIMBusAdopter
import CIMBusClient
import CIMMOF
import Glibc
import Testing
import WireTestKit

private let schemaDirectory = getenv("CIMBUS_CIM_SCHEMA").map { String(cString: $0) }

@Suite("Adopted classes below classes of the CIM schema", .timeLimit(.minutes(4))) struct DerivedTests {
    static let mof = """
        [dynamic, provider("DBusServices"),
            ClassContext("derives CIM_EnabledLogicalElement; service org.example.Units; "
                "list /org/example org.example.Manager.List() -> (Name, Parity, path); interface org.example.Unit; find /org/example/unit/{Name}")]
        class Test_Part /* class Test_Part { */
        {
            [key, PropertyContext("column Name or .Id"), Description("\\"class Test_Part {")] string Name;
            [PropertyContext("column Parity | map 'even' = 2, 'odd' = 3 or .Number | map 0 = 2, 1 = 3")] uint16 EnabledState;
            uint8 Number;
        };
        [dynamic, provider("DBusServices"), ClassContext("like Test_Part; where Parity = 'odd'")]
        class Test_OddPart : Test_Part { [PropertyContext("column Parity")] string Parity; };
        """

    /// What of the CIM schema 2.49 the shipped mappings derive from, in short.
    static let schema = """
        [abstract] class CIM_ManagedElement { string InstanceID; string Caption; string Description; string ElementName; uint64 Generation; };
        [abstract] class CIM_ManagedSystemElement : CIM_ManagedElement { datetime InstallDate; string Name; uint16 OperationalStatus[]; string Status; };
        [abstract] class CIM_LogicalElement : CIM_ManagedSystemElement { };
        [abstract] class CIM_EnabledLogicalElement : CIM_LogicalElement { uint16 EnabledState = 5; uint16 RequestedState = 12; };
        [abstract] class CIM_Job : CIM_LogicalElement { string JobStatus; string Owner; };
        """

    private func compile(_ mof: String, _ session: Session) async throws {
        let compilation = try await session.compileMOF(mof)
        #expect(compilation.failure == nil, "\(compilation)")
    }

    @Test(
        "Where the repository has the CIM class, the objects are also its objects; without it they are the same, and no other's",
        arguments: [true, false])
    func derives(hasSchema: Bool) async throws {
        let stage = try await AdopterStage(Self.mof) { session in if hasSchema { try await compile(Self.schema, session) } }
        let service = try await FakeService(on: stage.bus)
        #expect(try await stage.session.getClass("Test_Part").superclass == (hasSchema ? "CIM_EnabledLogicalElement" : nil))
        let rows = try await stage.query("SELECT Name, EnabledState FROM Test_Part")
        #expect(rows.compactMap { $0["EnabledState"]?.int64Value }.sorted() == [2, 2, 3])
        for query in ["SELECT * FROM Test_OddPart", "SELECT Name FROM Test_OddPart"] {
            let odd = try await stage.query(query)
            #expect(odd.map { $0["Name"] } == [.string("u1.x")], "\(query): \(odd)")
        }
        let one = try await stage.session.getInstance(at: "Test_Part.Name='u1.x'")
        #expect(one["EnabledState"] == .uint16(3))
        if hasSchema {
            #expect(one["RequestedState"]?.isNull ?? true)
            let elements = try await stage.query("SELECT Name FROM CIM_LogicalElement WHERE Name = 'u2.x'")
            #expect(elements.map(\.className) == ["Test_Part"])
        }
        await service.close()
    }

    @Test("A CIM class that the mapping does not fit, of another version, leaves the class by itself") func misfit() async throws {
        let other = "[abstract] class CIM_EnabledLogicalElement { [key] uint32 Number; string EnabledState; };"
        let stage = try await AdopterStage(Self.mof) { session in try await compile(other, session) }
        #expect(try await stage.session.getClass("Test_Part").superclass == nil)
        let keyed = "[abstract] class CIM_EnabledLogicalElement { [key] string Serial; };"
        let second = try await AdopterStage(Self.mof) { session in try await compile(keyed, session) }
        #expect(try await second.session.getClass("Test_Part").superclass == nil)
    }

    @Test("Classes that stood alone derive from the schema's when that has come and the adopter registers again") func later() async throws
    {
        let stage = try await AdopterStage(Self.mof)
        #expect(try await stage.session.getClass("Test_Part").superclass == nil)
        try await compile(Self.schema, stage.session)
        stage.adopter.signal(SIGHUP)
        let service = try await FakeService(on: stage.bus)
        let end = ContinuousClock.now + .seconds(20)
        while try await stage.session.getClass("Test_Part", refreshing: true).superclass == nil {
            guard ContinuousClock.now < end else { throw ProcessError(description: "the class still stands alone") }
        }
        let rows = try await stage.query("SELECT Name FROM Test_Part")
        #expect(rows.count == 3, "\(rows)")
        await service.close()
    }

    @Test(
        "Every shipped mapping is without a fault, and the broker takes all of them, with the CIM classes and without",
        arguments: [true, false])
    func shipped(hasSchema: Bool) async throws {
        let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/dbus/adopt"
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let session = try await Session.connect(to: .address(bus.address))
        if hasSchema {
            if let schemaDirectory {
                let (text, end) = try await ChildProcess.output(
                    "/bin/sh",
                    [
                        "-c", "exec \"$0\" mof compile -I \"$1\" \"$1\"/cim_schema_*.mof --address \"$2\" 2>&1",
                        BuildFolder.path(of: "cimctl"),
                        schemaDirectory, bus.address,
                    ])
                #expect(end == .exited(0), "\(text)")
            } else {
                try await compile(Self.schema, session)
            }
        }
        let adopter = try ChildProcess(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimbus-adopter"), "--address", bus.address, "--adopt", folder])
        let said = try await withDeadline(.seconds(60), "the adopter to register") {
            var said: [String] = []
            for await line in adopter.lines {
                said.append(line)
                if line.contains("are served") { break }
            }
            return said
        }
        let complaints = said.filter { $0.contains("left out") }
        #expect(complaints == [])
        let superclasses = [
            "Linux_SystemdUnit": "CIM_EnabledLogicalElement", "Linux_SystemdJob": "CIM_Job", "Linux_LoginSession": "CIM_LogicalElement",
            "Linux_UDisksDrive": "CIM_EnabledLogicalElement", "Linux_NetworkDevice": "CIM_EnabledLogicalElement",
            "Linux_HostName": "CIM_ManagedElement", "Linux_PolkitAction": "CIM_ManagedElement",
        ]
        for (name, superclass) in superclasses {
            #expect(try await session.getClass(name).superclass == (hasSchema ? superclass : nil), "\(name)")
        }
        withExtendedLifetime((broker, adopter)) {}
    }
}
