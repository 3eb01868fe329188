import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Rows from a provider to a client (Protocol.md, "Packed objects"), by the libraries' private connections.
    @Suite struct PackedRowTests {
        static let shape = RowShape(
            "Test_Thing", [.init("Name", .string), .init("Number", .uint32), .init("Small", .sint8), .init("Words", .array(of: .string))])

        /// So many rows; every third number is NULL.
        static func rows(_ count: Int) -> ThingProvider {
            ThingProvider(enumerate: { _, _, sink in
                try await sink.indicate(rowsOf: shape) { rows in
                    for number in 0..<count {
                        rows.append("n\(number)")
                        if number % 3 == 0 { rows.appendNull() } else { rows.append(UInt32(number)) }
                        rows.append(Int8(truncatingIfNeeded: number))
                        if number % 2 == 0 { rows.append(.strings(["a", "\(number)"])) }
                        try await rows.endRow()
                    }
                }
            })
        }

        static func instance(_ number: Int) -> CIMInstance {
            var instance = CIMInstance(className: "Test_Thing", ["Name": .string("n\(number)")], path: path("n\(number)"))
            if number % 3 != 0 { instance["Number"] = .uint32(UInt32(number)) }
            instance["Small"] = .sint8(Int8(truncatingIfNeeded: number))
            if number % 2 == 0 { instance["Words"] = .strings(["a", "\(number)"]) }
            return instance
        }

        @Test(
            "L1: rows arrive, in order, around the borders of a batch: as rows, as instances, and for a client on the bus",
            arguments: [0, 1, 16, 17, 3_000])
        func rows(count: Int) async throws {
            let stage = try await Stage.start(Self.rows(count))
            var number = 0
            for try await batch in stage.session.enumerateInstances(of: "Test_Thing").rows {
                for row in batch {
                    #expect(row.className == "Test_Thing")
                    #expect(batch.column("name").flatMap { row.string($0) } == "n\(number)")
                    let value = batch.column("Number").flatMap { row.integer($0, as: Int.self) }
                    #expect(value == (number % 3 == 0 ? nil : number))
                    #expect(batch.column("Small").flatMap { row.integer($0, as: Int8.self) } == Int8(truncatingIfNeeded: number))
                    #expect(
                        batch.column("Words").map { row.value($0) } ?? .null == (number % 2 == 0 ? .strings(["a", "\(number)"]) : .null))
                    #expect(batch.column("Text") == nil)
                    number += 1
                }
            }
            #expect(number == count)
            let result = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(result.error == nil)
            #expect(result.instances == (0..<count).map(Self.instance))
            let client = try await RawClient.connect(to: stage.bus, transport: .bus)
            let raw = try await client.run(.enumerate("Test_Thing"), .async)
            #expect(raw.objects.compactMap { $0["Name"]?.text } == (0..<count).map { "n\($0)" })
            #expect(raw.objects.compactMap { $0["Number"]?.integer() } == (0..<count).filter { $0 % 3 != 0 })
            try await stage.expectQuiet()
        }

        @Test("I: a query of rows gives those that fulfil its condition, with the properties that it selects")
        func queries() async throws {
            let stage = try await Stage.start(Self.rows(1_000))
            func names(_ query: String) async throws -> [String] {
                var names: [String] = []
                for try await instance in stage.session.execQuery(query) { names.append(instance["Name"]?.stringValue ?? "") }
                return names
            }
            func expected(_ isWanted: (Int) -> Bool) -> [String] { (0..<1_000).filter(isWanted).map { "n\($0)" } }
            #expect(try await names("SELECT * FROM Test_Thing WHERE Number > 990") == expected { $0 > 990 && $0 % 3 != 0 })
            #expect(try await names("SELECT * FROM Test_Thing WHERE Number IS NULL") == expected { $0 % 3 == 0 })
            #expect(
                try await names("SELECT * FROM Test_Thing WHERE Small < 0 AND Name LIKE 'n1%'")
                    == expected {
                        Int8(truncatingIfNeeded: $0) < 0 && "\($0)".hasPrefix("1")
                    })
            #expect(try await names("SELECT * FROM Test_Thing WHERE Number < 0").isEmpty)
            var rest: [CIMInstance] = []
            for try await instance in stage.session.execQuery("SELECT Number, Words FROM Test_Thing WHERE Name = 'n4'") {
                rest.append(instance)
            }
            #expect(rest.map { $0.properties.map(\.name) } == [["Number", "Words"]])
            #expect(rest.first?["Words"] == .strings(["a", "4"]))
            // Nobody has made objects of them on their way.
            for try await batch in stage.session.execQuery("SELECT Number FROM Test_Thing WHERE Small > 5").rows {
                #expect(batch.instances == nil && batch.columns.map(\.name) == ["Number"])
            }
            try await stage.expectQuiet()
        }

        @Test("L1: objects of several shapes, and those that no row has, come in their order")
        func shapes() async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { className, _, sink in
                    guard className == "Test_Thing" else { return }
                    for number in 0..<200 {
                        var one = thing(number, text: number % 7 == 0 ? "text" : nil)
                        // Another integer than the class's, which no row of it has.
                        if number % 50 == 49 { one["Number"] = .sint64(Int64(number)) }
                        try await sink.indicate(one)
                    }
                    try await sink.indicate(rowsOf: Self.shape) { rows in
                        for number in 200..<203 {
                            rows.append("n\(number)")
                            rows.append(UInt32(number))
                            try await rows.endRow()
                        }
                    }
                    try await sink.indicate(thing(203))
                }))
            let result = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(result.error == nil)
            #expect(result.numbers == Array(0..<204))
            try await stage.expectQuiet()
        }

        @Test("A row that is not of its shape is the provider's error, and the rows before it arrive")
        func wrongRow() async throws {
            let thrown = Event<WBEMStatus?>("the provider's error")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    do {
                        try await sink.indicate(rowsOf: Self.shape) { rows in
                            for number in 0..<40 {
                                rows.append("n\(number)")
                                if number < 39 { rows.append(UInt32(number)) } else { rows.append(Int32(number)) }
                                try await rows.endRow()
                            }
                        }
                    } catch {
                        thrown.send((error as? CIMError)?.status)
                        throw error
                    }
                }))
            let result = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(result.error?.status == .invalidObject)
            #expect(try await thrown.value() == .invalidObject)
            #expect(result.numbers == Array(0..<39))
            try await stage.expectQuiet()
        }

        @Test(
            "cimctl writes the same lines of JSON of rows as of objects that came by the bus",
            arguments: [[], ["--properties", "Words,Name"]])
        func json(options: [String]) async throws {
            let stage = try await Stage.start(Self.rows(50))
            func lines(_ transport: String) async throws -> String {
                let (text, end) = try await ChildProcess.output(
                    BuildFolder.path(of: "cimctl"), ["enumerate", "Test_Thing", "-o", "jsonl", "--address", stage.bus.address] + options,
                    environment: ["CIMBUS_TRANSPORT": transport])
                #expect(end == .exited(0))
                return text
            }
            let rows = try await lines("private")
            #expect(rows.split(separator: "\n").count == 50)
            #expect(rows.contains("\"n7\"") && rows.contains("null"))
            #expect(try await rows == lines("bus"))
        }
    }
}
