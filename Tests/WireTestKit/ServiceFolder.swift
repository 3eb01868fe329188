import Glibc
import Synchronization

/// A folder of a test's own, with `.service` files. It is removed with the last reference to it.
public final class ServiceFolder: Sendable {
    public let path: String
    private struct State {
        var commands: [String: String] = [:]
        var observers: [@Sendable (String, String) -> Void] = []
    }
    private let state = Mutex(State())

    public init() throws {
        var template = Array("/tmp/cimbus-services-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    /// Writes the file that starts `name` on the bus with a command line.
    public func write(_ name: String, _ command: String) throws {
        guard let file = fopen("\(path)/\(name).service", "w") else { throw ProcessError(description: "fopen: errno \(errno)") }
        fputs("[D-BUS Service]\nName=\(name)\nExec=\(command)\n", file)
        fclose(file)
        let observers = state.withLock { state in
            state.commands[name] = command
            return state.observers
        }
        for observer in observers { observer(name, command) }
    }

    /// Tells of each name and its command line: of what is there, and of what is written later.
    func observe(_ observer: @escaping @Sendable (String, String) -> Void) {
        let commands = state.withLock { state in
            state.observers.append(observer)
            return state.commands
        }
        for (name, command) in commands { observer(name, command) }
    }

    deinit {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(folder)
        }
        rmdir(path)
    }
}
