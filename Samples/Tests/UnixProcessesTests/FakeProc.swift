import Glibc
import Testing

/// A folder that looks like a proc file system, removed at the end.
final class FakeProc {
    let root: String
    private var threads: [String: [String]] = [:]

    init() throws {
        var template = Array("/tmp/fake-proc-XXXXXX".utf8CString)
        root = try #require(mkdtemp(&template).map { String(cString: $0) })
        try write("stat", "cpu 1 2 3\nbtime 1700000000\n")
    }

    deinit {
        guard let folder = opendir(root) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            for thread in threads[name, default: []] {
                for file in ["stat", "status"] { unlink("\(root)/\(name)/task/\(thread)/\(file)") }
                rmdir("\(root)/\(name)/task/\(thread)")
            }
            rmdir("\(root)/\(name)/task")
            for file in ["stat", "status", "cmdline", "exe"] { unlink("\(root)/\(name)/\(file)") }
            if unlink("\(root)/\(name)") != 0 { rmdir("\(root)/\(name)") }
        }
        closedir(folder)
        rmdir(root)
    }

    func write(_ name: String, _ text: String) throws {
        let file = open("\(root)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    /// Adds a process, or makes it another.
    func add(
        _ id: String, name: String = "sleep", cmdline: String = "sleep\0 60\0", user: Int = 1000, nice: Int = 0, state: String = "S",
        threads: Int = 3, start: Int = 12345
    ) throws {
        try add(folder: id, id, name, user, nice, state, threads, start)
        try write("\(id)/cmdline", cmdline)
        symlink("/usr/bin/sleep", "\(root)/\(id)/exe")
    }

    func remove(_ id: String) {
        for file in ["stat", "status", "cmdline", "exe"] { unlink("\(root)/\(id)/\(file)") }
        rmdir("\(root)/\(id)")
    }

    func addThread(_ thread: String, of id: String, user: Int = 1000, nice: Int) throws {
        mkdir("\(root)/\(id)/task", 0o700)
        threads[id, default: []].append(thread)
        try add(folder: "\(id)/task/\(thread)", thread, "thread", user, nice)
    }

    /// Whoever looks takes the numbers in it for those of the system it runs on.
    func pretendToBeOwn() { symlink("\(getpid())", "\(root)/self") }

    private func add(
        folder: String, _ id: String, _ name: String, _ user: Int, _ nice: Int, _ state: String = "S", _ threads: Int = 3,
        _ start: Int = 12345
    ) throws {
        mkdir("\(root)/\(folder)", 0o700)
        try write(
            "\(folder)/stat",
            "\(id) (\(name)) \(state) 1 \(id) 7 34816 -1 4194304 100 0 2 0 250 50 0 0 20 \(nice) \(threads) 0 \(start) 8192000 512 18446744073709551615\n"
        )
        try write("\(folder)/status", "Name:\tx\nUid:\t\(user)\t\(user)\t1001\t\(user)\nGid:\t100\t100\t100\t100\n")
    }
}
