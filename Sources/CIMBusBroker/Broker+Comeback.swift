import CIM
import CIMBusCore
import CIMRepository
import DBus
import Glibc

/// Providers that outlive the broker (L11): which process served a registration is kept with the definitions, so that the next broker waits
/// for it to register again and does not start a second one. It is written when a provider registers, never for an operation.
extension Broker {
    private static let recordClass = "CIMBus_ProviderProcess"

    /// A provider registered: its process is the one to wait for.
    func recordProcess(of registration: Entry<Registration>) {
        guard repository.path != nil, let pid = registration.pid, let startTime = ProcessStat.startTime(of: pid) else { return }
        var record = CIMInstance(className: Self.recordClass, Self.key(of: registration))
        record["ProcessID"] = .uint32(pid)
        record["StartTime"] = .uint64(startTime)
        change(.putInstance(record, in: .root))
    }

    /// It unregistered: nobody is to wait for it.
    func forgetProcess(of registration: Entry<Registration>) {
        guard repository.path != nil else { return }
        let key = Self.key(of: registration)
        let keys = key.map { CIMObjectPath.Key(name: $0.key, value: .string($0.value.stringValue ?? "")) }
        change(.deleteInstance(CIMObjectPath(className: Self.recordClass, keys: .keys(keys)), in: .root))
    }

    private static func key(of registration: Entry<Registration>) -> KeyValuePairs<String, CIMValue> {
        [
            "Namespace": .string(registration.namespace), "Name": .string(registration.name),
            "User": .string(registration.user.map { String($0) } ?? ""),
        ]
    }

    /// Stores a note for the next broker, some time soon.
    func change(_ change: RepositoryChange) {
        Task(executorPreference: loop) { [self] in await self.note(change) }
    }

    /// The same; it is stored when this returns.
    func note(_ change: RepositoryChange) async {
        do throws(CIMError) {
            try await repository.commit([change])
        } catch {
            // Not there to be deleted, or a disk that is full: the next broker then knows nothing of it.
            logger.debug("a note for the next broker is not stored: \(error)")
        }
    }

    /// Before the first call is taken: whose process still lives may register again.
    func expectComebacks() async {
        var cursor = repository.instances(ofExactly: [Self.recordClass], in: .root)
        while let at = cursor {
            guard let page = try? await repository.page(at: at) else { return }
            for record in page.instances { expect(record) }
            cursor = page.next
        }
    }

    private func expect(_ record: CIMInstance) {
        guard let name = record["Name"]?.stringValue, let namespace = record["Namespace"]?.stringValue,
            let pid: UInt32 = record["ProcessID"]?.int64Value.flatMap({ UInt32(exactly: $0) }),
            let startTime = record["StartTime"]?.int64Value.flatMap({ UInt64(exactly: $0) })
        else { return }
        let user = record["User"]?.stringValue ?? ""
        guard user.isEmpty || UInt32(user) != nil else { return }
        expect(ServingProcess(namespace: namespace, name: name, user: UInt32(user), pid: pid, startTime: startTime))
    }

    /// The processes behind a peer's registrations, which may register again after the bus has dropped the broker.
    func servingProcesses(of peer: PeerID) -> [ServingProcess] {
        (core.peers[peer]?.registrations ?? []).sorted().compactMap { id in
            guard let registration = core.registry.find(id), let pid = registration.pid, let startTime = ProcessStat.startTime(of: pid)
            else { return nil }
            return ServingProcess(
                namespace: registration.namespace, name: registration.name, user: registration.user, pid: pid, startTime: startTime)
        }
    }

    /// Calls of a registration that is defined wait for that process, if it lives, to register again.
    func expect(_ process: ServingProcess) {
        let (namespace, name, pid) = (process.namespace, process.name, process.pid)
        guard let shared = core.registry.find(namespace: namespace, name: name) else { return }
        let id: RegistrationID
        if let user = process.user {
            guard shared.terms.isPerUser,
                let own = tell({ $0.define(namespace: namespace, name: shared.name, user: user, uid: user, terms: shared.terms) })
            else { return }
            id = own
        } else {
            id = shared.id
        }
        // Opened first, looked at after: what is watched is then the process that was recorded.
        let watch = loop.watchProcess(pid) { [weak self] in
            self?.assumeIsolated { broker in
                broker.stopExpecting(id)
                broker.tell { $0.expectationFailed(id) }
            }
        }
        guard let watch else { return }
        guard ProcessStat.startTime(of: pid) == process.startTime else { return loop.stopWatching(watch) }
        // It may be expected already, from before the bus dropped the broker once more.
        stopExpecting(id)
        registrations.expect(id, watch)
        tell { $0.expect(id) }
        logger.info("waiting for provider \(name) in \(namespace), process \(pid), to register again")
    }

    func stopExpecting(_ id: RegistrationID) {
        if let watch = registrations.stopExpecting(id) { loop.stopWatching(watch) }
    }
}

/// The process that served a registration: by its number and the time at which it started, which together are no other's.
struct ServingProcess {
    let namespace: String
    let name: String
    let user: UInt32?
    let pid: UInt32
    let startTime: UInt64
}

/// What `/proc` says about a process.
enum ProcessStat {
    /// When it started, in clock ticks since the machine did: with its number, which process it is. Nil when there is none, or it cannot be
    /// seen. `man 5 proc_pid_stat`, field 22.
    static func startTime(of pid: UInt32) -> UInt64? {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &buffer, buffer.count)
        // The name, in parentheses, may hold anything; what follows its last one are numbers.
        guard count > 0, let end = buffer[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: buffer[(end + 1)..<count], as: UTF8.self).split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}
