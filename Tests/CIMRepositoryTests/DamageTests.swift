import CIM
import CSQLite
import Glibc
import SeededRandom
import Testing
import WireTestKit

@testable import CIMRepository

/// A file that is not what was written is reported, not served and not overwritten .
@Suite(.serialized) struct DamageTests {
    private func sample(_ path: String) async throws -> (classes: [CIMClass], instances: [CIMInstance]) {
        let repository = try await Repository.open(path)
        try await repository.compile(
            """
            Qualifier Nice : uint8 = 3, Scope(any);
            [Description("the first")] class A { [key] string Name; uint32 Size = 5; string Text; };
            class B : A { string More; };
            instance of A { Name = "one"; Text = "\(String(repeating: "long ", count: 900))"; };
            instance of B { Name = "two"; More = "m"; };
            """)
        return try await content(repository)
    }

    /// Everything there is, and then closes the repository.
    private func content(_ repository: Repository) async throws -> (classes: [CIMClass], instances: [CIMInstance]) {
        let schema = repository.schema
        let classes = schema.classNames(in: .cimv2).compactMap { schema.class($0, in: .cimv2) }
        let instances: Result<[CIMInstance], any Error>
        do { instances = .success(try await repository.all("A")) } catch { instances = .failure(error) }
        await repository.close()
        return (classes, try instances.get())
    }

    @Test("Flipped bytes anywhere: an error that names the file, or exactly what was written; the file stays as it is")
    func flipped() async throws {
        let folder = try ScratchFolder()
        let good = folder.file("good.db")
        let (classes, instances) = try await sample(good)
        let bytes = try ScratchFolder.read(good)
        let bad = folder.file("bad.db")
        var generator = SeededGenerator(seed: 7)
        var found = 0
        for round in 0..<250 {
            var damaged = bytes
            let position = round < 60 ? round * 2 : Int.random(in: 0..<bytes.count, using: &generator)
            for offset in 0..<Int.random(in: 1...40, using: &generator) where position + offset < damaged.count {
                damaged[position + offset] ^= UInt8.random(in: 1...255, using: &generator)
            }
            try ScratchFolder.write(damaged, to: bad)
            do {
                let (seen, read) = try await content(try await Repository.open(bad))
                #expect(seen == classes && read == instances, "served damage at \(position)")
            } catch let error as CIMError {
                found += 1
                #expect(error.message.contains(bad), "\(error)")
                #expect(try ScratchFolder.read(bad) == damaged, "overwritten: damage at \(position)")
            }
        }
        #expect(found > 60)
    }

    @Test("Each byte of a stored class and of a stored instance is covered by a checksum")
    func covered() async throws {
        let folder = try ScratchFolder()
        let good = folder.file("good.db")
        _ = try await sample(good)
        let bytes = try ScratchFolder.read(good)
        let bad = folder.file("bad.db")
        for text in ["the first", "long long"] {
            let position = try #require(bytes.firstRange(of: Array(text.utf8))?.lowerBound)
            var damaged = bytes
            damaged[position + 4] ^= 1
            try ScratchFolder.write(damaged, to: bad)
            let failure = try await status { _ = try await content(try await Repository.open(bad)) }
            #expect(failure == .criticalError, "\(text)")
        }
    }

    /// - Returns: whether the tables allow the change.
    private func changes(_ path: String, _ change: String) throws -> Bool {
        do throws(SQLiteError) {
            try Database(path).execute(change)
            return true
        } catch {
            if error.primary == SQLITE_CONSTRAINT { return false }
            throw error
        }
    }

    @Test("Rows that are lost, moved or changed from outside are noticed: at opening, an instance when it is read")
    func rows() async throws {
        let folder = try ScratchFolder()
        let good = folder.file("good.db")
        _ = try await sample(good)
        let bytes = try ScratchFolder.read(good)
        let bad = folder.file("bad.db")
        for change in [
            "DELETE FROM class WHERE name = 'b'", "DELETE FROM qualifierType", "DELETE FROM namespace WHERE name = 'root/cimv2'",
            "UPDATE class SET name = 'c' WHERE name = 'b'", "UPDATE class SET namespace = 'root'",
            "UPDATE class SET body = (SELECT body FROM class WHERE name = 'a') WHERE name = 'b'",
            "UPDATE namespace SET name = 'root/other' WHERE name = 'root/cimv2'",
            "UPDATE instance SET key = 'a.name=\"six\"' WHERE class = 'a'",
            "UPDATE instance SET body = x'01' WHERE class = 'a'", "UPDATE instance SET checksum = NULL WHERE class = 'a'",
            "UPDATE instance SET class = 'a' WHERE class = 'b'", "DROP TABLE qualifierType",
            "DROP INDEX instanceOfClass; DROP TABLE instance",
        ] {
            try ScratchFolder.write(bytes, to: bad)
            if try !changes(bad, change) { continue }
            let failure = try await status { _ = try await content(try await Repository.open(bad)) }
            #expect(failure == .criticalError, "\(change)")
        }
    }

    @Test("A file cut off anywhere is refused, an empty one too")
    func truncated() async throws {
        let folder = try ScratchFolder()
        let good = folder.file("good.db")
        _ = try await sample(good)
        let bytes = try ScratchFolder.read(good)
        let bad = folder.file("bad.db")
        for length in [0, 1, 15, 16, 99, 100, 101, 4095, 4096, 8192, bytes.count / 2, bytes.count - 4096, bytes.count - 1] {
            try ScratchFolder.write(Array(bytes[..<length]), to: bad)
            #expect(try await status { _ = try await Repository.open(bad) } != nil, "\(length) of \(bytes.count) bytes")
            #expect(try ScratchFolder.read(bad).count == length)
        }
    }

    @Test("What is no repository, or one of another version, is left alone")
    func others() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        try ScratchFolder.write(
            Array("This is a letter to my aunt, and longer than the header of a database is, as letters are.".utf8)
                + Array(repeating: 0x20, count: 5000), to: path)
        #expect(try await status { _ = try await Repository.open(path) } == .criticalError)
        let good = folder.file("good.db")
        _ = try await sample(good)
        var bytes = try ScratchFolder.read(good)
        bytes[63] = 9  // user_version
        try ScratchFolder.write(bytes, to: path)
        #expect(try await status { _ = try await Repository.open(path) } == .databaseVerMismatch)
        bytes[63] = 1
        bytes[68] = 0  // application_id
        try ScratchFolder.write(bytes, to: path)
        #expect(try await status { _ = try await Repository.open(path) } == .criticalError)
        #expect(try ScratchFolder.read(path) == bytes)
    }

    @Test("A directory that is not there, a directory in its place, a journal without its file")
    func places() async throws {
        let folder = try ScratchFolder()
        #expect(try await status { _ = try await Repository.open(folder.file("no/such/folder.db")) } == .connectionFailed)
        #expect(try await status { _ = try await Repository.open("/tmp") } != nil)
        let path = folder.file()
        try ScratchFolder.write([1, 2, 3], to: path + "-journal")
        #expect(try await status { _ = try await Repository.open(path) } == .criticalError)
        #expect(try ScratchFolder.read(path + "-journal") == [1, 2, 3])
        unlink(path + "-journal")
        // What a crash leaves while the file is made.
        try ScratchFolder.write([1, 2, 3], to: path + ".new")
        #expect(try await Repository.open(path).schema.hasNamespace(.cimv2))
    }

    @Test("A file that may only be read is refused", .enabled(if: getuid() == 0, "needs root, to become another user"))
    func readOnly() async throws {
        let folder = try ScratchFolder()
        let path = folder.file()
        _ = try await sample(path)
        chmod(folder.path, 0o755)
        chmod(path, 0o444)
        chmod(path + ".lock", 0o666)
        let (text, end) = try await ChildProcess.output(BuildFolder.path(of: "RepositoryWriter"), [path, "65534"])
        #expect(end == .exited(1) && text.contains(path) && text.contains("write"), "\(text)")
    }
}
