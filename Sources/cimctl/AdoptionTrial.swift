import CIMAdoption
import CIMBusClient
import DBus
import Glibc

/// A mapping that the broker serves for the time of a command: an adopter that this program starts registers it in a namespace of its own, as this user
/// and with his rights. The adopter removes the namespace when this program lets go of the adopter's standard input, also by being killed; this
/// program removes it where the adopter did not.
struct AdoptionTrial {
    /// Why there is no trial, in words for a person.
    struct Refusal: Error {
        var reason: String
    }

    /// How long the adopter may take until its mapping is served.
    private static let patience = Duration.seconds(30)

    let namespace: CIMNamespaceName
    private let session: Session
    private let adopter: pid_t
    private let input: Int32

    /// - Parameters:
    ///   - adopter: the program.
    ///   - mapping: the file of the mapping.
    ///   - bus: the bus of the broker, and the options of the adopter that say so.
    static func start(
        _ adopter: String, _ mapping: String, on bus: BusAddress, _ options: [String]
    ) async throws -> AdoptionTrial {
        guard let namespace = CIMNamespaceName("\(CIMNamespaceName.cimv2)/\(prefix)\(getpid())") else { throw Refusal(reason: "") }
        let session: Session
        do throws(CIMError) {
            session = try await Session.connect(to: bus, namespace: .cimv2)
            await removeLeftOver(session)
            try await session.createNamespace(namespace)
        } catch {
            throw Refusal(reason: error.message)
        }
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&input) == 0, pipe(&output) == 0 else { throw Refusal(reason: "no pipe can be made: errno \(errno)") }
        for end in input + output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
        let process = ProcessEnvironment.spawn(
            adopter, [adopter, "--try", mapping, "--namespace", namespace.text, "--log-level", "critical"] + options,
            ProcessEnvironment.current,
            &actions)
        posix_spawn_file_actions_destroy(&actions)
        close(input[0])
        close(output[1])
        defer { close(output[0]) }
        guard let process else {
            close(input[1])
            try? await session.deleteNamespace(namespace)
            throw Refusal(reason: "\(adopter) cannot be started")
        }
        let trial = AdoptionTrial(namespace: namespace, session: session, adopter: process, input: input[1])
        let end = output[0]
        let isServed = await threads.run { says(end) }
        guard isServed else {
            await trial.end()
            throw Refusal(reason: "\(adopter) could not register it")
        }
        return trial
    }

    private static let prefix = "try_"
    private static let threads = BlockingThreads(name: "adopter", most: 1)

    /// Whether the adopter says something before it ends, and in time.
    private static func says(_ output: Int32) -> Bool {
        var wanted = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, Int32(patience.components.seconds * 1000)) == 1 else { return false }
        var byte: UInt8 = 0
        return read(output, &byte, 1) == 1
    }

    /// Namespaces of commands that were killed together with their adopters.
    private static func removeLeftOver(_ session: Session) async {
        for name in (try? await session.namespaces()) ?? [] where name.parent == .cimv2 {
            guard let last = name.text.split(separator: "/").last, last.hasPrefix(prefix),
                let process = pid_t(last.dropFirst(prefix.count)),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? await session.deleteNamespace(name)
        }
    }

    /// The first objects of a class, as its clients get them.
    func sample(of className: String, limit: Duration) async -> String {
        var sample = MappingSample(of: className)
        do {
            let objects = session.session(for: namespace).enumerateInstances(of: className, options: OperationOptions(timeout: limit))
            for try await instance in objects { sample.take(instance) }
        } catch {
            return sample.text(failure: error)
        }
        return sample.text()
    }

    /// Nothing of it is left when this returns.
    func end() async {
        close(input)
        let process = adopter
        await Self.threads.run {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        if let left = try? await session.namespaces(), left.contains(namespace) { try? await session.deleteNamespace(namespace) }
        await session.close()
    }
}
