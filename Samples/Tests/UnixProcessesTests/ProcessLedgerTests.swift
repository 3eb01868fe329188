import Testing

@testable import UnixProcesses

/// What becomes of the kernel's messages: without a socket, with a folder that looks like a proc file system.
@Suite struct ProcessLedgerTests {
    /// The ledger, and the processes that it finds.
    private struct Scene {
        let proc: FakeProc
        let table: ProcessTable
        var ledger: ProcessLedger

        init(_ ids: String...) throws {
            proc = try FakeProc()
            for id in ids { try proc.add(id) }
            table = ProcessTable(root: proc.root)
            ledger = ProcessLedger(table.processes)
        }

        mutating func take(_ message: KernelMessage) -> [String] { told(ledger.take(message) { table.process($0) }) }
        mutating func synchronize() -> [String] { told(ledger.synchronize(table.processes)) }

        private func told(_ changes: [ProcessLedger.Change]) -> [String] {
            let instances = ProcessInstance(table)
            func text(_ state: ProcessState) -> String {
                let instance = instances.instance(state)
                return ["Handle", "ParentProcessID", "Name"].map { instance[$0]?.stringValue ?? "-" }.joined(separator: " ")
            }
            return changes.map { change in
                switch change {
                case .created(let state): "+ " + text(state)
                case .modified(let state, let before): "* " + text(before) + " > " + text(state)
                case .deleted(let state): "- " + text(state)
                }
            }
        }
    }

    @Test("EV1, EV12: a process begins, becomes another program, and ends as it was last seen")
    func life() throws {
        var scene = try Scene("1")
        try scene.proc.add("42", name: "sh", cmdline: "sh\0")
        #expect(scene.take(.forked(42, parent: 1)) == ["+ 42 1 sh"])
        try scene.proc.add("42", name: "sleep")
        #expect(scene.take(.executed(42)) == ["* 42 1 sh > 42 1 sleep"])
        // Nothing of it is another now.
        #expect(scene.take(.changed(42)) == [])
        scene.proc.remove("42")
        #expect(scene.take(.ended(42)) == ["- 42 1 sleep"])
        #expect(scene.take(.ended(42)) == [])
    }

    @Test(
        "EV12: a process that is gone before it is read has its handle, and what it had of its parent; of its program nothing once it has another"
    )
    func gone() throws {
        var scene = try Scene("7")
        #expect(scene.take(.forked(42, parent: 7)) == ["+ 42 7 sleep"])
        #expect(scene.take(.executed(42)) == ["* 42 7 sleep > 42 7 -"])
        #expect(scene.take(.ended(42)) == ["- 42 7 -"])
        #expect(scene.take(.forked(43, parent: 9)) == ["+ 43 9 -"])
        #expect(scene.take(.ended(43)) == ["- 43 9 -"])
        let state = ProcessState(43, parent: 7, copyOf: ProcessState(try #require(scene.table.process(7))))
        let instance = ProcessInstance(scene.table).instance(state)
        #expect(instance["RealUserID"] == .uint64(1000) && instance["Handle"] == "43" && instance["CreationDate"] == nil)
        #expect(instance["WorkingSetSize"] == nil && instance["ProcessTTY"] == "34816")
    }

    @Test("EV28: what was there before anybody listened is told when it ends, and not as begun; what the first look saw by chance is")
    func before() throws {
        var scene = try Scene("1", "42")
        #expect(scene.take(.forked(42, parent: 1)) == ["+ 42 1 sleep"])
        #expect(scene.take(.forked(42, parent: 1)) == [])
        #expect(scene.take(.ended(1)) == [])
        scene.proc.remove("1")
        #expect(scene.take(.ended(1)) == ["- 1 1 sleep"])
    }

    @Test("a process ends with its last thread, and a first thread that exec took the place of has not ended it")
    func threads() throws {
        var scene = try Scene("42")
        try scene.proc.add("42", state: "Z", threads: 2)
        #expect(scene.take(.ended(42)) == [])
        #expect(scene.take(.threadEnded(of: 42)) == [])
        try scene.proc.add("42", state: "Z", threads: 1)
        #expect(scene.take(.threadEnded(of: 42)) == ["- 42 1 sleep"])
        try scene.proc.add("43", name: "new")
        _ = scene.take(.forked(43, parent: 1))
        #expect(scene.take(.ended(43)) == [])
        #expect(scene.take(.threadEnded(of: 43)) == [])
    }

    @Test("EV67: after a loss what is there is compared with what was known: begun, ended, changed, and a number that was given anew")
    func synchronize() throws {
        var scene = try Scene("1", "2", "3")
        scene.proc.remove("2")
        try scene.proc.add("3", name: "other")
        try scene.proc.add("4", name: "new")
        try scene.proc.add("5", name: "dead", state: "Z", threads: 1)
        try scene.proc.add("1", start: 999)
        #expect(scene.synchronize() == ["- 1 1 sleep", "+ 1 1 sleep", "* 3 1 sleep > 3 1 other", "+ 4 1 new", "- 2 1 sleep"])
        #expect(scene.synchronize() == [])
        // Messages that were on their way tell nothing twice.
        #expect(scene.take(.forked(4, parent: 1)) == [])
        #expect(scene.take(.ended(2)) == [])
        // Of a process whose message was lost, and which is gone, nobody is told anything.
        #expect(scene.take(.executed(77)) == [])
        #expect(scene.take(.ended(77)) == [])
    }

    @Test("a number that is given anew before its end was heard of is the end of one and the beginning of another")
    func reused() throws {
        var scene = try Scene("1", "42")
        try scene.proc.add("42", name: "second", start: 999)
        #expect(scene.take(.forked(42, parent: 1)) == ["- 42 1 sleep", "+ 42 1 second"])
    }

    @Test("of a command line 4 KiB are remembered")
    func arguments() throws {
        var scene = try Scene("1")
        let long = (0..<4_000).map { "\($0)" }.joined(separator: "\0") + "\0"
        try scene.proc.add("42", cmdline: long)
        _ = scene.take(.forked(42, parent: 1))
        let state = ProcessState(try #require(scene.table.process(42)))
        #expect((100..<1_000).contains(state.seen?.arguments.count ?? 0))
        let one = String(repeating: "x", count: 100_000)
        try scene.proc.add("43", cmdline: one + "\0")
        #expect(ProcessState(try #require(scene.table.process(43))).seen?.arguments == [])
    }
}
