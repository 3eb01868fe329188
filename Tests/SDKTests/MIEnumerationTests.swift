import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import DBus
import Testing

extension SDKTests {
    /// MI_Session_EnumerateInstances (SEMANTICS K.2).
    @Suite struct MIEnumerationTests {
        /// Two things, one of them special.
        private static let family = ThingProvider(enumerate: { className, context, sink in
            if className == "Test_Thing" { try await sink.indicate(thing(0, text: "plain")) }
            if className == "Test_Thing", context.flags.contains(.shallow) { return }
            var special = thing(1, text: "special", class: "Test_SpecialThing")
            special["Bytes"] = .array(of: .uint8, [.uint8(7)])
            try await sink.indicate(special)
        })

        @Test("R19, R20, R23, R28, R31: every instance, with no options and no callbacks, in a loop")
        func sequence() async throws {
            let stage = try await MIStage.start(.things(600))
            let numbers = try await soon {
                var numbers: [Int64?] = []
                for try await instance in stage.session.enumerateInstances(of: "Test_Thing") {
                    numbers.append(instance["Number"]?.int64Value)
                }
                return numbers
            }
            #expect(numbers == (0..<600).map { Int64($0) })
            try await stage.stage.expectQuiet()
        }

        @Test("R21: without a valid session the enumeration fails", arguments: [false, true])
        func closedSession(isPulled: Bool) async throws {
            let stage = try await MIStage.start(.things(3))
            await stage.session.close()
            if isPulled {
                let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing"))
                #expect(results.code == .invalidParameter)
                #expect(results.moreResults == [false])
            } else {
                let record = MIRecord()
                stage.session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
                // At once (F.2).
                #expect(record.now.code == .invalidParameter)
                #expect(record.now.moreResults == [false])
            }
            try await stage.stage.expectQuiet()
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

        @Test("R25, R26, R27: namespaces")
        func namespaces() async throws {
            let stage = try await MIStage.start(.things(2))
            func results(_ namespace: String?) async throws -> MIResults {
                try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", in: namespace))
            }
            #expect(try await results(nil).numbers == [0, 1])
            #expect(try await results("root/cimv2").numbers == [0, 1])
            // WMI's form, and both at once, are the same name.
            for name in ["ROOT\\CIMV2", "root\\cimv2"] { #expect(try await results(name).numbers == [0, 1], "\(name)") }
            for name in [
                "root\\", "\\root\\cimv2", "root\\\\cimv2", "/root/cimv2", "root/cimv2/", "\\\\machine\\root\\cimv2",
                "//machine/root/cimv2", "", "root//cimv2", "machine:root/cimv2",
            ] {
                let refused = try await results(name)
                #expect(refused.code == .invalidParameter, "\(name)")
                #expect(refused.moreResults == [false])
            }
            #expect(try await results("root/elsewhere").code == .invalidNamespace)
        }

        @Test("R28: a class that is not there, and a name that is none")
        func wrongClass() async throws {
            let stage = try await MIStage.start(.things(2))
            #expect(try await pullAll(stage.session.enumerateInstances(of: "Test_Nothing")).code == .invalidClass)
            for name in ["", "a b", "1"] {
                #expect(try await pullAll(stage.session.enumerateInstances(of: name)).code == .invalidParameter, "\(name)")
            }
        }

        @Test("R29, R30: only key properties, or all", arguments: [true, false])
        func keysOnly(keysOnly: Bool) async throws {
            let stage = try await MIStage.start(Self.family)
            let results = try await pullAll(stage.session.enumerateInstances(of: "Test_Thing", keysOnly: keysOnly))
            #expect(results.instances.count == 2)
            for instance in results.instances {
                #expect(instance["Name"] != nil)
                #expect(instance.path?.relativePath.hasPrefix(instance.className) == true)
                #expect((instance["Text"] == nil) == keysOnly)
                if keysOnly { #expect(instance.properties.map(\.name) == ["Name"]) }
            }
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
