import DBus
import Glibc
import WireTestKit

/// The CIM schema 2.49: compiled by the broker, beside pywbem on the same files in the same run.
extension Suite {
    /// `CIMBUS_CIM_SCHEMA`: where the DMTF's archive is unpacked. `CIMBUS_PYWBEM`: a Python that has pywbem.
    func schema() async throws {
        print("## The CIM schema 2.49\n")
        guard let directory = getenv("CIMBUS_CIM_SCHEMA").map({ String(cString: $0) }) else {
            return print("skipped: set CIMBUS_CIM_SCHEMA to where the DMTF's archive is unpacked\n")
        }
        let root = "\(directory)/cim_schema_2.49.0.mof"
        let python = getenv("CIMBUS_PYWBEM").map { String(cString: $0) }
        var ours: [Compiled] = []
        var theirs: [Compiled] = []
        for _ in 0..<(quick ? 2 : 5) {
            ours.append(try await compileHere(root))
            if let python { theirs.append(try await compileThere(python, root)) }
        }
        print("| | s, from the files to the end | s, of it the broker and the bus | peak memory, MiB |\n|---|---|---|---|")
        print("| cimbusd, in one transaction, to the disk | \(row(ours)) |")
        if theirs.isEmpty {
            print("| pywbem | skipped: set CIMBUS_PYWBEM to a Python that has it | | |")
        } else {
            print("| pywbem's mof_compiler, into memory | \(row(theirs)) |")
            print("\npywbem / cimbusd: **\(fixed(median(theirs.map(\.total)) / median(ours.map(\.total))))**")
        }
        try await warmReads(root)
    }

    /// How many times as fast as pywbem's compiler the command `cimctl mof compile` reads the whole schema, each from its start to its end; nil where
    /// one of them is not here.
    func pywbemToCommand() async throws -> Double? {
        guard let directory = getenv("CIMBUS_CIM_SCHEMA").map({ String(cString: $0) }),
            let python = getenv("CIMBUS_PYWBEM").map({ String(cString: $0) })
        else {
            print("- pywbem-command is skipped: set CIMBUS_CIM_SCHEMA and CIMBUS_PYWBEM")
            return nil
        }
        let root = "\(directory)/cim_schema_2.49.0.mof"
        var ours: [Double] = []
        var theirs: [Double] = []
        for _ in 0..<(quick ? 2 : 5) {
            let state = try StateDirectory()
            let bus = try await PrivateBus.start()
            let broker = try await serving(bus, state)
            let start = Role.nanoseconds()
            let command = try Stage.spawn(false, Stage.command, ["mof", "compile", "--address", bus.address, "-n", "root/cimv2", root])
            let status = try await command.waitForEnd(within: .seconds(120))
            ours.append(Double(Role.nanoseconds() - start) / 1e9)
            guard status == .exited(0) else { throw BenchError("cimctl mof compile ended with \(status)") }
            try await broker.killAndWait()
            withExtendedLifetime((bus, state)) {}
            theirs.append(try await compileThere(python, root).total)
        }
        print("- the CIM schema: cimctl \(fixed(median(ours))) s, pywbem's compiler without its start \(fixed(median(theirs))) s")
        return median(theirs) / median(ours)
    }

    private struct Compiled {
        var total: Double
        var inBroker: Double
        var memory: Double
    }

    private func row(_ all: [Compiled]) -> String {
        [median(all.map(\.total)), median(all.map(\.inBroker)), median(all.map(\.memory))].map(fixed).joined(separator: " | ")
    }

    /// A broker on a new repository, and the program beside it that reads the files.
    private func compileHere(_ root: String) async throws -> Compiled {
        let state = try StateDirectory()
        let bus = try await PrivateBus.start()
        let broker = try await serving(bus, state)
        let process = try Stage.spawn(false, Stage.program(), ["compile", bus.address, root])
        let fields = try await Stage.line(process, "the schema to be compiled").split(separator: " ").compactMap { Double($0) }
        guard fields.count == 3 else { throw BenchError("compile said \(fields)") }
        let memory = peakMemory("\(broker.processID)")
        _ = try await process.waitForEnd()
        try await broker.killAndWait()
        withExtendedLifetime((bus, state)) {}
        return Compiled(total: fields[1], inBroker: fields[2], memory: memory)
    }

    /// What its command does without a server: the same compiler with its repository in memory.
    private func compileThere(_ python: String, _ root: String) async throws -> Compiled {
        let script = """
            import os, resource, sys, time
            from pywbem import MOFCompiler, MOFWBEMConnection
            start = time.monotonic()
            repository = MOFWBEMConnection(conn=None)
            MOFCompiler(repository, search_paths=[os.path.dirname(sys.argv[1])], log_func=None).compile_file(sys.argv[1], "root/cimv2")
            seconds = time.monotonic() - start
            print(len(repository.classes["root/cimv2"]), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            """
        let process = try Stage.spawn(false, python, ["-c", script, root])
        let fields = try await Stage.line(process, "pywbem").split(separator: " ").compactMap { Double($0) }
        guard fields.count == 3 else { throw BenchError("pywbem said \(fields)") }
        _ = try await process.waitForEnd()
        return Compiled(total: fields[1], inBroker: fields[1], memory: fields[2])
    }

    /// What a warm GetObject of a class with six ancestors costs: its time, and the broker's system calls on the repository's files.
    private func warmReads(_ root: String) async throws {
        let state = try StateDirectory()
        let bus = try await PrivateBus.start()
        let broker = try await serving(bus, state)
        let compile = try Stage.spawn(false, Stage.program(), ["compile", bus.address, root])
        _ = try await Stage.line(compile, "the schema to be compiled")
        _ = try await compile.waitForEnd()
        let plain = try await readClass(bus, 1_000)
        let trace = try ChildProcess(
            "strace",
            ["-f", "-qq", "-y", "-o", "\(state.path)/trace", "-e", "trace=file,desc,fsync,fdatasync", "-p", "\(broker.processID)"])
        try await withDeadline(.seconds(10), "strace to attach") {
            while !ProcessStatus.isTraced(broker.processID) { await Task.yield() }
        }
        _ = try await readClass(bus, 1_000)
        try await broker.killAndWait()
        _ = try await trace.waitForEnd()
        let (lines, _) = try await ChildProcess.output(
            "/bin/sh", ["-c", "grep -c . '\(state.path)/trace'; grep -c repository.sqlite '\(state.path)/trace'"])
        withExtendedLifetime((bus, state)) {}
        let counts = lines.split(separator: "\n")
        print("\nwarm GetObject of \(plain)\n")
        print(
            "1000 more of them under strace: \(counts.first ?? "?") system calls of the broker, **\(counts.last ?? "?")** on the repository's files\n"
        )
    }

    private func readClass(_ bus: PrivateBus, _ count: Int) async throws -> String {
        let process = try Stage.spawn(false, Stage.program(), ["read-class", bus.address, "\(count)"])
        let line = try await Stage.line(process, "the classes to be read")
        _ = try await process.waitForEnd()
        return line
    }

    /// A broker with its repository on the disk, once it serves.
    private func serving(_ bus: PrivateBus, _ state: StateDirectory) async throws -> ChildProcess {
        let broker = try ChildProcess(
            "/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>&1", Stage.broker, "--address", bus.address, "--state", state.path])
        let line = try await Stage.line(broker, "cimbusd to serve")
        guard line.contains("serving org.cimbus1") else { throw BenchError(line) }
        return broker
    }
}

private enum ProcessStatus {
    static func isTraced(_ process: pid_t) -> Bool {
        guard let file = fopen("/proc/\(process)/status", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("TracerPid:") { return !text.hasSuffix("\t0\n") }
        }
        return false
    }
}

/// A directory for one broker's `--state`.
private final class StateDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cimbus-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchError("mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    deinit {
        for name in ["repository.sqlite", "repository.sqlite-journal", "repository.sqlite.lock", "trace"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
