import Glibc
import Testing

/// A folder that looks like /sys/class/net, removed at the end.
final class FakeNetwork {
    let root: String
    private var files: [String] = []
    private var folders: [String] = []

    init() throws {
        var template = Array("/tmp/fake-net-XXXXXX".utf8CString)
        root = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        for file in files { unlink(file) }
        for folder in folders + [root] { rmdir(folder) }
    }

    func add(_ name: String, _ contents: [String: String]) throws {
        let folder = "\(root)/\(name)"
        mkdir(folder, 0o700)
        folders.append(folder)
        for (file, text) in contents {
            let descriptor = open("\(folder)/\(file)", O_WRONLY | O_CREAT, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            files.append("\(folder)/\(file)")
            let bytes = Array((text + "\n").utf8)
            try #require(write(descriptor, bytes, bytes.count) == bytes.count)
        }
    }
}
