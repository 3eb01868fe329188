import ArgumentParser
import CIMBusBroker

/// What the files of the configuration say, as options of the command line: so they have every option, with its checks.
extension Cimbusd {
    static let defaultFile = "/etc/cimbus/cimbusd.conf"
    private static let buses = ["system", "session", "address"]
    private static let flags: Set<String> = ["system", "session", "no-private-connections"]
    /// Options of which all count.
    private static let lists: Set<String> = ["allow-register", "rights"]
    private static let onlyOnCommandLine: Set<String> = ["config", "check-config", "help", "version"]

    /// The options that count: those of the files, and over them those of the command line.
    ///
    /// - Throws: ``CIMBusError``: every fault, with file and line.
    func withFiles(_ arguments: [String]) throws(CIMBusError) -> (options: Cimbusd, files: [String]) {
        guard let path = config ?? (session || address != nil ? nil : Self.defaultFile) else { return (self, []) }
        let files = ConfigurationFiles(path, isRequired: config != nil)
        var faults = files.faults
        let given = Set(arguments.filter { $0.hasPrefix("--") }.map { String($0.dropFirst(2).prefix { $0 != "=" }) })
        var counting: [(key: String, argument: String)] = []
        for setting in files.settings {
            if let fault = Self.fault(of: setting) {
                faults.append("\(setting.place): \(fault)")
                continue
            }
            let isBus = Self.buses.contains(setting.key)
            if !Self.lists.contains(setting.key) || setting.value.isEmpty {
                counting.removeAll { $0.key == setting.key || isBus && Self.buses.contains($0.key) }
            }
            let isGiven = isBus ? !given.isDisjoint(with: Self.buses) : given.contains(setting.key)
            if let argument = Self.argument(setting), !isGiven { counting.append((setting.key, argument)) }
        }
        if faults.isEmpty, !counting.isEmpty {
            do {
                return (try Cimbusd.parse(counting.map(\.argument) + arguments), files.read)
            } catch {
                faults.append("\(path): \(Self.message(for: error))")
            }
        }
        guard faults.isEmpty else { throw CIMBusError(.badConfiguration, faults.joined(separator: "\n")) }
        return (self, files.read)
    }

    /// Nil: nothing is wrong with it by itself.
    private static func fault(of setting: ConfigurationFiles.Setting) -> String? {
        if onlyOnCommandLine.contains(setting.key) { return "'\(setting.key)' is an option of the command line alone" }
        if flags.contains(setting.key), !["", "yes", "no"].contains(setting.value) { return "'\(setting.key)' takes yes or no" }
        guard let argument = argument(setting) ?? (flags.contains(setting.key) ? "--\(setting.key)" : nil) else {
            // An empty value: whether there is such an option is seen with another.
            return isOption(setting.key) ? nil : "there is no option '\(setting.key)'; cimbusd --help lists them"
        }
        guard isOption(setting.key) else { return "there is no option '\(setting.key)'; cimbusd --help lists them" }
        do {
            _ = try Cimbusd.parse([argument])
            return nil
        } catch {
            return message(for: error)
        }
    }

    /// Nil: nothing is to be said.
    private static func argument(_ setting: ConfigurationFiles.Setting) -> String? {
        if flags.contains(setting.key) { return setting.value == "yes" ? "--\(setting.key)" : nil }
        return setting.value.isEmpty ? nil : "--\(setting.key)=\(setting.value)"
    }

    private static func isOption(_ key: String) -> Bool {
        helpMessage(columns: 200).split(separator: "\n").contains { line in
            let line = line.drop { $0 == " " }
            return line.hasPrefix("--\(key) ") || line == "--\(key)"
        }
    }
}
