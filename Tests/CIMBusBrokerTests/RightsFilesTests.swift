import CIMBusCore
import Glibc
import Testing

@testable import CIMBusBroker

/// Rules of rights as files: which count, in which order, and what is wrong with one.
@Suite final class RightsFilesTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/cimbus-rights-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        for name in ["etc", "lib"] { mkdir("\(folder)/\(name)", 0o755) }
    }

    deinit {
        for directory in ["etc", "lib"] {
            for name in ["10-a.conf", "20-b.conf", "30-c.conf", "x.txt", ".hidden.conf", "folder.conf"] {
                unlink("\(folder)/\(directory)/\(name)")
                rmdir("\(folder)/\(directory)/\(name)")
            }
            rmdir("\(folder)/\(directory)")
        }
        rmdir(folder)
    }

    private func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
        let file = try #require(fopen("\(folder)/\(path)", "w"))
        fputs(text, file)
        fclose(file)
        chmod("\(folder)/\(path)", mode)
    }

    private var files: RightsFiles {
        RightsFiles(directories: ["\(folder)/etc", "\(folder)/lib", "\(folder)/none"], owner: getuid())
    }

    private func fault() -> String? {
        do throws(RightsFiles.Fault) {
            _ = try files.read()
            return nil
        } catch {
            return error.description
        }
    }

    @Test("files are read in the order of their names, whatever directory they are in; an earlier directory's stands for a later one's")
    func order() throws {
        try write("lib/10-a.conf", "allow user:1 All **\nallow user:2 All **\n")
        try write("lib/20-b.conf", "allow user:3 All **\n")
        try write("lib/30-c.conf", "allow user:4 All **\n")
        try write("etc/20-b.conf", "# the site's\n\nallow user:5 All **")
        try write("etc/x.txt", "nonsense")
        try write("etc/.hidden.conf", "nonsense")
        let rules = try files.read()
        #expect(rules.map(\.principal) == [.user(1), .user(2), .user(5), .user(4)])
        #expect(rules[2].place == "\(folder)/etc/20-b.conf:3")
    }

    @Test("an empty file of the site's takes the rules of that name away; a directory that is not there has none")
    func none() throws {
        try write("lib/10-a.conf", "allow user:1 All **\n")
        try write("etc/10-a.conf", "")
        #expect(try files.read().isEmpty)
    }

    @Test("a fault is told with the file, the line and the reason, and no rule counts")
    func faults() throws {
        try write("etc/10-a.conf", "allow everyone Enable **\nallow everyone Everything **\n")
        #expect(fault()?.hasPrefix("\(folder)/etc/10-a.conf:2: \"Everything\" is no right") == true)
    }

    @Test("names of users and groups are the system's")
    func names() throws {
        try write("etc/10-a.conf", "allow user:root Enable **\nallow group:root Enable **\n")
        #expect(try files.read().map(\.principal) == [.user(0), .group(0)])
        try write("etc/10-a.conf", "allow user:no-such-user-here Enable **\n")
        #expect(fault()?.contains("there is no user \"no-such-user-here\"") == true)
    }

    @Test("a file that others may write is refused, with what to do", arguments: [0o664, 0o646] as [mode_t])
    func writable(mode: mode_t) throws {
        try write("etc/10-a.conf", "allow everyone Enable **\n", mode: mode)
        #expect(fault()?.contains("may be written by others than root and the broker's user; chown root") == true)
    }

    @Test("what is no file, no UTF-8 or too large is refused, and nothing waits for it")
    func strange() throws {
        mkdir("\(folder)/etc/folder.conf", 0o755)
        #expect(fault() == "\(folder)/etc/folder.conf is no file")
        rmdir("\(folder)/etc/folder.conf")
        mkfifo("\(folder)/etc/10-a.conf", 0o644)
        #expect(fault() == "\(folder)/etc/10-a.conf is no file")
        unlink("\(folder)/etc/10-a.conf")
        try write("etc/10-a.conf", String(repeating: "# much\n", count: 200_000))
        #expect(fault() == "\(folder)/etc/10-a.conf has more than 1 MiB")
        unlink("\(folder)/etc/10-a.conf")
        let file = try #require(fopen("\(folder)/etc/10-a.conf", "w"))
        fwrite([0xFF, 0xFE] as [UInt8], 1, 2, file)
        fclose(file)
        chmod("\(folder)/etc/10-a.conf", 0o644)
        #expect(fault() == "\(folder)/etc/10-a.conf is not UTF-8")
    }
}
