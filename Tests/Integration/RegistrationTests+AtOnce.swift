import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration.RegistrationTests {
    @Test("Design 3: of two providers that bring the same class in the same turn of the loop one has it, and the other is AccessDenied")
    func sameClassAtOnce() async throws {
        let scene = try await Scene.start()
        // What the broker reads first is a matter of luck: it is tried some times.
        for round in 0..<5 {
            let name = "Test_Same\(round)"
            var providers: [RawProvider] = []
            for letter in ["A", "B"] {
                let provider = try await RawProvider.start(on: scene.bus, name: "\(letter)\(round)", className: name, registers: false)
                scene.keep(provider)
                providers.append(provider)
            }
            // Both calls are in the bus before the broker reads one of them.
            scene.broker.process.stop()
            var answers: [Event<Result<Message, DBusError>>] = []
            for provider in providers {
                let answer = Event<Result<Message, DBusError>>("the answer to Register")
                let message = try Message.methodCall(
                    destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.registrar,
                    member: MemberName(verified: "Register"),
                    values: [
                        .int32(0), .dictionary([(ContextKey.mof, .string(provider.mof))]), .string(""), .string(""),
                        .string("root/cimv2"), .string(provider.name), .objectPath(RawProvider.path),
                    ])
                await provider.connection.call(message, timeout: .seconds(30)) { answer.send($0) }
                answers.append(answer)
                _ = try await provider.connection.call(try Message.busCall("GetId"))
            }
            scene.broker.process.signal(SIGCONT)
            var results: [WBEMStatus?] = []
            for answer in answers {
                let result = try await answer.value()
                results.append(try await scene.client.refusal { _ = try result.get() })
            }
            #expect(results.count { $0 == nil } == 1, "\(results)")
            #expect(results.count { $0 == .accessDenied } == 1, "\(results)")
            let winner = results[0] == nil ? providers[0] : providers[1]
            let loser = results[0] == nil ? providers[1] : providers[0]
            #expect(try await scene.client.run(.enumerate(name)).status == .noError)
            #expect(winner.calls.all.count == 1)
            #expect(loser.calls.all.isEmpty)
        }
    }

    @Test("D.2: an instance of a class that the same text brings is as little WmiCore as one of a class that is there")
    func operatingSystemsOwn() async throws {
        let scene = try await Scene.start()
        let mof = """
            class Test_Win32Provider : __Win32Provider { };
            instance of Test_Win32Provider { Name = "P"; HostingModel = "WmiCore"; };
            """
        let reply = try await scene.client.call(
            Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
            [.string(mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
        #expect(reply[1] == .uint32(WBEMStatus.accessDenied.rawValue))
        #expect(try await scene.client.run(.get("Test_Win32Provider")).status == .notFound)
    }
}
