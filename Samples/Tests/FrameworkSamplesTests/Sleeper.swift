import CIM
import DBus
import Glibc
import Testing
import WireTestKit

/// A process that does nothing, for the sample of processes to be asked about. It is killed with the last reference to it.
struct Sleeper {
    let process: ChildProcess

    var id: pid_t { process.processID }
    var path: String { Self.path(id) }

    /// Starts `sleep` and waits until the provider says that it is that: at first it is what starts it.
    /// - Parameter user: nil: this process's own.
    static func start(as user: UInt32? = nil, on scene: Scene) async throws -> Sleeper {
        let prefix = user.map { ["setpriv", "--reuid", "\($0)", "--regid", "\($0)", "--clear-groups", "--pdeathsig", "KILL"] } ?? []
        let command = prefix + ["sleep", "600"]
        return try await start(ChildProcess(command[0], Array(command.dropFirst())), on: scene)
    }

    /// Waits for one that has been started.
    static func start(_ process: ChildProcess, on scene: Scene) async throws -> Sleeper {
        let sleeper = Sleeper(process: process)
        try await scene.eventually("process \(sleeper.id) to be asleep", within: .seconds(10)) {
            let seen = try await scene.client.run(.get(sleeper.path)).objects.first
            return seen?["Name"]?.text == "sleep" && seen?["State"]?.text == "S"
        }
        // It begins as these tests run, and some of them shall make it nicer. Who is not root leaves it so.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(sleeper.id), 0)
        return sleeper
    }

    /// The keys of a process of this machine.
    /// - Parameter others: values to take in place of the right ones.
    static func keys(_ id: pid_t, _ others: [String: String] = [:]) -> [(String, String)] {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let computer = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let right = [
            ("CSCreationClassName", "Linux_ComputerSystem"), ("CSName", computer), ("OSCreationClassName", "Linux_OperatingSystem"),
            ("OSName", "Linux"), ("CreationClassName", "Linux_UnixProcess"), ("Handle", "\(id)"),
        ]
        return right.map { ($0.0, others[$0.0] ?? $0.1) }
    }

    static func path(_ id: pid_t, _ others: [String: String] = [:]) -> String {
        "Linux_UnixProcess." + keys(id, others).map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
    }

    /// Kills it and says how it ended: a signal that came before would have ended it first.
    func endByKill() async throws -> ProcessEnd {
        process.signal(SIGKILL)
        return try await process.waitForEnd()
    }
}

extension BusTests {
    var updateOnly: Int32 { 1 }
    var createOnly: Int32 { 2 }

    /// A put of a process's keys and of these properties.
    func put(_ id: pid_t, _ properties: [(String, DBusValue)], _ others: [String: String] = [:]) -> RawOperation {
        .put([("__CLASS", .string("Linux_UnixProcess"))] + Sleeper.keys(id, others).map { ($0.0, .string($0.1)) } + properties)
    }

    /// The context of a put that writes these properties alone.
    func only(_ properties: String...) -> [(String, DBusValue)] {
        [("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(properties))]
    }

    /// Beside ``only(_:)``: what is written and has no value becomes NULL, or the put fails.
    var strictNulls: [(String, DBusValue)] { [("__PUT_EXT_STRICT_NULLS", .boolean(true))] }

    func sendSignal(_ number: Int32, _ path: String) -> RawOperation { .invoke(path, "SendSignal", [("signal", .int32(number))]) }

    /// An instance as a client reads it.
    func whole(_ sleeper: Sleeper, _ scene: Scene) async throws -> [String: DBusValue] {
        try #require(try await scene.client.run(.get(sleeper.path)).objects.first)
    }

    /// How an operation ends, also one that the broker refuses before it has begun.
    func outcome(
        of operation: RawOperation, _ form: CallForm, flags: Int32 = 0, context: [(String, DBusValue)] = [], _ scene: Scene
    ) async throws -> (status: WBEMStatus, message: String) {
        do {
            let result = try await scene.client.run(operation, form, flags: flags, context: context)
            return (result.status, result.message)
        } catch let error as DBusError {
            return (CIMError(error).status, "\(error)")
        }
    }

    /// What the kernel says: the 19th field of `stat`, proc(5).
    func niceValue(of id: pid_t) throws -> Int32 {
        let file = try #require(fopen("/proc/\(id)/stat", "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = fread(&buffer, 1, buffer.count, file)
        let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        return try #require(fields.count > 16 ? Int32(fields[16]) : nil)
    }

    /// Neither ended nor stopped, and nothing was sent to it: what ends it in the end is this test's signal.
    func expectUntouched(_ sleeper: Sleeper, _ scene: Scene, _ location: SourceLocation = #_sourceLocation) async throws {
        let seen = try await whole(sleeper, scene)
        #expect(seen["State"]?.text == "S", sourceLocation: location)
        #expect(try await sleeper.endByKill() == .signalled(SIGKILL), sourceLocation: location)
    }

    /// The broker has nothing open and says nothing is wrong; the provider is still there.
    func expectQuiet(_ scene: Scene, _ provider: Sample, _ location: SourceLocation = #_sourceLocation) async throws {
        #expect(try await scene.complaints() == [], sourceLocation: location)
        #expect(kill(provider.process.processID, 0) == 0 && !provider.log.all.contains("(end of output)"), sourceLocation: location)
    }
}
