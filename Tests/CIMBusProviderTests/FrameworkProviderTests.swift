import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// The framework's callbacks: Semantics E.2, E.3.
    @Suite struct FrameworkProviderTests {
        /// Things in the framework's shape; every call is recorded with its flags.
        private final class FrameworkThings: FrameworkProvider {
            let calls = Recorder<String>()
            let store = Mutex<[String: CIMInstance]>([:])

            private static func keys(of instance: FrameworkInstance) -> String {
                instance.value.properties.map { property in
                    let type = property.value.scalarType.map { "\($0)" } ?? "?"
                    return "\(property.name)=\(property.value.stringValue ?? "\(property.value)") (\(type))"
                }.joined(separator: ",")
            }

            func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
                calls.record("enumerate \(className) \(flags.rawValue)")
                for number in 0..<20 {
                    var instance = context.createNewInstance(of: className)
                    instance["Name"] = .string("n\(number)")
                    instance["Number"] = .uint32(UInt32(number))
                    try await instance.commit()
                }
            }

            func getObject(
                _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
            ) async throws {
                calls.record("get \(Self.keys(of: instance)) \(flags.rawValue)")
                guard requested.contains("Number") else { return }
                instance["Number"] = .uint32(7)
            }

            func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws {
                calls.record("query \(query) \(flags.rawValue)")
                try await FrameworkInstance(thing(3), context).commit()
            }

            func putInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws -> CIMObjectPath? {
                calls.record("put \(instance["Name"]?.stringValue ?? "?") \(flags.rawValue)")
                return nil
            }

            func deleteInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws {
                calls.record("delete \(Self.keys(of: instance)) \(flags.rawValue)")
            }

            func execMethod(
                _ method: String, on instance: FrameworkInstance, input: CIMInstance, output: inout CIMInstance, flags: OperationFlags
            ) async throws {
                calls.record(
                    "method \(method) on \(instance.value.path?.relativePath ?? "?") \(output.properties.map(\.name)) \(flags.rawValue)")
                guard method == "Echo", let text = input["sInArg"]?.stringValue else { return }
                output["sOutArg"] = .string(text)
                output["ReturnValue"] = .uint32(UInt32(text.utf16.count))
            }
        }

        private struct Nothing: FrameworkProvider {}

        private func start(_ provider: any Provider) async throws -> (PrivateBus, BrokerProcess, RunningService, Session) {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let service = try await RunningService.start(provider, on: bus)
            return (bus, broker, service, try await Session.connect(to: .address(bus.address), logger: quiet))
        }

        @Test("E.2: each operation is one callback, without the flags that are the broker's business", arguments: Form.allCases)
        func callbacks(form: Form) async throws {
            let things = FrameworkThings()
            let (bus, broker, service, session) = try await start(things)
            let enumeration = OperationOptions(flags: [.shallow, .useAmendedQualifiers, .directRead])
            #expect(try await session.enumerate("Test_Thing", form, options: enumeration).numbers == Array(0..<20))
            let got = try await session.get(path("a"), form, options: OperationOptions(flags: .useAmendedQualifiers))
            #expect(got["Name"] == "a" && got["Number"] == .uint32(7))
            _ = try await session.put(thing(1), form, options: OperationOptions(flags: .createOnly))
            try await session.delete(path("a"), form)
            #expect(
                things.calls.all == [
                    "enumerate Test_Thing 0", "get Name=a (string) 0", "put n1 2",
                    "delete Name=a (string) 0",
                ])
            withExtendedLifetime((bus, broker, service)) {}
        }

        @Test("E.2: the keys of an instance arrive in the types of its class")
        func keys() async throws {
            let things = FrameworkThings()
            let (bus, broker, service, session) = try await start(things)
            let ticket = try CIMObjectPath(parsing: "Test_Ticket.Number=5")
            try await session.delete(ticket, .sync)
            #expect(things.calls.all == ["delete Number=5 (uint32) 0"])
            withExtendedLifetime((bus, broker, service)) {}
        }

        @Test("E.2, G.3: a flag that the provider does not know is UnsupportedParameter")
        func unsupportedFlag() async throws {
            let things = FrameworkThings()
            let (bus, broker, service, session) = try await start(things)
            let error = await #expect(throws: CIMError.self) {
                try await session.put(thing(1), .sync, options: OperationOptions(flags: .useAmendedQualifiers))
            }
            #expect(error?.status == .unsupportedParameter)
            #expect(things.calls.all.isEmpty)
            withExtendedLifetime((bus, broker, service)) {}
        }

        @Test(
            "R93, R94, R112, R113, R118: the method, its object, and the out object spawned from its out class",
            arguments: Form.allCases)
        func method(form: Form) async throws {
            let things = FrameworkThings()
            let (bus, broker, service, session) = try await start(things)
            let echoed = try await session.call(path("a"), "Echo", ["sInArg": "hello"], form)
            #expect(echoed.returnValue == .uint32(5))
            #expect(echoed["sOutArg"] == "hello")
            _ = try await session.call(CIMObjectPath(className: "Test_Thing"), "Count", [:], form)
            #expect(
                things.calls.all == [
                    #"method Echo on Test_Thing.Name="a" ["sOutArg", "ReturnValue"] 0"#, #"method Count on Test_Thing ["ReturnValue"] 0"#,
                ])
            withExtendedLifetime((bus, broker, service)) {}
        }

        @Test("E.2: what is not implemented is ProviderNotCapable", arguments: Form.allCases)
        func defaults(form: Form) async throws {
            let (bus, broker, service, session) = try await start(Nothing())
            let errors = [
                try await session.enumerate("Test_Thing", form).error,
                await #expect(throws: CIMError.self) { try await session.get(path("a"), form) },
                await #expect(throws: CIMError.self) { try await session.put(thing(1), form) },
                await #expect(throws: CIMError.self) { try await session.delete(path("a"), form) },
                await #expect(throws: CIMError.self) { try await session.call(path("a"), "Echo", ["sInArg": "x"], form) },
            ]
            for error in errors { #expect(error?.status == .providerNotCapable, "\(String(describing: error))") }
            withExtendedLifetime((bus, broker, service)) {}
        }

        @Test("I.7: a query goes to the provider of the class behind FROM, with its text; who has no queries is not capable of them")
        func queries() async throws {
            let things = FrameworkThings()
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let service = RunningService(things, on: bus, options: .patient)
            let query = "select Name,From from Test_Thing where Name = 'from Test_Nothing'"
            let reply = try await broker.execQuery(query)
            #expect(reply.status == .noError)
            #expect(reply.objects.map(number) == [3])
            #expect(things.calls.all == ["query \(query) 0"])
            await #expect(throws: DBusError.self) { try await broker.execQuery("select * from Test_Nothing") }
            for text in ["", "select", "select *", "associators of {Test_Thing.Name='a'}", "select * from"] {
                let error = await #expect(throws: DBusError.self) { try await broker.execQuery(text) }
                #expect(error.map { CIMError($0).status } == .invalidQuery, "\(text)")
            }
            withExtendedLifetime(service) {}
            let other = try await PrivateBus.start()
            let secondBroker = try await BrokerStandIn(on: other)
            let plain = RunningService(ThingProvider(), on: other, options: .patient)
            let error = await #expect(throws: DBusError.self) { try await secondBroker.execQuery("SELECT * FROM Test_Thing") }
            #expect(error.map { CIMError($0).status } == .providerNotCapable)
            withExtendedLifetime(plain) {}
        }
    }
}
