import CIM
import DBus
import Glibc
import Testing
import WireTestKit

/// Processes as instances: the sample at a real broker, and real processes that are read, made nicer, signalled and deleted.
extension BusTests {
    @Test("a process that was just started is among those enumerated, whole: its keys, its parent, its types")
    func processIsRead() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let sleeper = try await Sleeper.start(on: scene)
        let own = try niceValue(of: sleeper.id)
        for form in CallForm.allCases {
            let all = try await scene.client.run(.enumerate("Linux_UnixProcess"), form)
            #expect(all.status == .noError, "\(all.message)")
            let found = all.objects.filter { $0["Handle"] == .string("\(sleeper.id)") }
            let one = try await scene.client.run(.get(sleeper.path), form)
            #expect(one.status == .noError, "\(one.message)")
            for process in found + one.objects {
                for (key, value) in Sleeper.keys(sleeper.id) { #expect(process[key] == .string(value), "\(form) \(key)") }
                #expect(process["ParentProcessID"] == .string("\(getpid())"))
                #expect(process["Name"] == .string("sleep"))
                #expect(process["Parameters"] == .strings(["sleep", "600"]))
                #expect(process["ExecutionState"] == .uint16(4))
                #expect(process["Priority"] == .int32(own))
                #expect(process["RealUserID"] == .uint64(UInt64(getuid())))
                #expect(process["ThreadCount"] == .uint32(1))
                #expect(process["CreationDate"]?.text?.count == 25)
            }
            #expect(found.count == 1 && one.objects.count == 1, "\(form)")
        }
        try await expectQuiet(scene, provider)
    }

    @Test(
        "R50, R51, R66, R71: a put of Priority, of the whole instance and of this property alone, is what GetObject and the kernel say then"
    )
    func processIsMadeNicer() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let sleeper = try await Sleeper.start(on: scene)
        func expectNice(_ nice: Int32, _ what: String) async throws {
            #expect(try await scene.client.run(.get(sleeper.path)).objects.first?["Priority"] == .int32(nice), "\(what)")
            #expect(try niceValue(of: sleeper.id) == nice, "\(what)")
        }
        // Rising, so that it needs no privilege. A client may put back what it has read, and its measurements have changed by then.
        for (nice, form) in zip([16, 17, 18] as [Int32], CallForm.allCases) {
            var instance = try await whole(sleeper, scene)
            instance["Priority"] = .int32(nice)
            instance["PageFaults"] = .uint64(1)
            let result = try await scene.client.run(.put(instance.map { ($0.key, $0.value) }), form)
            #expect(result.status == .noError, "\(form): \(result.message)")
            #expect(try CIMObjectPath(parsing: result.parameter) == CIMObjectPath(parsing: sleeper.path), "\(form): \(result.parameter)")
            try await expectNice(nice, "\(form)")
        }
        // Regression: keys that are NULL are the provider's to choose, and the path says which they became.
        let short: [(String, DBusValue)] = [
            ("__CLASS", .string("Linux_UnixProcess")), ("Handle", .string("\(sleeper.id)")), ("Priority", .int32(18)),
        ]
        let chosen = try await scene.client.run(.put(short))
        #expect(chosen.status == .noError, "\(chosen.message)")
        #expect(try CIMObjectPath(parsing: chosen.parameter) == CIMObjectPath(parsing: sleeper.path), "\(chosen.parameter)")
        // Keys have no case.
        let computer = Sleeper.keys(sleeper.id)[1].1.uppercased()
        let loud = try await scene.client.run(put(sleeper.id, [("Priority", .int32(18))], ["CSName": computer]))
        #expect(loud.status == .noError, "\(loud.message)")
        // Of what is not listed nothing is looked at.
        let part = put(sleeper.id, [("Priority", .int32(19)), ("Name", .string("other"))])
        #expect(try await scene.client.run(part, context: only("Priority")).status == .noError)
        try await expectNice(19, "in part")
        #expect(try await scene.client.run(put(sleeper.id, [("Priority", .int32(3))]), context: only("Name")).status == .noError)
        #expect(try await scene.client.run(put(sleeper.id, [])).status == .noError)
        try await expectNice(19, "without Priority")
        // Down again: only root, and not where root has lost that right.
        let mayLower = getuid() == 0 && setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(sleeper.id), 18) == 0
        let lowered = try await scene.client.run(put(sleeper.id, [("Priority", .int32(2))]), flags: updateOnly)
        #expect(lowered.status == (mayLower ? .noError : .privilegeNotHeld), "\(lowered.message)")
        try await expectNice(mayLower ? 2 : 19, "lowered")
        try await expectQuiet(scene, provider)
    }

    @Test("R92, R103, R105, R112: SendSignal sends this signal to this process, and returns 0")
    func processIsSignalled() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let bystander = try await Sleeper.start(on: scene)
        for (number, form) in zip([SIGTERM, SIGUSR1, SIGKILL], CallForm.allCases) {
            let sleeper = try await Sleeper.start(on: scene)
            // 0 only asks.
            for number in [0, number] {
                let result = try await scene.client.run(sendSignal(number, sleeper.path), form)
                #expect(result.status == .noError, "\(form) \(number): \(result.message)")
                #expect(result.objects.count == 1)
                #expect(result.objects.first?["__CLASS"]?.text == "__PARAMETERS")
                #expect(result.objects.first?["ReturnValue"] == .uint32(0))
            }
            #expect(try await sleeper.process.waitForEnd() == .signalled(number), "\(form)")
            #expect(try await scene.client.run(sendSignal(0, sleeper.path), form).status == .notFound, "\(form)")
        }
        // One that stays: stopped and gone on.
        for (number, state) in [(SIGSTOP, "T"), (SIGCONT, "S")] {
            #expect(try await scene.client.run(sendSignal(number, bystander.path)).status == .noError)
            try await scene.eventually("\(bystander.path) to be in state \(state)") {
                try await scene.client.run(.get(bystander.path)).objects.first?["State"]?.text == state
            }
        }
        try await expectUntouched(bystander, scene)
        try await expectQuiet(scene, provider)
    }

    @Test("R119, R120: who deletes an instance terminates the process, and then it is NotFound")
    func processIsDeleted() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let bystander = try await Sleeper.start(on: scene)
        for form in CallForm.allCases {
            let sleeper = try await Sleeper.start(on: scene)
            let result = try await scene.client.run(.delete(sleeper.path), form)
            #expect(result.status == .noError, "\(form): \(result.message)")
            #expect(try await sleeper.process.waitForEnd() == .signalled(SIGTERM), "\(form)")
            #expect(try await scene.client.run(.get(sleeper.path), form).status == .notFound, "\(form)")
            #expect(try await scene.client.run(.delete(sleeper.path), form).status == .notFound, "\(form)")
            let handles = try await scene.client.run(.enumerate("Linux_UnixProcess"), form).objects.map { $0["Handle"]?.text }
            #expect(handles.contains("\(bystander.id)") && !handles.contains("\(sleeper.id)"), "\(form)")
        }
        try await expectUntouched(bystander, scene)
        try await expectQuiet(scene, provider)
    }
}
