import Glibc
import Testing

@testable import UnixProcesses

@Suite struct ProcessTableTests {
    @Test func readsWhatTheKernelTells() throws {
        let proc = try FakeProc()
        try proc.add("42")
        let process = try #require(ProcessTable(root: proc.root).process(42))
        #expect(process.name == "sleep")
        #expect(process.state == "S")
        #expect(process.parent == 1)
        #expect(process.session == 7)
        #expect(process.userTime == 250)
        #expect(process.kernelTime == 50)
        #expect(process.threads == 3)
        #expect(process.pageFaults == 102)
        #expect(process.virtualSize == 8_192_000)
        #expect(process.realUser == 1000)
        #expect(process.savedUser == 1001)
        #expect(process.arguments == ["sleep", " 60"])
        #expect(process.executable == "/usr/bin/sleep")
    }

    @Test func aNameMayHoldParenthesesAndSpaces() throws {
        let proc = try FakeProc()
        try proc.add("7", name: "a) S 9 9 (b")
        let process = try #require(ProcessTable(root: proc.root).process(7))
        #expect(process.name == "a) S 9 9 (b")
        #expect(process.parent == 1)
    }

    @Test func emptyArgumentsAreKept() throws {
        let proc = try FakeProc()
        try proc.add("8", cmdline: "x\0\0y\0")
        #expect(try #require(ProcessTable(root: proc.root).process(8)).arguments == ["x", "", "y"])
        try proc.add("9", cmdline: "")
        #expect(try #require(ProcessTable(root: proc.root).process(9)).arguments == [])
    }

    @Test func aProcessThatVanishesIsLeftOut() throws {
        let proc = try FakeProc()
        try proc.add("5")
        unlink("\(proc.root)/5/status")
        let table = ProcessTable(root: proc.root)
        #expect(table.identifiers == [5])
        #expect(table.process(5) == nil)
        #expect(table.process(6) == nil)
    }

    @Test func numbersTooLargeForAProcessAreNoProcesses() throws {
        let proc = try FakeProc()
        try proc.add("4194304")
        mkdir("\(proc.root)/99999999999999", 0o700)
        mkdir("\(proc.root)/self", 0o700)
        #expect(ProcessTable(root: proc.root).identifiers == [4_194_304])
    }

    @Test(arguments: ["", "5", "5 (x", "5 (x) S", "x (y) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"])
    func nonsenseIsNoProcess(_ stat: String) throws {
        let proc = try FakeProc()
        try proc.add("5")
        try proc.write("5/stat", stat)
        #expect(ProcessTable(root: proc.root).process(5) == nil)
    }

    @Test func processesOfAnotherSystemAreNotTouched() throws {
        let proc = try FakeProc()
        try proc.add("42")
        let table = ProcessTable(root: proc.root)
        #expect(throws: ProcessTable.Refusal.foreign) { try table.signal(42, 0, for: 0) }
        #expect(throws: ProcessTable.Refusal.foreign) { try table.setNice(42, 5, for: 0) }
    }

    @Test func theClientsUserDecides() throws {
        let proc = try FakeProc()
        try proc.add("42", user: 1000)
        let process = try #require(ProcessTable(root: proc.root).process(42))
        #expect(process.maySignal(0))
        #expect(process.maySignal(1000))
        #expect(process.maySignal(1001), "the saved user may: kill(2)")
        #expect(!process.maySignal(1002))
        #expect(!process.maySetNice(1001))
    }

    @Test("regression: who may not lower a nice value may lower that of no thread, whatever the first thread's is")
    func niceOfThreads() throws {
        let proc = try FakeProc()
        proc.pretendToBeOwn()
        // Above every number that the kernel gives: whatever the code does, it does to no process.
        try proc.add("4194305", user: 1000, nice: 0)
        try proc.addThread("4194305", of: "4194305", nice: 0)
        try proc.addThread("4194306", of: "4194305", nice: 10)
        let table = ProcessTable(root: proc.root)
        #expect(throws: ProcessTable.Refusal.privilegeNeeded) { try table.setNice(4_194_305, 5, for: 1000) }
        // These ask the kernel, which knows none of the threads.
        #expect(throws: ProcessTable.Refusal.vanished) { try table.setNice(4_194_305, 10, for: 1000) }
        #expect(throws: ProcessTable.Refusal.vanished) { try table.setNice(4_194_305, 5, for: 0) }
    }

    @Test func thisProcessCanBeAskedAbout() throws {
        let table = ProcessTable()
        let mine = try #require(table.process(getpid()))
        #expect(mine.realUser == getuid())
        try table.signal(getpid(), 0, for: getuid())
        #expect(throws: ProcessTable.Refusal.denied) { try table.signal(getpid(), 0, for: getuid() &+ 12345) }
        if mine.nice < 19 {
            #expect(throws: ProcessTable.Refusal.denied) { try table.setNice(getpid(), 19, for: getuid() &+ 12345) }
        }
    }
}
