import CIM
import CIMRepository
import Glibc
import SeededRandom
import Testing
import WireTestKit

/// What was answered is there, whatever happens to the process (Design L11).
@Suite(.serialized) struct RepositoryDurabilityTests {
    @Test("Everything is there again: namespaces, classes, qualifier types, instances, provider definitions")
    func reopening() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        var before: [CIMInstance] = []
        var names: [String] = []
        var resolved: [CIMClass] = []
        do {
            let repository = try await Repository.open(path)
            try await repository.compile(
                """
                Qualifier Nice : uint8 = 3, Scope(any);
                class A { [key] string Name; uint32 Size = 5; [Nice] uint64 Large[4]; datetime When; void M([in] A ref Other); };
                [Description("below")] class B : A { real64 R = 1.5; char16 C = 'x'; object Any; };
                instance of B { Name = "x"; When = "20200101120000.000000+060"; Large = {1, 18446744073709551615}; };
                instance of MSFT_DecoupledProvider { Name = "P"; };
                """)
            try await repository.compile("class Z {};", in: .root)
            before = try await repository.all("A")
            names = repository.schema.classNames(in: .cimv2)
            resolved = names.compactMap { repository.schema.class($0, in: .cimv2) }
            await repository.close()
            #expect(try await status { try await repository.compile("class Late {};") } == .shuttingDown)
        }
        let repository = try await Repository.open(path)
        #expect(try await repository.all("A") == before)
        #expect(repository.schema.classNames(in: .cimv2) == names)
        #expect(names.compactMap { repository.schema.class($0, in: .cimv2) } == resolved)
        #expect(repository.schema.qualifierType("nice", in: .cimv2)?.defaultValue == .uint8(3))
        #expect(repository.schema.provider("p", in: .cimv2)?.className == "MSFT_DecoupledProvider")
        #expect(repository.schema.class("Z", in: .root) != nil)
        #expect(try await repository.count(of: "__CacheControl", deep: true, in: .root) == 5)
    }

    @Test("SIGKILL at any instant loses nothing that was answered, and leaves no half of a unit")
    func killed() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        var generator = SeededGenerator(seed: UInt64(getpid()))
        var answered: UInt32 = 0
        for round in 0..<40 {
            let child = try ChildProcess(BuildFolder.path(of: "RepositoryWriter"), [path])
            // From the first instant, when the file is being made, to some units later.
            let units = round < 6 ? 0 : Int.random(in: 1...12, using: &generator)
            let pause = Int.random(in: 0..<(round < 6 ? 3000 : 300), using: &generator)
            let last = answered
            let said = try await withDeadline(.seconds(20), "the writer's lines") {
                var said = last
                var wanted = units
                func kill() async {
                    for _ in 0..<pause { await Task.yield() }
                    child.signal(SIGKILL)
                }
                if wanted == 0 { await kill() }
                for await line in child.lines {
                    let words = line.split(separator: " ")
                    #expect(words.first != "error", "\(line)")
                    if words.first == "open" { #expect(words.last.flatMap { UInt32($0) } ?? 0 >= last) }
                    if words.count == 2, words[0] == "done", let number = UInt32(words[1]) { said = max(said, number) }
                    wanted -= 1
                    if wanted == 0 { await kill() }
                }
                return said
            }
            #expect(try await child.waitForEnd() == .signalled(SIGKILL))
            answered = try await check(path, answered: said)
        }
        #expect(answered > 20)
    }

    /// What is there is whole, and at least what was answered; how far it goes.
    private func check(_ path: String, answered: UInt32) async throws -> UInt32 {
        let repository = try await Repository.open(path)
        guard repository.schema.class("Counter", in: .cimv2) != nil else {
            #expect(answered == 0 && repository.schema.class("Pair", in: .cimv2) == nil)
            await repository.close()
            return 0
        }
        var stored: UInt32 = 0
        let counters = try await repository.all("Counter")
        if case .uint32(let value)? = counters.first?["Value"] { stored = value }
        #expect(stored == answered || stored == answered + 1)
        let pairs = try await repository.all("Pair")
        #expect(pairs.count == Int(stored) * 2)
        for half: UInt32 in 0...1 {
            let numbers = pairs.filter { $0["Half"] == .uint32(half) }.compactMap { $0["Number"]?.uint64Value }
            #expect(numbers.sorted() == (0..<stored).map { UInt64($0) + 1 })
        }
        #expect(repository.schema.children(of: "Pair", in: .cimv2).count == Int(stored / 4))
        await repository.close()
        return stored
    }

    @Test("One process at a time; the second is told so, and the lock ends with the first")
    func locked() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        do {
            let repository = try await Repository.open(path)
            #expect(try await status { _ = try await Repository.open(path) } == .backupRestoreWinmgmtRunning)
            let (text, end) = try await ChildProcess.output(BuildFolder.path(of: "RepositoryWriter"), [path])
            #expect(end == .exited(1) && text.contains(path) && text.contains("in use"))
            try await repository.compile("class A {};")
            await repository.close()
        }
        let again = try await Repository.open(path)
        #expect(again.schema.class("A", in: .cimv2) != nil)
    }

    @Test("A copy of the lock's descriptor, as a child process has between fork and exec, keeps nobody out of a repository that was closed")
    func lockedByACopy() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        let repository = try await Repository.open(path)
        let name = String(path.split(separator: "/").last ?? "") + ".lock"
        let copies = (Int32(0)..<1024).filter { descriptor in
            var target = [CChar](repeating: 0, count: 4096)
            guard readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1) > 0 else { return false }
            let text = String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return text.hasSuffix(name) && text.contains(folder.path)
        }.map { dup($0) }
        #expect(copies.count == 1)
        await repository.close()
        _ = try await Repository.open(path)
        for copy in copies { close(copy) }
    }

    @Test("A full disk changes nothing, and does not end the service")
    func full() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        let large = CIMInstance(className: "A", ["K": 1, "Text": .string(String(repeating: "x", count: 400_000))])
        do {
            let repository = try await Repository.open(path, maximumBytes: 200_000)
            try await repository.compile("class A { [key] uint32 K; string Text; };")
            #expect(try await status { try await repository.commit([.putInstance(large, in: .cimv2)]) } == .outOfDiskSpace)
            #expect(try await repository.all("A").isEmpty)
            try await repository.commit([.putInstance(CIMInstance(className: "A", ["K": 2]), in: .cimv2)])
            await repository.close()
        }
        let repository = try await Repository.open(path)
        #expect(try await repository.all("A").map { $0["K"] } == [.uint32(2)])
    }

    @Test("A commit is carried out also when its task is cancelled")
    func cancelled() async throws {
        let repository = try await Repository.inMemory()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await repository.commit([.putClass(CIMClass(name: "A"), in: .cimv2)])
        }
        try await task.value
        #expect(repository.schema.class("A", in: .cimv2) != nil)
    }
}
