import CIM
import DBus
import Glibc
import Testing
import WireTestKit

/// What the sample of processes refuses, and that a process which it refused to touch is as it was.
extension BusTests {
    @Test("R70, R74, R75: a put of what cannot be written, of a value out of range, or of no process changes nothing and says why")
    func putsThatAreRefused() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let sleeper = try await Sleeper.start(on: scene)
        let id = sleeper.id
        let before = try niceValue(of: id)
        let nicer: (String, DBusValue) = ("Priority", .int32(19))
        // No number of a process is as high.
        let nobody: pid_t = 1 << 22 + 1
        func expect(
            _ status: WBEMStatus, _ operation: RawOperation, flags: Int32 = 0, context: [(String, DBusValue)] = [],
            _ location: SourceLocation = #_sourceLocation
        ) async throws {
            for form in CallForm.allCases {
                let result = try await outcome(of: operation, form, flags: flags, context: context, scene)
                #expect(result.status == status, "\(form): \(result.message)", sourceLocation: location)
            }
        }
        try await expect(.readOnly, put(id, [nicer, ("Name", .string("other"))]))
        try await expect(.readOnly, put(id, [nicer, ("ParentProcessID", .string("1"))]))
        try await expect(.readOnly, put(id, [nicer, ("Name", .string("other"))]), context: only("Priority", "Name"))
        // A measurement that does not fit any more is no wish, unless it is named.
        try await expect(.readOnly, put(id, [nicer, ("ThreadCount", .uint32(99))]), context: only("Priority", "ThreadCount"))
        for nice in [-21, 20, Int32.max, .min] { try await expect(.valueOutOfRange, put(id, [("Priority", .int32(nice))])) }
        try await expect(.invalidObject, put(id, [("Priority", .string("high"))]))
        try await expect(.alreadyExists, put(id, [nicer]), flags: createOnly)
        // What shall be NULL and cannot, where the client insists on it.
        try await expect(.noError, put(id, []), context: only("Priority"))
        try await expect(.illegalNull, put(id, []), context: only("Priority") + strictNulls)
        try await expect(.illegalNull, put(id, []), context: only("Name") + strictNulls)

        try await expect(.providerNotCapable, put(nobody, [nicer]))
        try await expect(.providerNotCapable, put(nobody, [nicer]), flags: createOnly)
        try await expect(.notFound, put(nobody, [nicer]), flags: updateOnly)
        // Regression: each process has one spelling and is of this machine, also where a part is put.
        for handle in ["+\(id)", "0\(id)", " \(id)", "-\(id)", "0", "", "x"] {
            try await expect(.notFound, put(id, [nicer], ["Handle": handle]), flags: updateOnly, context: only("Priority"))
            try await expect(.notFound, .get(Sleeper.path(id, ["Handle": handle])))
        }
        for key in ["CSCreationClassName", "CSName", "OSCreationClassName", "OSName", "CreationClassName"] {
            try await expect(.notFound, put(id, [nicer], [key: "other"]), flags: updateOnly, context: only("Priority"))
            try await expect(.notFound, .delete(Sleeper.path(id, [key: "other"])))
            try await expect(.notFound, sendSignal(SIGTERM, Sleeper.path(id, [key: "other"])))
        }
        #expect(try niceValue(of: id) == before)
        try await expectUntouched(sleeper, scene)
        try await expectQuiet(scene, provider)
    }

    @Test("R99, R111: SendSignal wants a signal and a process")
    func signalsThatAreRefused() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", on: scene)
        let sleeper = try await Sleeper.start(on: scene)
        for form in CallForm.allCases {
            for number in [-1, 65, Int32.max] {
                let result = try await outcome(of: sendSignal(number, sleeper.path), form, scene)
                #expect(result.status == .invalidMethodParameters, "\(form) \(number): \(result.message)")
            }
            let without = try await outcome(of: .invoke(sleeper.path, "SendSignal"), form, scene)
            #expect(without.status == .invalidMethodParameters, "\(form): \(without.message)")
            let nobody = try await outcome(of: sendSignal(SIGTERM, Sleeper.path(1 << 22 + 1)), form, scene)
            #expect(nobody.status == .notFound, "\(form): \(nobody.message)")
            let everybody = try await outcome(of: sendSignal(SIGTERM, "Linux_UnixProcess"), form, scene)
            #expect(everybody.status == .invalidMethodParameters, "\(form): \(everybody.message)")
        }
        try await expectUntouched(sleeper, scene)
        try await expectQuiet(scene, provider)
    }

    @Test("processes in a folder that is not this system's are shown and not touched")
    func processesOfAnotherSystem() async throws {
        var template = Array("/tmp/other-proc-XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { rmdir(root) }
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--proc", root, on: scene)
        let process = try ChildProcess("sleep", ["600"])
        // The process is real, so that it would be seen if it were touched; its number might be anybody's.
        let link = "\(root)/\(process.processID)"
        #expect(symlink("/proc/\(process.processID)", link) == 0)
        defer { unlink(link) }
        let sleeper = try await Sleeper.start(process, on: scene)
        let before = try niceValue(of: sleeper.id)
        #expect(try await scene.client.run(.enumerate("Linux_UnixProcess")).objects.count == 1)
        for operation in [put(sleeper.id, [("Priority", .int32(19))]), .delete(sleeper.path), sendSignal(SIGTERM, sleeper.path)] {
            let result = try await scene.client.run(operation)
            #expect(result.status == .notSupported, "\(operation): \(result.message)")
        }
        #expect(try niceValue(of: sleeper.id) == before)
        #expect(try await sleeper.endByKill() == .signalled(SIGKILL))
        try await expectQuiet(scene, provider)
    }

    // MARK: - Another user

    @Test(
        "the client's user decides, not the provider's: another's process is AccessDenied and stays as it was, its own is not",
        .enabled(if: getuid() == 0, "only root can be two users"))
    func othersProcesses() async throws {
        let bus = try await PrivateBus.start(allUsers: true)
        let scene = try await Scene.start(bus: bus)
        let provider = try await start("UnixProcessProvider", on: scene)
        let (roots, own) = (try await Sleeper.start(on: scene), try await Sleeper.start(as: 65_534, on: scene))
        let before = try niceValue(of: roots.id)
        // Everybody sees everything.
        #expect(try await bus.callAsStranger(["GetObject", "sia{sv}", roots.path, "0", "0"]).contains("\"Handle\" s \"\(roots.id)\""))
        let denied = [
            try await bus.putAsStranger(roots, nice: 19), try await bus.signalAsStranger(roots, SIGTERM),
            try await bus.signalAsStranger(roots, 0), try await bus.deleteAsStranger(roots),
        ]
        for answer in denied { #expect(answer.contains(WBEMStatus.accessDenied.hex), "\(answer)") }
        #expect(try niceValue(of: roots.id) == before)
        try await expectUntouched(roots, scene)

        // The provider, which is root, does for a client what that could do itself, and no more.
        #expect(try await bus.putAsStranger(own, nice: 15).hasPrefix("s "))
        #expect(try niceValue(of: own.id) == 15)
        let lower = try await bus.putAsStranger(own, nice: 14)
        #expect(lower.contains(WBEMStatus.privilegeNotHeld.hex), "\(lower)")
        #expect(try niceValue(of: own.id) == 15)
        #expect(try await bus.signalAsStranger(own, SIGUSR1).contains("\"ReturnValue\" u 0"))
        #expect(try await own.process.waitForEnd() == .signalled(SIGUSR1))
        let second = try await Sleeper.start(as: 65_534, on: scene)
        let deleted = try await bus.deleteAsStranger(second)
        #expect(try await second.process.waitForEnd() == .signalled(SIGTERM), "\(deleted)")
        try await expectQuiet(scene, provider)
    }
}

extension PrivateBus {
    /// What `busctl` says, errors included, when user 65534 calls root/cimv2.
    fileprivate func callAsStranger(_ arguments: [String]) async throws -> String {
        let command = [
            "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(address)", "call", "org.cimbus1",
            RawClient.cimv2.text, "org.cimbus1.Services",
        ]
        return try await ChildProcess.output("/bin/sh", ["-c", "exec setpriv \"$@\" 2>&1", "sh"] + command + arguments).text
    }

    fileprivate func putAsStranger(_ sleeper: Sleeper, nice: Int) async throws -> String {
        let keys = Sleeper.keys(sleeper.id)
        return try await callAsStranger(
            ["PutInstance", "a{sv}ia{sv}", "\(keys.count + 2)", "__CLASS", "s", "Linux_UnixProcess", "Priority", "i", "\(nice)"]
                + keys.flatMap { [$0.0, "s", $0.1] } + ["0", "0"])
    }

    fileprivate func signalAsStranger(_ sleeper: Sleeper, _ number: Int32) async throws -> String {
        try await callAsStranger(["ExecMethod", "ssia{sv}a{sv}", sleeper.path, "SendSignal", "0", "0", "1", "signal", "i", "\(number)"])
    }

    fileprivate func deleteAsStranger(_ sleeper: Sleeper) async throws -> String {
        try await callAsStranger(["DeleteInstance", "sia{sv}", sleeper.path, "0", "0"])
    }
}
