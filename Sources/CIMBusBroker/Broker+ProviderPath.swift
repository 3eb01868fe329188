import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Whether a process has the object that it registers. Without a look, a wrong path shows as whatever its library says to a call at a path
/// without an object, and some libraries say nothing at all.
enum ProviderPath: Hashable, Sendable {
    case isThere
    /// It does not say: it does not introspect, or it answers nothing before its own call has returned.
    case isUnknown
    /// There is no such object, and the interface is found at another path.
    case isElsewhere(ObjectPath)
    /// There is no such object, in the words of the process.
    case isNowhere(String)

    /// What is wrong with it; nil: nothing is known to be.
    func fault(of path: ObjectPath) -> String? {
        switch self {
        case .isThere, .isUnknown: nil
        case .isElsewhere(let other):
            "there is no \(Contract.provider) at \(path.text.clipped()), there is one at \(other.text.clipped()); register that path"
        case .isNowhere(let words):
            "there is no object at \(path.text.clipped()), says the process: \(words.clipped()); export it there before you register, or register "
                + "the path where it is"
        }
    }
}

extension Broker {
    /// How long a registration waits for the answer. A process that waits for the reply to its `Register`, and answers nothing meanwhile, is
    /// registered then.
    private static let patience = Duration.milliseconds(500)
    /// Objects that are looked at in one process.
    private static let mostObjects = 16
    /// The largest description of an object that is read.
    private static let largestDescription = 64 << 10

    /// Asks a process for the object at a path, and tells `then` once what it says in time.
    func lookForObject(
        of peer: PeerID, at path: ObjectPath, for provider: String, by way: Way,
        then: @escaping @Sendable (isolated Broker, ProviderPath) -> Void
    ) {
        guard let attachment = peers[peer, way], (try? tell { core throws(Refusal) in try core.admit(.look, of: peer) }) != nil else {
            return then(self, .isUnknown)
        }
        let isDecided = Decided()
        let timer = loop.schedule(after: Self.patience) { [weak self] in
            guard isDecided.first() else { return }
            self?.assumeIsolated { then($0, .isUnknown) }
        }
        let name = attachment.name
        Task(executorPreference: loop) {
            let found = await Self.look(for: path, by: attachment)
            await self.looked(peer) { broker in
                if isDecided.first() {
                    broker.loop.cancel(timer)
                    then(broker, found)
                } else if let fault = found.fault(of: path) {
                    broker.logger.warning("provider \(provider) of \(name): \(fault)")
                    broker.warn(of: fault, peer, at: path)
                }
            }
        }
    }

    /// What was found out only after the registration had been accepted.
    private func warn(of fault: String, _ peer: PeerID, at path: ObjectPath) {
        for registration in registrations.registrations(of: peer, at: path) {
            registrations.warn(of: fault, registration)
            registrationChanged(registration)
        }
    }

    private func looked(_ peer: PeerID, _ found: @Sendable (isolated Broker) -> Void) {
        gaveBack(.look, by: peer)
        found(self)
    }

    /// Touched on the loop only.
    private final class Decided: @unchecked Sendable {
        private var isDecided = false

        /// Whether it is the first time.
        func first() -> Bool {
            defer { isDecided = true }
            return !isDecided
        }
    }

    private enum Description: Sendable {
        case object(ObjectDescription)
        case absent(String)
        case unknown
    }

    private nonisolated static func look(for path: ObjectPath, by attachment: any Attachment) async -> ProviderPath {
        let first = await describe(path, by: attachment)
        if case .object(let object) = first, object.isProvider { return .isThere }
        // Some libraries describe an empty object wherever they have none, some programs describe none of theirs. So it is the object's
        // being elsewhere that shows which it is.
        var paths = [ObjectPath.root]
        var next = 0
        while next < min(paths.count, mostObjects) {
            let candidate = paths[next]
            next += 1
            guard case .object(let object) = await describe(candidate, by: attachment) else { continue }
            if object.isProvider, candidate != path { return .isElsewhere(candidate) }
            for child in object.children.prefix(mostObjects) {
                if let below = try? ObjectPath((candidate == .root ? "/" : candidate.text + "/") + child) { paths.append(below) }
            }
        }
        if case .absent(let words) = first { return .isNowhere(words) }
        return .isUnknown
    }

    private nonisolated static func describe(_ path: ObjectPath, by attachment: any Attachment) async -> Description {
        guard
            let question = try? Message.methodCall(
                destination: attachment.name, path: path, interface: .introspectable, member: MemberName(verified: "Introspect"),
                flags: .noAutoStart)
        else { return .unknown }
        do throws(DBusError) {
            let reply = try await withUnsafeContinuation { (answered: UnsafeContinuation<Result<Message, DBusError>, Never>) in
                attachment.call(question, by: .own) { answered.resume(returning: $0) }
            }.get()
            guard reply.bodySize <= largestDescription, case .string(let xml)? = (try? reply.values())?.first,
                let object = try? ObjectDescription(xml: xml)
            else { return .unknown }
            return .object(object)
        } catch {
            return error.saysThatNoObjectIsThere && error.reply?.sender == attachment.name.text ? .absent(error.message) : .unknown
        }
    }
}

extension DBusError {
    /// godbus has a name of its own for it.
    var saysThatNoObjectIsThere: Bool { name == .unknownObject || name.text == "org.freedesktop.DBus.Error.NoSuchObject" }
}

extension ObjectDescription {
    fileprivate var isProvider: Bool { interfaces.contains { $0.name == Contract.provider || $0.name == Contract.eventProvider } }
}
