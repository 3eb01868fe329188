import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider is told about a query it is to answer, by a real broker: Semantics E.3.
    @Suite struct FrameworkQueryReadingTests {
        /// What a query says of `Test_Box`, whose properties are Name (its key), Number, Made and Small.
        private struct Said: Sendable, Equatable {
            var requested: MethodContext.RequestedProperties
            var numbers: [CIMValue]?
        }

        private static let partial = OperationOptions(context: [
            "__GET_EXTENSIONS": true, "__GET_EXT_PROPERTIES": .strings(["Small", "Made"]), "__GET_EXT_CLIENT_REQUEST": true,
        ])

        private static let queries: [(String, OperationOptions, Said)] = [
            ("* FROM Test_Box WHERE Small <> 9", .init(), Said(requested: .all)),
            ("Name, __RELPATH FROM Test_Box", .init(), Said(requested: .keys)),
            ("small, SMALL FROM Test_Box", .init(), Said(requested: .named(["Small"]))),
            ("Small FROM Test_Box WHERE Number = 1", .init(), Said(requested: .named(["Number", "Small"]), numbers: [.uint32(1)])),
            (
                "Small FROM Test_Box WHERE 3 = number OR Number = 1 OR Number = 3", .init(),
                Said(requested: .named(["Number", "Small"]), numbers: [.uint32(3), .uint32(1)])
            ),
            // Either bounds it; the fewer say more.
            (
                "* FROM Test_Box WHERE (Number = 1 OR Number = 2 OR Number = 3) AND (Number = 2 OR Number = 3) AND Small <> 9", .init(),
                Said(requested: .all, numbers: [.uint32(2), .uint32(3)])
            ),
            // What any other value satisfies, too.
            ("* FROM Test_Box WHERE Number = 1 OR Small = 2", .init(), Said(requested: .all)),
            ("* FROM Test_Box WHERE NOT Number = 1", .init(), Said(requested: .all)),
            ("* FROM Test_Box WHERE Number >= 1 AND Number <> 3", .init(), Said(requested: .all)),
            ("* FROM Test_Box WHERE Name LIKE \"b%\" AND Small IS NOT NULL", .init(), Said(requested: .all)),
            // The broker writes constants in the types of the properties.
            ("* FROM Test_Box WHERE Number = '1'", .init(), Said(requested: .all, numbers: [.uint32(1)])),
            // What the client wants less of, the broker leaves out.
            ("* FROM Test_Box WHERE Number = 1", partial, Said(requested: .all, numbers: [.uint32(1)])),
        ]

        @Test("E.3: the properties that are wanted, and the values of those that a condition bounds", arguments: queries.indices)
        func reading(index: Int) async throws {
            let (text, options, expected) = Self.queries[index]
            let seen = Recorder<(FrameworkQuery, MethodContext.RequestedProperties)>()
            let stage = try await FrameworkStage.start()
            var provider = Shelves()
            provider.query = { query, context in seen.record((query, context.requestedProperties)) }
            let service = try await stage.start(provider, .queriedShelves)
            for try await _ in stage.stage.session.execQuery("SELECT \(text)", options: options) {}
            let (query, requested) = try #require(seen.all.first)
            #expect(query.text == "\(query)" && query.text == provider.calls.all.first)
            #expect(query.className == "Test_Box")
            #expect(Said(requested: query.requested, numbers: query.valuesForProperty("NUMBER")) == expected, "\(query)")
            #expect(query.valuesForProperty("Nothing") == nil)
            #expect(query.isPropertyRequired("name"))
            switch expected.requested {
            case .all:
                #expect(query.allPropertiesAreRequired && !query.keysOnly && query.requiredProperties.isEmpty)
                #expect(query.isPropertyRequired("Made"))
            case .keys:
                #expect(query.keysOnly && !query.allPropertiesAreRequired && query.requiredProperties.isEmpty)
                #expect(!query.isPropertyRequired("Made"))
            case .named(let names):
                #expect(query.requiredProperties == names && !query.allPropertiesAreRequired && !query.keysOnly)
                #expect(query.isPropertyRequired("MADE") == names.contains("Made"))
                // What a provider reads that knows only the context.
                #expect(names.allSatisfy { requested.contains($0) } && requested != .all)
            }
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("E.3: a datetime has several forms of one value: it bounds nothing")
        func datetime() async throws {
            let seen = Recorder<FrameworkQuery>()
            let stage = try await FrameworkStage.start()
            var provider = Shelves()
            provider.query = { query, _ in seen.record(query) }
            let service = try await stage.start(provider, .queriedShelves)
            for condition in ["Made = '20240229120000.000000+060'", "Small = -1"] {
                for try await _ in stage.stage.session.execQuery("SELECT * FROM Test_Box WHERE \(condition)") {}
            }
            #expect(seen.all.map { $0.valuesForProperty("Made") } == [nil, nil])
            #expect(seen.all.map { $0.valuesForProperty("Small") } == [nil, [.sint8(-1)]])
            withExtendedLifetime(service) {}
        }
    }
}
