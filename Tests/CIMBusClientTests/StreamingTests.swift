import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Objects on their way from a provider to a client.
    @Suite struct StreamingTests {
        @Test("L1: every object, in order, around the borders of a batch", arguments: Form.allCases)
        func inOrder(form: Form) async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, context, sink in
                    for number in 0..<(context.values["Count"]?.integer() ?? -1) { try await sink.indicate(thing(number)) }
                }))
            for count in [0, 1, 15, 16, 17, 255, 1000] {
                let options = OperationOptions(context: ["Count": .uint32(UInt32(count))])
                let result = try await stage.session.enumerate("Test_Thing", form, options: options)
                #expect(result.error == nil)
                #expect(result.numbers == Array(0..<count))
            }
            try await stage.expectQuiet()
        }

        @Test("L1, Design 3: objects larger than a batch travel alone, between small ones")
        func largeObjects() async throws {
            let large = String(repeating: "x", count: 300 << 10)
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<60 { try await sink.indicate(thing(number, text: number % 20 == 7 ? large : "small")) }
                }))
            let result = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(result.error == nil)
            #expect(result.numbers == Array(0..<60))
            #expect(result.instances.filter { $0["Text"]?.stringValue == large }.count == 3)
            try await stage.expectQuiet()
        }

        @Test("R15: a result refused for its size, an object over 8 MiB, is OutOfMemory for the provider and its client")
        func tooLarge() async throws {
            let thrown = Event<WBEMStatus?>("the provider's error")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    do {
                        try await sink.indicate(thing(1, text: String(repeating: "x", count: 9 << 20)))
                    } catch {
                        thrown.send((error as? CIMError)?.status)
                        throw error
                    }
                }))
            #expect(try await stage.session.enumerate("Test_Thing", .sync).error?.status == .outOfMemory)
            #expect(try await thrown.value() == .outOfMemory)
            try await stage.expectQuiet()
        }

        @Test(
            "L1: objects before one that cannot be sent arrive all the same",
            arguments: [
                ("a\0b", WBEMStatus.invalidObject), (.string(String(repeating: "x", count: 9 << 20)), .outOfMemory),
                (.array(of: .uint32, [.uint32(1), "two"]), .invalidObject), (.array(of: .uint32, [.null]), .invalidObject),
            ] as [(CIMValue, WBEMStatus)])
        func unsendable(value: CIMValue, status: WBEMStatus) async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, context, sink in
                    for number in 0..<(context.values["Count"]?.integer() ?? -1) { try await sink.indicate(thing(number)) }
                    var unsendable = thing(-1)
                    unsendable["Text"] = value
                    try await sink.indicate(unsendable)
                }))
            for count in [5, 300] {
                let options = OperationOptions(context: ["Count": .uint32(UInt32(count))])
                let result = try await stage.session.enumerate("Test_Thing", .sync, options: options)
                #expect(result.numbers == Array(0..<count))
                #expect(result.error?.status == status, "\(String(describing: result.error))")
            }
            try await stage.expectQuiet()
        }

        @Test("an object of another class than asked, and one whose key does not fit, are InvalidObject")
        func misfits() async throws {
            let misfits = [
                CIMInstance(className: "Test_Ticket", ["Number": 1]),
                CIMInstance(className: "Test_Thing", ["Name": .uint32(1000)]),
                CIMInstance(className: "Test_Thing", ["Name": "a", "NotThere": 1]),
            ]
            for misfit in misfits {
                let stage = try await Stage.start(ThingProvider(enumerate: { _, _, sink in try await sink.indicate(misfit) }))
                let result = try await stage.session.enumerate("Test_Thing", .sync)
                #expect(result.error?.status == .invalidObject, "\(misfit): \(String(describing: result.error))")
                #expect(result.instances.isEmpty)
            }
        }

        @Test("Instances of a derived class come as what they are, with their own class's types", arguments: Form.allCases)
        func derivedClass(form: Form) async throws {
            let since = try #require(CIMDateTime("20200229123456.000007+060"))
            let special = CIMInstance(
                className: "Test_SpecialThing",
                [
                    "Name": "s", "Number": .uint32(1), "Small": .sint8(-3), "Since": .datetime(since),
                    "Bytes": .array(of: .uint8, [.uint8(1), .uint8(255)]),
                ])
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { className, _, sink in
                        try await sink.indicate(thing(0))
                        try await sink.indicate(special)
                        try await sink.indicate(thing(2))
                    }, get: { _, _ in special }))
            let result = try await stage.session.enumerate("Test_Thing", form)
            #expect(result.error == nil)
            #expect(result.instances.map(\.className) == ["Test_Thing", "Test_SpecialThing", "Test_Thing"])
            let seen = try #require(result.instances.dropFirst().first)
            #expect(seen["Since"] == .datetime(since))
            #expect(seen["Small"] == .sint8(-3))
            #expect(seen["Bytes"] == .array(of: .uint8, [.uint8(1), .uint8(255)]))
            #expect(seen.path?.relativePath == "Test_SpecialThing.Name=\"s\"")
            #expect(try await stage.session.get(path("s"), form)["Since"] == .datetime(since))
        }

        @Test("L13: 20,000 objects, 10 MB, pulled by the thousand, and by more than one reply holds", arguments: [1000, 3000])
        func pullMany(count: Int) async throws {
            let text = String(repeating: "x", count: 500)
            let stage = try await Stage.start(.things(20_000, text: text))
            let enumerator = try await stage.session.openEnumerator(of: "Test_Thing")
            let numbers = try await soon("20,000 objects") {
                var numbers: [Int] = []
                while true {
                    let pulled = try await enumerator.next(count)
                    numbers += pulled.instances.map { Int($0["Number"]?.int64Value ?? -1) }
                    if pulled.isAtEnd { return numbers }
                    // Without a time limit a pull is full.
                    #expect(pulled.instances.count == count)
                }
            }
            #expect(numbers == Array(0..<20_000))
            await enumerator.close()
            try await stage.expectQuiet()
        }

        @Test("A.6: skip drops unseen, and tells when there were fewer")
        func skip() async throws {
            let stage = try await Stage.start(.things(100))
            let enumerator = try await stage.session.openEnumerator(of: "Test_Thing")
            #expect(try await soon { try await enumerator.skip(40) })
            let pulled = try await soon { try await enumerator.next(10) }
            #expect(pulled.instances.map { $0["Number"]?.int64Value } == (40..<50).map { Int64($0) })
            #expect(try await soon { try await enumerator.skip(100) } == false)
            #expect(try await soon { try await enumerator.next(1) }.isAtEnd)
        }

        @Test("A.6: a pull that does not want to wait gives what is there")
        func pullWithoutWaiting() async throws {
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(thing(0))
                    try await go.value()
                    try await sink.indicate(thing(1))
                }))
            let enumerator = try await stage.session.openEnumerator(of: "Test_Thing")
            #expect(try await soon { try await enumerator.next(1) }.instances.count == 1)
            let nothing = try await soon { try await enumerator.next(1, timeout: .zero) }
            #expect(nothing.instances.isEmpty)
            #expect(nothing.isTimedOut)
            go.send(())
            let rest = try await soon { try await enumerator.next(10) }
            #expect(rest.instances.count == 1)
            #expect(rest.isAtEnd)
        }

        @Test("the batches of a sequence are its instances, too")
        func batches() async throws {
            let stage = try await Stage.start(.things(1000))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            let batches = try await soon {
                var batches: [[CIMInstance]] = []
                for try await batch in sequence.batches { batches.append(batch) }
                return batches
            }
            #expect(batches.joined().map { $0["Number"]?.int64Value } == (0..<1000).map { Int64($0) })
            #expect(batches.allSatisfy { !$0.isEmpty })
            #expect(batches.count < 100)
        }

        @Test("R32: callbacks, one for each instance, and exactly one at the end")
        func callbacks() async throws {
            let stage = try await Stage.start(.things(20))
            let seen = Recorder<Bool>()
            stage.session.enumerateInstances(of: "Test_Thing") { instance, moreResults, error in
                #expect((instance != nil) == moreResults)
                #expect(error == nil)
                seen.record(moreResults)
            }
            try await seen.wait("the last callback") { $0.last == false }
            #expect(seen.all == Array(repeating: true, count: 20) + [false])
        }

        @Test("R77: the end comes behind the last object, of few and of many, however late somebody looks", arguments: [3, 20, 100])
        func completeResults(count: Int) async throws {
            let stage = try await Stage.start(.things(count))
            for form in Form.allCases {
                let result = try await stage.session.enumerate("Test_Thing", form)
                #expect(result.numbers == Array(0..<count), "\(form)")
                #expect(result.error == nil)
            }
            // All of it has arrived, the end too, before anything is taken.
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await stage.expectQuiet()
            let late = try await collect(sequence)
            #expect(late.numbers == Array(0..<count))
            #expect(late.error == nil)
        }
    }
}
