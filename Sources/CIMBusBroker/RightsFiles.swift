import CIMBusCore
import Glibc

/// The files that rules of rights are read from: `*.conf` of several directories, where a file of an earlier one stands for the files of that
/// name in the later ones. They are read in the order of their names.
struct RightsFiles {
    /// Why they cannot be used: a file, a line where there is one, and the reason.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    let directories: [String]
    /// Whom the broker trusts with its rules, beside root.
    let owner: UInt32

    /// A file of more is none that a person wrote.
    private static let largestFile = 1 << 20

    /// All rules, in their order. A directory that is not there has none.
    func read() throws(Fault) -> [RightsRule] {
        var paths: [String: String] = [:]
        for directory in directories {
            for name in try Self.names(in: directory) where paths[name] == nil { paths[name] = "\(directory)/\(name)" }
        }
        var rules: [RightsRule] = []
        for (_, path) in paths.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) { rules += try self.rules(in: path) }
        return rules
    }

    private static func names(in directory: String) throws(Fault) -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw Fault(description: "\(directory) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".conf"), !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private func rules(in path: String) throws(Fault) -> [RightsRule] {
        var rules: [RightsRule] = []
        for (index, line) in try text(of: path).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let place = "\(path):\(index + 1)"
            do throws(RightsTextError) {
                if let rule = try RightsRule(line: String(line), place: place, lookup: Self.number(of:isGroup:)) { rules.append(rule) }
            } catch {
                throw Fault(description: "\(place): \(error.message.clipped(300))")
            }
        }
        return rules
    }

    /// Whoever may write the file could give himself every right.
    private func text(of path: String) throws(Fault) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Fault(description: "\(path) cannot be read: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Fault(description: "\(path) is no file")
        }
        guard status.st_uid == 0 || status.st_uid == owner, status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw Fault(
                description: "\(path) may be written by others than root and the broker's user; chown root \(path) and chmod go-w \(path)")
        }
        guard status.st_size <= Self.largestFile else { throw Fault(description: "\(path) has more than 1 MiB") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Fault(description: "\(path) cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= Self.largestFile else { throw Fault(description: "\(path) has more than 1 MiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault(description: "\(path) is not UTF-8") }
        return text
    }

    /// The number of a user or a group; nil: there is none.
    static func number(of name: String, isGroup: Bool) -> UInt32? {
        isGroup ? SystemUsers.gid(ofGroup: name) : SystemUsers.uid(ofUser: name)
    }
}

/// What the system knows of users and groups. Each question may wait for the network.
enum SystemUsers {
    private static let roomForEntry = 64 << 10

    static func uid(ofUser name: String) -> UInt32? {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: roomForEntry)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &result) == 0, result != nil else { return nil }
        return entry.pw_uid
    }

    static func gid(ofGroup name: String) -> UInt32? {
        var entry = group()
        var result: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: roomForEntry)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &result) == 0, result != nil else { return nil }
        return entry.gr_gid
    }

    /// The groups of a user, as they are when the user logs in.
    static func groups(ofUser uid: UInt32) -> [UInt32] {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: roomForEntry)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &result) == 0, result != nil else { return [] }
        var groups = [gid_t](repeating: 0, count: 1024)
        var count = Int32(groups.count)
        guard getgrouplist(entry.pw_name, entry.pw_gid, &groups, &count) >= 0 else { return [entry.pw_gid] }
        return Array(groups[..<Int(count)])
    }
}
