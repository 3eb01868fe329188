import Glibc

/// Folders and files of configuration.
enum Folder {
    /// Where files of a kind are, the first to be read first: those of packages, of the site, of the user; or where a variable of the environment says.
    /// - Parameters:
    ///   - name: of the folders, such as `aliases.d`.
    ///   - own: the variable, which has folders with colons between them.
    static func configuration(_ name: String, orOf own: String) -> [String] {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        if let own = variable(own) { return own.split(separator: ":").map(String.init) }
        let home = variable("XDG_CONFIG_HOME") ?? variable("HOME").map { $0 + "/.config" }
        return ["/usr/share/cimbus/\(name)", "/etc/cimbus/\(name)"] + (home.map { ["\($0)/cimbus/\(name)"] } ?? [])
    }

    /// Gives each `*.conf` of these folders to `read`, in their order. What cannot be read is a fault.
    static func read(_ folders: [String], _ read: (_ text: String, _ file: String) -> Void) -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        for folder in folders {
            for name in entries(of: folder) where name.hasSuffix(".conf") {
                let file = "\(folder)/\(name)"
                guard let text = text(of: file) else {
                    faults.append(ConfigurationFault(file: file, line: 0, reason: "it cannot be read: \(String(cString: strerror(errno)))"))
                    continue
                }
                read(text, file)
            }
        }
        return faults
    }

    /// The names in a folder, sorted; none where there is no such folder.
    static func entries(of path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The text of a file, 1 MiB of it at most; nil where it cannot be read.
    static func text(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return ferror(file) == 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
