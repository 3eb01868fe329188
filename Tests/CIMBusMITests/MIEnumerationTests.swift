import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// MI_Session_EnumerateInstances (Semantics K.2).
    @Suite struct MIEnumerationTests {
        /// Two things, one of them special.
        private static let family = ThingProvider(enumerate: { className, context, sink in
            if className == "Test_Thing" { try await sink.indicate(thing(0, text: "plain")) }
            if className == "Test_Thing", context.flags.contains(.shallow) { return }
            var special = thing(1, text: "special", class: "Test_SpecialThing")
            special["Bytes"] = .array(of: .uint8, [.uint8(7)])
            try await sink.indicate(special)
        })

        @Test("R19, R20: every instance of the class, on the server that the session is with")
        func everyInstance() async throws {
            let (many, few) = (try await MIStage.start(.things(600)), try await MIStage.start(.things(5)))
            for (stage, count) in [(many, 600), (few, 5)] {
                let numbers = try await soon {
                    var numbers: [Int64?] = []
                    for try await instance in stage.session.enumerateInstances(of: "Test_Thing") {
                        numbers.append(instance["Number"]?.int64Value)
                    }
                    return numbers
                }
                #expect(numbers == (0..<count).map { Int64($0) })
                try await stage.stage.expectQuiet()
            }
        }

        @Test("R23: no options are the defaults: no deadline, and nothing for the provider but what the broker says")
        func noOptions() async throws {
            let contexts = Recorder<RequestContext>()
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { _, context, sink in
                    contexts.record(context)
                    try await sink.indicate(thing(7))
                }))
            for options in [nil, MI.OperationOptions()] {
                let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", options: options))
                #expect(results.code == .ok)
                #expect(results.numbers == [7])
            }
            #expect(contexts.all.count == 2)
            for context in contexts.all {
                #expect(context.deadline == nil)
                #expect(context.values.keys.allSatisfy { $0.hasPrefix("__") }, "\(context.values)")
            }
        }

        @Test("R28: the class that is named is enumerated, and its provider asked for that one", arguments: Things.classes)
        func namedClass(className: String) async throws {
            let asked = Recorder<String>()
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { className, _, sink in
                    asked.record(className)
                    let key: CIMInstance.Property =
                        className == "Test_Ticket" ? .init(name: "Number", value: .uint32(3)) : .init(name: "Name", value: "n")
                    try await sink.indicate(CIMInstance(className: className, [key]))
                }))
            let results = try await pullAll(stage.session.enumerateInstances(of: className))
            #expect(results.code == .ok)
            #expect(results.instances.map(\.className) == [className])
            #expect(asked.all == [className])
        }

        @Test("R31: without callbacks the results are pulled, one by one, while the provider goes on")
        func pullMode() async throws {
            let go = Event<Void>("the first result")
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(thing(0))
                    try await go.value()
                    try await sink.indicate(thing(1))
                }))
            let operation = stage.session.enumerateInstances(of: "Test_Thing", callbacks: nil)
            let first = try await soon { try await operation.getInstance() }
            #expect(first.instance?["Number"] == .uint32(0))
            #expect(first.moreResults)
            go.send(())
            let rest = try await pullAll(operation)
            #expect(rest.numbers == [1])
            #expect(rest.moreResults == [true, false])
            #expect(rest.code == .ok)
        }

        @Test("R21: without a valid session the enumeration fails, and nobody is asked", arguments: [false, true])
        func closedSession(isPulled: Bool) async throws {
            let asked = Recorder<String>()
            let stage = try await MIStage.start(ThingProvider(enumerate: { className, _, _ in asked.record(className) }))
            let session = stage.session
            func expectRefusal() async throws {
                if isPulled {
                    let results = try await pullAll(session.enumerateInstances(of: "Test_Thing"))
                    #expect(results.code == .invalidParameter)
                    #expect(results.moreResults == [false])
                } else {
                    let record = MIRecord()
                    session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
                    // At once (F.2).
                    #expect(record.now.code == .invalidParameter)
                    #expect(record.now.moreResults == [false])
                }
            }
            let open = session.enumerateInstances(of: "Test_Thing")
            #expect(try await pullAll(open).code == .ok)
            // It waits for the one that is not closed.
            let closed = Event<Void>("the close of the session")
            session.close(completion: { closed.send(()) })
            try await expectRefusal()
            try await soon { try await open.close() }
            try await closed.value()
            try await expectRefusal()
            try await stage.stage.expectQuiet()
            #expect(asked.all == ["Test_Thing"])
        }

        @Test("R22: polymorphism: deep, shallow, deep with the properties of the base class only")
        func polymorphism() async throws {
            let stage = try await MIStage.start(Self.family)
            func classes(_ flags: MI.OperationFlags) async throws -> [CIMInstance] {
                let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", flags: flags))
                #expect(results.code == .ok)
                return results.instances.sorted { $0.className > $1.className }
            }
            let deep = try await classes([])
            #expect(deep.map(\.className) == ["Test_Thing", "Test_SpecialThing"])
            #expect(deep.last?["Bytes"] != nil)
            #expect(try await classes(.shallow).map(\.className) == ["Test_Thing"])
            let base = try await classes(.deepBasePropertiesOnly)
            #expect(base.map(\.className) == ["Test_Thing", "Test_SpecialThing"])
            #expect(base.last?["Text"] == "special")
            #expect(base.last?.index(of: "Bytes") == nil)
        }

        @Test("R22: run-time type information", arguments: [MI.OperationFlags.noRTTI, .basicRTTI, .standardRTTI, .fullRTTI, []])
        func rtti(flags: MI.OperationFlags) async throws {
            let stage = try await MIStage.start(Self.family)
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_SpecialThing", flags: flags))
            let special = try #require(results.instances.first)
            #expect(special.className == "Test_SpecialThing")
            #expect(special["Number"] == .uint32(1))
            let isFull = flags == .standardRTTI || flags == .fullRTTI
            #expect(special["__SUPERCLASS"] == (isFull ? "Test_Thing" : nil))
            #expect(special["__DYNASTY"] == (isFull ? "Test_Thing" : nil))
            #expect(special["__DERIVATION"] == (isFull ? .strings(["Test_Thing"]) : nil))
        }

        @Test(
            "F.3: more than one flag of a group, and bits that are none, are refused",
            arguments: [
                MI.OperationFlags([.basicRTTI, .fullRTTI]), [.noRTTI, .standardRTTI], .init(rawValue: 0x100), .init(rawValue: 0x1000),
            ])
        func wrongFlags(flags: MI.OperationFlags) async throws {
            let stage = try await MIStage.start(.things(1))
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", flags: flags))
            #expect(results.code == .invalidParameter)
            #expect(results.moreResults == [false])
        }

        @Test("F.3: every flag at once that may be")
        func manyFlags() async throws {
            let stage = try await MIStage.start(Self.family)
            let flags: MI.OperationFlags = [
                .manualAcknowledgement, .fullRTTI, .localizedQualifiers, .expensiveProperties, .shallow, .reportOperationStarted,
            ]
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", flags: flags))
            #expect(results.code == .ok)
            #expect(results.numbers == [0])
            // The first is empty and says that it started.
            #expect(results.moreResults == [true, true, false])
        }

        @Test("R24: a timeout applies, and its end is OPERATION_TIMEOUT")
        func timeout() async throws {
            let stage = try await MIStage.start(ThingProvider(enumerate: { _, _, _ in await untilCancelled() }))
            let options = MI.OperationOptions(timeout: .milliseconds(200))
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", options: options))
            #expect(results.code == .failed)
            #expect(results.category == .operationTimeout)
            try await stage.stage.expectQuiet()
            for timeout in [Duration.zero, .seconds(-1)] {
                let options = MI.OperationOptions(timeout: timeout)
                let refused = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", options: options))
                #expect(refused.code == .invalidParameter)
            }
        }

        @Test("R24, F.4: custom options reach the provider; one that must be understood and is not fails the operation")
        func customOptions() async throws {
            let seen = Recorder<DBusValue?>()
            let stage = try await MIStage.start(ThingProvider(enumerate: { _, context, _ in seen.record(context.values["Colour"]) }))
            func code(_ options: MI.OperationOptions) async throws -> MI.ResultCode? {
                try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", options: options)).code
            }
            let colour = MI.CustomOption("Colour", "blue", mustComply: true)
            let odd = MI.CustomOption("__MI_OPERATIONOPTIONS_USE_MACHINE_ID", true)
            #expect(try await code(.init(customOptions: [colour, odd])) == .ok)
            #expect(seen.all == [.string("blue")])
            #expect(try await code(.init(customOptions: [odd], mustUnderstand: true)) == .notSupported)
            var strict = odd
            strict.mustComply = true
            #expect(try await code(.init(customOptions: [strict])) == .notSupported)
            for name in ["__CLIENT_UID", "__client_uid", "__mi_anything"] {
                #expect(try await code(.init(customOptions: [MI.CustomOption(name, 0, mustComply: true)])) == .notSupported)
            }
            #expect(seen.all.count == 1)
        }

        private func results(_ stage: MIStage, in namespace: String?) async throws -> MIResults {
            try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", in: namespace))
        }

        @Test("R25: without a namespace it is the server's default, root/cimv2")
        func defaultNamespace() async throws {
            let stage = try await MIStage.start(.things(2))
            #expect(try await results(stage, in: nil).numbers == [0, 1])
        }

        @Test("R26: a namespace with the name of a computer is refused, and nobody is asked")
        func computerName() async throws {
            let asked = Recorder<String>()
            let stage = try await MIStage.start(ThingProvider(enumerate: { className, _, _ in asked.record(className) }))
            for name in ["\\\\machine\\root\\cimv2", "\\\\.\\root\\cimv2", "//machine/root/cimv2", "machine:root/cimv2"] {
                let refused = try await results(stage, in: name)
                #expect(refused.code == .invalidParameter, "\(name)")
                #expect(refused.moreResults == [false])
            }
            #expect(asked.all.isEmpty)
        }

        @Test("R27: the parts of a namespace are separated by /, and none is empty")
        func separators() async throws {
            let stage = try await MIStage.start(.things(2))
            #expect(try await results(stage, in: "root/cimv2").numbers == [0, 1])
            // WMI's form, and both at once, are the same name.
            for name in ["ROOT\\CIMV2", "root\\cimv2"] { #expect(try await results(stage, in: name).numbers == [0, 1], "\(name)") }
            for name in ["root\\", "\\root\\cimv2", "root\\\\cimv2", "/root/cimv2", "root/cimv2/", "", "root//cimv2"] {
                let refused = try await results(stage, in: name)
                #expect(refused.code == .invalidParameter, "\(name)")
                #expect(refused.moreResults == [false])
            }
            #expect(try await results(stage, in: "root").code == .invalidClass)
            #expect(try await results(stage, in: "root/elsewhere").code == .invalidNamespace)
        }

        @Test("R28: a class that is not there, and a name that is none")
        func wrongClass() async throws {
            let stage = try await MIStage.start(.things(2))
            #expect(try await pullAll(stage.session.enumerateInstances(of: "Test_Nothing")).code == .invalidClass)
            for name in ["", "a b", "1"] {
                #expect(try await pullAll(stage.session.enumerateInstances(of: name)).code == .invalidParameter, "\(name)")
            }
        }

        @Test("R29: with keysOnly there are key properties and no others; the provider is told")
        func keysOnly() async throws {
            let requested = Recorder<MethodContext.RequestedProperties>()
            var provider = Self.family
            provider.enumerate = { className, context, sink in
                requested.record(context.requestedProperties)
                try await Self.family.enumerate?(className, context, sink)
            }
            let stage = try await MIStage.start(provider)
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", keysOnly: true))
            #expect(results.code == .ok)
            #expect(results.instances.map { $0.properties.map(\.name) } == [["Name"], ["Name"]])
            #expect(
                Set(results.instances.map { $0.path?.relativePath }) == [
                    #"Test_Thing.Name="n0""#, #"Test_SpecialThing.Name="n1""#,
                ])
            #expect(requested.all == [.keys])
        }

        @Test("R30: without keysOnly there are all properties, those of the subclass, too; the provider is told so")
        func allProperties() async throws {
            let requested = Recorder<MethodContext.RequestedProperties>()
            var provider = Self.family
            provider.enumerate = { className, context, sink in
                requested.record(context.requestedProperties)
                try await Self.family.enumerate?(className, context, sink)
            }
            let stage = try await MIStage.start(provider)
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", keysOnly: false))
            #expect(results.code == .ok)
            func instance(_ className: String) -> CIMInstance? { results.instances.first { $0.className == className } }
            let plain = try #require(instance("Test_Thing"))
            #expect(plain["Name"] == "n0" && plain["Number"] == .uint32(0) && plain["Text"] == "plain")
            let special = try #require(instance("Test_SpecialThing"))
            #expect(special["Name"] == "n1" && special["Number"] == .uint32(1) && special["Text"] == "special")
            #expect(special["Bytes"] == .array(of: .uint8, [.uint8(7)]))
            #expect(results.instances.count == 2)
            #expect(requested.all == [.all])
        }

        @Test("R32: with instanceResult the operation runs by itself, one call for each result, one last")
        func callbacks() async throws {
            let stage = try await MIStage.start(.things(300))
            let record = MIRecord()
            let operation = stage.session.enumerateInstances(
                of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let results = try await record.all()
            #expect(results.numbers == Array(0..<300))
            #expect(results.moreResults == Array(repeating: true, count: 300) + [false])
            #expect(results.code == .ok)
            // F.6: pulling is an error then.
            #expect(try await miFailure { _ = try await operation.getInstance() } == .failed)
            #expect(try await miFailure { for try await _ in operation {} } == .failed)
            try await soon { try await operation.close() }
            #expect(record.results.all.count == 301)
        }

        @Test("R33: with callbacks but without instanceResult the client pulls")
        func pullWithCallbacks() async throws {
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { _, context, sink in
                    context.report(current: 1, of: 2, text: "half")
                    try await sink.indicate(thing(0))
                }))
            let progress = Recorder<MI.ProgressReport>()
            let operation = stage.session.enumerateInstances(
                of: "Test_Thing", callbacks: MI.OperationCallbacks(writeProgress: { _, report in progress.record(report) }))
            let results = try await pullAll(operation)
            #expect(results.numbers == [0])
            // R34; everything on the way is told before the end.
            #expect(progress.all.map(\.statusDescription) == ["half"])
            try await soon { try await operation.close() }
        }

        @Test("F.6: the last result has moreResults false; after it there is nothing to pull")
        func pull() async throws {
            let stage = try await MIStage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<20 { try await sink.indicate(thing(number)) }
                    throw CIMError(.accessDenied, "no further")
                }))
            let operation = stage.session.enumerateInstances(of: "Test_Thing")
            let results = try await pullAll(operation)
            #expect(results.numbers == Array(0..<20))
            #expect(results.isWellFormed)
            #expect(results.code == .accessDenied)
            #expect(results.last?.errorMessage?.contains("no further") == true)
            #expect(results.last?.errorDetails?["error_Code"] == .uint32(WBEMStatus.accessDenied.rawValue))
            #expect(try await miFailure { _ = try await operation.getInstance() } == .failed)
        }
    }
}
