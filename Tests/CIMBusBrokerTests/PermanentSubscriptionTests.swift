import CIM
import Testing

@testable import CIMBusBroker

@Suite("Permanent subscriptions (Semantics J.4)") struct PermanentSubscriptionTests {
    /// One text in Unicode's view, two in that of CIM and of file systems.
    static let spellings = ["caf\u{E9}", "cafe\u{301}"]

    private func definition(_ name: String, query: String = "SELECT * FROM A") throws -> PermanentSubscription.Definition {
        .init(
            binding: CIMName("root:__FilterToConsumerBinding.Filter=\"\(name)\""),
            filter: CIMInstance(className: "__EventFilter", ["Query": .string(query)]),
            namespace: try #require(CIMNamespaceName("root")), consumer: CIMInstance(className: "LogFileEventConsumer"), creator: 0,
            missing: nil)
    }

    @Test("bindings whose names Unicode counts as one are two subscriptions; names that differ in case are one") func bindings() throws {
        var permanents = PermanentSubscriptions()
        for name in Self.spellings + ["CAF\u{E9}"] {
            let definition = try definition(name)
            permanents.subscriptions[definition.binding] = PermanentSubscription(definition)
        }
        #expect(permanents.subscriptions.count == 2)
    }

    @Test("a filter whose query changes from one spelling to the other has changed") func filters() throws {
        let queries = Self.spellings.map { "SELECT * FROM A WHERE Name = '\($0)'" }
        #expect(try definition("one", query: queries[0]) != definition("one", query: queries[1]))
        #expect(try definition("one", query: queries[0]) == definition("one", query: queries[0]))
    }

    @Test("log files whose names Unicode counts as one are two files") func logs() {
        var permanents = PermanentSubscriptions()
        let files = Self.spellings.map { permanents.logFile("/var/log/\($0)", 0) }
        #expect(files[0] !== files[1])
        #expect(permanents.logFile("/var/log/\(Self.spellings[0])", 0) === files[0])
    }
}
