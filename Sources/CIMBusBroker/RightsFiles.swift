import CIMBusCore
import Glibc

/// The files that rules of rights are read from: `*.conf` of several directories, where a file of an earlier one stands for the files of that
/// name in the later ones. They are read in the order of their names.
struct RightsFiles {
    typealias Fault = TrustedFile.Fault

    let directories: [String]
    /// Whom the broker trusts with its rules, beside root.
    let owner: UInt32

    /// All rules, in their order. A directory that is not there has none.
    func read() throws(Fault) -> [RightsRule] {
        var paths: [String: String] = [:]
        for directory in directories {
            for name in try TrustedFile.names(in: directory) where paths[name] == nil { paths[name] = "\(directory)/\(name)" }
        }
        var rules: [RightsRule] = []
        for (_, path) in paths.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) { rules += try self.rules(in: path) }
        return rules
    }

    private func rules(in path: String) throws(Fault) -> [RightsRule] {
        var rules: [RightsRule] = []
        for (index, line) in try TrustedFile.text(of: path, owner: owner).split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let place = "\(path):\(index + 1)"
            do throws(RightsTextError) {
                if let rule = try RightsRule(line: String(line), place: place, lookup: Self.number(of:isGroup:)) { rules.append(rule) }
            } catch {
                throw Fault(description: "\(place): \(error.message.clipped(300))")
            }
        }
        return rules
    }

    /// The number of a user or a group; nil: there is none.
    static func number(of name: String, isGroup: Bool) -> UInt32? {
        isGroup ? SystemUsers.gid(ofGroup: name) : SystemUsers.uid(ofUser: name)
    }
}

extension BrokerConfiguration {
    /// Reads the rules of rights, and does nothing with them.
    ///
    /// - Throws: ``CIMBusError``: the first fault, with file and line.
    public func checkRights() throws(CIMBusError) {
        do throws(RightsFiles.Fault) {
            _ = try RightsFiles(directories: rightsDirectories, owner: getuid()).read()
        } catch {
            throw CIMBusError(.noRights, error.description)
        }
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
