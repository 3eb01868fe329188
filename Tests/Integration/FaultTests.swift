import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Every way in which a provider can fail, with a real process that does it (L1, L2, L4 to L10; P1 to P7).
    @Suite struct FaultTests {
        struct Fault: Sendable, CustomTestStringConvertible {
            var testDescription: String
            /// A scenario of FaultyProvider, or a script.
            var script: String
            var status: WBEMStatus
            var objects: Int? = 0
            var options: [String] = []
            /// Whether the provider has to be started again.
            var isFatal = false
            var isStopped = false
            /// What the broker says about it.
            var words = ""
            /// Where a synchronous reply ends otherwise.
            var sync: WBEMStatus?
        }

        static let faults: [Fault] = [
            Fault(testDescription: "healthy", script: "healthy", status: .noError, objects: 3),
            Fault(testDescription: "R138 healthy with Indicate and SetStatus", script: "healthy-long", status: .noError, objects: 3),
            Fault(
                testDescription: "L6 P4 crash before the reply", script: "crash-before-reply", status: .providerFailure, isFatal: true,
                words: "left the bus"),
            Fault(
                testDescription: "L6 P4 crash after the reply", script: "crash-after-reply", status: .providerFailure, isFatal: true,
                words: "left the bus"),
            Fault(
                testDescription: "L6 P4 crash between two Indicates", script: "crash-between-indicates", status: .providerFailure,
                objects: 6,
                isFatal: true, words: "after 6 objects"),
            Fault(
                testDescription: "L6 P6 crash after SetStatus before Release", script: "crash-after-status", status: .noError, objects: 3,
                isFatal: true),
            Fault(
                testDescription: "L6 P6 crash after Release", script: "crash-after-release", status: .noError, objects: 3, isFatal: true),
            Fault(
                testDescription: "L6 exit 0", script: "exit", status: .providerFailure, objects: 3, isFatal: true, words: "left the bus"),
            Fault(
                testDescription: "L8 SIGSTOP after the reply", script: "stop", status: .providerFailure, options: ["--ping", "1"],
                isStopped: true, words: "does not answer"),
            Fault(
                testDescription: "L8 SIGSTOP before the reply", script: "stop-before-reply", status: .providerFailure,
                options: ["--ping", "1"], isStopped: true, words: "does not answer"),
            Fault(
                testDescription: "L6 leave the bus but live", script: "leave", status: .providerFailure, isFatal: true,
                words: "left the bus"),
            Fault(
                testDescription: "L6 die while a child keeps the socket open", script: "fork-hold", status: .providerFailure, isFatal: true,
                words: "left the bus"),
            Fault(testDescription: "P5 R87 reply without status", script: "reply-without-status", status: .noError, objects: 3),
            Fault(
                testDescription: "L5 release without status", script: "release-without-status", status: .providerFailure, objects: 3,
                words: "without a status"),
            Fault(testDescription: "P7 L10 SetStatus twice", script: "status-twice", status: .noError, objects: 3),
            Fault(testDescription: "L10 Indicate after the status", script: "indicate-after-status", status: .noError, objects: 3),
            Fault(testDescription: "L9 Indicate after the end", script: "indicate-after-end", status: .noError, objects: 3),
            Fault(testDescription: "L9 a sink that never was", script: "unknown-sink", status: .noError, objects: 3),
            Fault(
                testDescription: "L3 transfer to a second process and die", script: "transfer-and-die", status: .noError, objects: 3,
                isFatal: true),
            Fault(
                testDescription: "L7 P2 R82 leak after status", script: "leak", status: .noError, objects: 3,
                options: ["--leak-grace", "0.3"]),
            Fault(testDescription: "L2 Release before the reply", script: "release-before-reply", status: .noError, objects: 3),
            Fault(testDescription: "L3 L5 Release too often", script: "release-too-often", status: .providerFailure),
            Fault(
                testDescription: "Design 3 10,000 Indicates without waiting", script: "flood", status: .providerFailure, objects: nil,
                words: "flooded", sync: .quotaViolation),
            Fault(
                testDescription: "Design 3 Indicate without wanting a reply", script: "indicate-without-reply", status: .providerFailure,
                objects: nil, words: "flooded"),
            Fault(
                testDescription: "L8 P1 R58 R131 never answer", script: "never", status: .providerTimedOut, options: ["--silence", "0.3"],
                words: "silent"),
            Fault(
                testDescription: "L8 P1 reply, then silence", script: "silent", status: .providerTimedOut, options: ["--silence", "0.3"],
                words: "silent"),
            Fault(testDescription: "Design 3 a misfit", script: "misfit", status: .invalidObject, words: "does not fit"),
            Fault(
                testDescription: "Design 3 an object past 8 MiB changes nothing",
                script: "reply 0 1; indicate 1 bytes 9000000; setstatus 0; release", status: .noError),
            Fault(testDescription: "Design 3 an object 17 deep changes nothing", script: "deep", status: .noError),
            Fault(testDescription: "a failed reply", script: "failed-reply", status: .notFound),
        ]

        @Test("L1 to L10: every fault ends with one final status", arguments: faults, CallForm.allCases)
        func enumeration(fault: Fault, form: CallForm) async throws {
            let scene = try await Scene.start(options: fault.options)
            var faulty = try await FaultyProcess.start(on: scene.bus)
            let operation = RawOperation.enumerate("Faulty_Thing")
            let open = try await scene.client.start(operation, form, context: [("FaultyScript", .string(fault.script))])
            // A bound, no measure: ten thousand calls take a debug build some seconds.
            let result = try await open.result(within: .seconds(30))
            let status = form == .sync ? fault.sync ?? fault.status : fault.status
            if fault.script == "flood", form == .sync {
                // The bus refuses a provider's 129th unanswered call: how many objects the broker ever sees, and whether it sees the
                // status, is the bus's to say. The Release wants no reply, and always comes.
                let isWithoutStatus = result.status == .providerFailure && result.message.contains("without a status")
                #expect(isWithoutStatus || [.quotaViolation, .noError].contains(result.status), "\(result.message)")
                // Nothing that the broker accepted is lost.
                let counters = try await scene.client.property(faulty.registrationPath, Contract.registration, "Counters").stringDictionary
                if result.status == .noError { #expect(counters?["Objects"] == .uint64(UInt64(result.objects.count))) }
            } else {
                #expect(result.status == status, "\(result.message)")
            }
            if status == fault.status { #expect(result.message.contains(fault.words), "\(result.message)") }
            // A synchronous reply has no room for objects beside an error.
            if let objects = fault.objects, form != .sync || fault.status.isSuccess { #expect(result.objects.count == objects) }
            if result.status == .providerFailure {
                #expect(result.details["__CLASS"]?.text == "CIMBus_ExtendedStatus")
                #expect(result.details["ProviderName"]?.text == "Faulty")
                #expect(result.details["ProviderProcessID"] == .uint32(UInt32(faulty.process.processID)))
                #expect(result.message.contains("provider Faulty (process \(faulty.process.processID))"))
            }
            if fault.isStopped {
                // L8: no new calls until it answers.
                try await scene.waitForState("unresponsive", of: faulty.registrationPath)
                #expect(try await scene.client.run(operation, form, within: .seconds(1)).status == .providerFailure)
                faulty.process.signal(SIGCONT)
                _ = try await scene.client.call(faulty.registrationPath, Contract.registration, "Ping")
            }
            if fault.script == "fork-hold" {
                let held = try await faulty.wait(for: "held ")
                if let child = held.first?.split(separator: " ").last.flatMap({ pid_t($0) }) { kill(child, SIGKILL) }
            }
            if fault.isFatal {
                try await scene.waitForState("absent", of: faulty.registrationPath)
                faulty = try await FaultyProcess.start(on: scene.bus)
            } else {
                try await faulty.wait(for: fault.script == "never" ? "silent" : "finished")
            }
            try await expectQuiet(scene, [open.sink], next: operation)
        }

        /// What must be the same whatever was asked.
        static let general = faults.filter {
            ["crash-before-reply", "crash-after-reply", "never"].contains($0.script)
        }

        @Test("L6 L8 P1 P4 for the other operations", arguments: general, CallForm.allCases)
        func otherOperations(fault: Fault, form: CallForm) async throws {
            let scene = try await Scene.start(options: fault.options)
            let key = "Faulty_Thing.Scenario=\"healthy\""
            let operations: [RawOperation] = [
                .get(key), .put([("__CLASS", .string("Faulty_Thing")), ("Scenario", .string("healthy"))]), .delete(key),
                .invoke(key, "Act"), .invoke("Faulty_Thing", "ActOnClass"),
            ]
            var faulty = try await FaultyProcess.start(on: scene.bus)
            for operation in operations {
                let open = try await scene.client.start(operation, form, context: [("FaultyScript", .string(fault.script))])
                let result = try await open.result(within: .seconds(5))
                #expect(result.status == fault.status, "\(operation): \(result.message)")
                #expect(result.message.contains(fault.words), "\(operation): \(result.message)")
                try await expectQuiet(scene, [open.sink])
                // A call that is never answered keeps its slot: every operation has a process of its own.
                try await faulty.process.killAndWait()
                try await scene.waitForState("absent", of: faulty.registrationPath)
                faulty = try await FaultyProcess.start(on: scene.bus)
                #expect(try await scene.client.run(operation, form).status == .noError)
            }
            try await expectQuiet(scene, next: operations[0])
        }

        @Test("L3 L10: a foreign sink is refused, and neither operation notices", arguments: CallForm.allCases)
        func foreignSink(form: CallForm) async throws {
            let scene = try await Scene.start()
            let victim = try await scene.provider()
            let go = Event<Void>("the victim to go on")
            victim.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await go.value()
                try await call.sink.indicate(batch(2))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            let sink = try await victim.calls.wait("the call") { !$0.isEmpty }[0].sink.path.text
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let script = "foreign \(sink) indicate 1; foreign \(sink) setstatus Failed; foreign \(sink) release; reply 0 0 auto"
            let result = try await scene.client.run(.enumerate("Faulty_Thing"), form, context: [("FaultyScript", .string(script))])
            #expect(result.status == .noError)
            #expect(result.objects.count == 3)
            #expect(try await faulty.wait(for: "step foreign", count: 3).allSatisfy { $0.contains("org.cimbus1.Error.AccessDenied") })
            go.send(())
            let own = try await open.result()
            #expect(own.status == .noError)
            #expect(own.objects.count == 2)
            victim.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L7: a leak is counted, and shown")
        func leakIsCounted() async throws {
            let scene = try await Scene.start("--leak-grace", "0.2")
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let result = try await scene.client.run(.enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("leak"))])
            #expect(result.status == .noError)
            let counters = try await scene.client.property(faulty.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Leaks"] == .uint64(1))
            #expect(try await scene.broker.count(of: "past its final status") > 0)
            try await expectQuiet(scene, next: .enumerate("Faulty_Thing"))
        }
    }
}
