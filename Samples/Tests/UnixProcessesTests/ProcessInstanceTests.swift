import CIM
import Testing

@testable import UnixProcesses

@Suite struct ProcessInstanceTests {
    @Test("an instance has the keys of CIM_UnixProcess, and numbers in the units that the class states")
    func values() throws {
        let proc = try FakeProc()
        try proc.add("42", nice: -5)
        let table = ProcessTable(root: proc.root)
        let made = ProcessInstance(table)
        let instance = made.instance(try #require(table.process(42)))
        #expect(instance.className == "Linux_UnixProcess")
        for (key, value) in made.constantKeys { #expect(instance[key] == .string(value), "\(key)") }
        #expect(made.constantKeys.map(\.0) == ["CSCreationClassName", "CSName", "OSCreationClassName", "OSName", "CreationClassName"])
        #expect(instance["Handle"] == "42")
        #expect(instance["ParentProcessID"] == "1")
        #expect(instance["Parameters"] == .strings(["sleep", " 60"]))
        #expect(instance["ExecutablePath"] == "/usr/bin/sleep")
        #expect(instance["ExecutionState"] == .uint16(4))
        #expect(instance["Priority"] == .sint32(-5))
        #expect(instance["ProcessTTY"] == "34816")
        #expect(instance["RealUserID"] == .uint64(1000))
        // 250 and 50 ticks.
        #expect(instance["UserModeTime"] == .uint64(250 * 1000 / table.ticksPerSecond))
        #expect(instance["KernelModeTime"] == .uint64(50 * 1000 / table.ticksPerSecond))
        #expect(instance["VirtualSize"] == .uint64(8_192_000))
        #expect(instance["PageFaults"] == .uint64(102))
        let ticks = Int(table.ticksPerSecond)
        let started = CIMDateTime(
            secondsSince1970: 1_700_000_000 + Int64(12345 / ticks), microseconds: 12345 % ticks * 1_000_000 / ticks)
        #expect(instance["CreationDate"] == started.map { .datetime($0) })
    }

    @Test("states in CIM's numbers", arguments: zip(["R", "S", "D", "I", "Z", "X", "T", "t", "?"], [3, 4, 4, 4, 7, 7, 8, 8, 0]))
    func states(_ letter: String, _ number: UInt16) throws {
        #expect(ProcessInstance.executionState(try #require(letter.first)) == number)
    }

    @Test("a process chooses its name and arguments: what cannot be sent is left out")
    func names() throws {
        let proc = try FakeProc()
        try proc.add("42", name: "a\0b", cmdline: "a b\0\u{e9}\0")
        let table = ProcessTable(root: proc.root)
        let instance = ProcessInstance(table).instance(try #require(table.process(42)))
        #expect(instance["Name"] == "ab")
        #expect(instance["Parameters"] == .strings(["a b", "\u{e9}"]))
    }
}
