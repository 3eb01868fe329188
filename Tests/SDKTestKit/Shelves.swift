import CIM
import CIMBusProvider
import WireTestKit

extension Parts {
    /// Shelves, boxes, and which box stands on which shelf.
    package static let shelves = Parts(
        registration: "Shelves",
        mof: """
            class Test_Furniture { [key] string Name; uint32 Number; };
            [dynamic, provider("Shelves")] class Test_Shelf : Test_Furniture { string Text; };
            [dynamic, provider("Shelves")] class Test_Box : Test_Furniture { datetime Made; sint8 Small; };
            [association, dynamic, provider("Shelves")]
            class Test_Holds { [key] Test_Shelf ref Holder; [key] Test_Box ref Held; uint8 Place; };
            """, classes: ["Test_Shelf", "Test_Box", "Test_Holds"])

    /// The same, of a provider that takes queries.
    package static let queriedShelves = Parts(
        registration: shelves.registration,
        mof: shelves.mof + """
            instance of MSFT_DecoupledProvider as $P { Name = "Shelves"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration {
                provider = $P; SupportsGet = TRUE; SupportsEnumeration = TRUE; QuerySupportLevels = { "WQL:UnarySelect" };
            };
            """, classes: shelves.classes)
}

/// Two shelves: s0 with b0 and b1, s1 with b2; b3 stands nowhere.
package struct Shelves: FrameworkProvider {
    /// What was asked for, as `enumerate CLASS`, `get PATH` or a query.
    package let calls = Recorder<String>()
    /// What answers a query; nil: it is left to the broker.
    package var query: (@Sendable (FrameworkQuery, MethodContext) async throws -> Void)?
    package var answersExactly = false

    /// Two of the boxes, without what it compares.
    package static let boxQuery = "SELECT Name, Small FROM Test_Box WHERE Number >= 1 AND Number <> 2"

    package init() {}

    /// A stage, with shelves on it.
    package static func stage(
        _ parts: Parts = .shelves, query: (@Sendable (FrameworkQuery, MethodContext) async throws -> Void)? = nil
    ) async throws -> (FrameworkStage, Shelves, RunningService) {
        let stage = try await FrameworkStage.start()
        var provider = Shelves()
        provider.query = query
        return (stage, provider, try await stage.start(provider, parts))
    }

    package static let made = CIMDateTime("20240229120000.000000+060")

    private static func shelf(_ number: Int) -> CIMInstance {
        CIMInstance(
            className: "Test_Shelf",
            ["Name": .string("s\(number)"), "Number": .uint32(UInt32(number)), "Text": .string("shelf \(number)")])
    }

    package static func box(_ number: Int) -> CIMInstance {
        CIMInstance(
            className: "Test_Box",
            [
                "Name": .string("b\(number)"), "Number": .uint32(UInt32(number)), "Made": made.map { .datetime($0) } ?? .null,
                "Small": .sint8(-1 - Int8(number)),
            ])
    }

    private static func holds(_ shelf: Int, _ box: Int) -> CIMInstance {
        CIMInstance(
            className: "Test_Holds",
            [
                "Holder": .reference(furniture("Test_Shelf", "s\(shelf)")),
                "Held": .reference(furniture("Test_Box", "b\(box)")),
                "Place": .uint8(UInt8(box)),
            ])
    }

    private static let all = [
        "Test_Shelf": (0..<2).map(shelf), "Test_Box": (0..<4).map(box), "Test_Holds": [holds(0, 0), holds(0, 1), holds(1, 2)],
    ]

    package func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
        calls.record("enumerate \(className)")
        for instance in Self.all[className] ?? [] { try await FrameworkInstance(instance, context).commit() }
    }

    package func getObject(_ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags)
        async throws
    {
        calls.record("get \(instance.value.className) \(instance["Name"]?.stringValue ?? "?")")
        let name = instance["Name"]
        guard let found = Self.all[instance.value.className]?.first(where: { $0["Name"] == name }) else {
            throw CIMError(.notFound, "there is no \(name?.stringValue ?? "?")")
        }
        instance.value.properties = found.properties
    }

    package func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws {
        calls.record(query.text)
        guard let answer = self.query else { throw CIMError(.providerNotCapable, "too hard") }
        try await answer(query, context)
    }
}

/// The path of a shelf or of a box.
package func furniture(_ className: String, _ name: String) -> CIMObjectPath {
    CIMObjectPath(className: className, ["Name": .string(name)])
}
