import ArgumentParser
import CIMBusClient
import DBus
import Glibc

/// Looks at everything that an answer depends on.
struct Doctor: Program {
    static let configuration = CommandConfiguration(
        abstract: "Says what is wrong with the bus, the broker, its unit, its user, your rights, and which command mends it.",
        discussion: """
            The exit status is 1 where something is bad. On a bus other than the system's, what belongs to an installed broker is left out. \
            For example:
              cimctl doctor --session
            """)

    @Option(help: ArgumentHelp("Look for files below this folder.", visibility: .hidden)) var root = ""
    @OptionGroup var options: CommandOptions

    var busAddress: BusAddress { options.busAddress }
    var style: OutputStyle { options.style(isPaged: false) }

    func perform(_ output: inout Output) async throws {
        if !options.hosts.isEmpty || options.watch != nil { throw ValidationError("doctor looks at this machine, once") }
        let findings = await DoctorVisit(options, root: root).facts().findings
        if options.output == .table {
            for finding in findings { try output.write(finding.lines) }
        } else {
            try output.show(findings.map(\.row), ["Check", "State", "Text", "Command"].map { Column($0) })
        }
        try output.finish()
        if findings.contains(where: { $0.state == .bad }) { throw Reported(status: .failed) }
    }
}

/// Gathers the facts. Each question has a short deadline, and what fails is a fact.
struct DoctorVisit {
    private let options: CommandOptions
    private let root: String
    private let patience = Duration.seconds(5)

    init(_ options: CommandOptions, root: String) {
        self.options = options
        self.root = root
    }

    func facts() async -> DoctorFacts {
        var facts = DoctorFacts(bus: options.busAddress, ownUser: geteuid())
        facts.aliasFaults = Aliases.installed().faults
        facts.gaugeFaults = Gauges.installed().faults
        if options.busAddress == .system { lookAtTheMachine(&facts) }
        do throws(DBusError) {
            let connection = try await Connection.connect(to: options.busAddress)
            let name = BusName(verified: "org.cimbus1")
            facts.brokerUser = (try? await connection.credentials(of: name))?.userID
            if let names = try? await connection.call(.busCall("ListActivatableNames"), timeout: patience).values().first?.elements {
                facts.isActivatable = names.contains { $0.text == "org.cimbus1" }
            }
            await connection.close()
        } catch {
            facts.busFailure = CIMError(error.code == .authentication ? .accessDenied : .transportFailure, "\(error)", cause: error)
            return facts
        }
        await askTheBroker(&facts)
        return facts
    }

    private func askTheBroker(_ facts: inout DoctorFacts) async {
        do throws(CIMError) {
            let session = try await options.connect()
            var broker = session.broker
            broker.timeout = patience
            facts.figures = try await broker.figures()
            facts.rights = try? await broker.rights(in: options.namespaceName).reasons
            facts.providers = (try? await broker.registrations()) ?? []
            let start = ContinuousClock.now
            do throws(CIMError) {
                _ = try await session.getClass("__Namespace", timeout: patience)
                facts.operation = .success(ContinuousClock.now - start)
            } catch {
                facts.operation = .failure(error)
            }
            await session.close()
        } catch {
            facts.brokerFailure = error
        }
    }

    private func lookAtTheMachine(_ facts: inout DoctorFacts) {
        facts.policies = DoctorFacts.policyPaths.filter { access(root + $0, R_OK) == 0 }
        facts.serviceUser = user("cimbus")
        var status = stat()
        if stat(root + DoctorFacts.statePath, &status) == 0 {
            var disk = statvfs()
            let isKnown = statvfs(root + DoctorFacts.statePath, &disk) == 0 && disk.f_blocks > 0
            facts.state = DoctorFacts.Place(
                owner: status.st_uid, mode: status.st_mode & 0o7777,
                freePercent: isKnown ? Int(Double(disk.f_bavail) * 100 / Double(disk.f_blocks)) : 100)
        }
        guard access(root + "/run/systemd/system", F_OK) == 0 else { return }
        facts.unit = Self.properties("systemctl show cimbusd.service --property=LoadState,ActiveState,Result 2>/dev/null")
    }

    /// By the file where the machine is another one's.
    private func user(_ name: String) -> UInt32? {
        guard !root.isEmpty else { return getpwnam(name)?.pointee.pw_uid }
        let lines = (Folder.text(of: root + "/etc/passwd") ?? "").split(separator: "\n")
        return lines.first { $0.hasPrefix(name + ":") }.flatMap { UInt32($0.split(separator: ":", omittingEmptySubsequences: false)[2]) }
    }

    /// `Name=value` lines of a command; nil where it says nothing.
    private static func properties(_ command: String) -> [String: String]? {
        guard let pipe = popen(command, "r") else { return nil }
        defer { pclose(pipe) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, pipe)
        var values: [String: String] = [:]
        for line in String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        return values.isEmpty ? nil : values
    }
}
