import CIMAdoption
import DBus
import Synchronization

/// The caches of the services whose mappings want one. A service that does not run has none.
final class ServiceCaches: Sendable {
    private struct Key: Hashable {
        var bus: ClassContext.Bus
        var service: BusName
        var preparation: CallTemplate?
    }

    private struct Made {
        var cache: ServiceCache?
        /// Whether it stays so while the process owns the name.
        var isLasting = true
    }

    private typealias Making = Task<Made, any Error>

    private let caches = Mutex<[Key: Making]>([:])

    /// The cache of the process that owns the service's name. Nil where none does, or where it does not send signals.
    func cache(_ context: ClassContext, _ connect: @escaping @Sendable () async throws(DBusError) -> Connection) async -> ServiceCache? {
        guard let caching = context.caching else { return nil }
        let key = Key(bus: context.bus, service: context.service, preparation: caching.preparation)
        let making = caches.withLock { caches in
            if let making = caches[key] { return making }
            let making = Making { try await self.make(key, context, try await connect()) }
            caches[key] = making
            return making
        }
        let made = try? await making.value
        if !(made?.isLasting ?? false) { forget(key) }
        return made?.cache
    }

    private func forget(_ key: Key) { caches.withLock { caches in _ = caches.removeValue(forKey: key) } }

    /// Listens first. What is kept from then on the signals keep true.
    private func make(_ key: Key, _ context: ClassContext, _ connection: Connection) async throws -> Made {
        let followed = Followed()
        let following = try await connection.followOwner(of: key.service) { owner in
            guard followed.isOver(with: owner) else { return }
            self.forget(key)
        }
        guard let owner = followed.owner else {
            await connection.removeMatch(following)
            return Made(isLasting: false)
        }
        let cache = ServiceCache(owner: BusName(verified: owner.text))
        connection.onDisconnected { _ in
            cache.end()
            self.forget(key)
        }
        var tokens = [following]
        var isListening = true
        do {
            for signal in ServiceCache.signals {
                let rule = MatchRule(sender: key.service, interface: signal.interface, member: signal.member)
                tokens.append(try await connection.addMatch(rule) { cache.hear($0) })
            }
            if let call = key.preparation, let path = call.path?.path({ _ in nil }) {
                let target = ServiceTarget(context, owner: cache.owner)
                let values = call.arguments.compactMap { ArgumentWriter.value($0) }
                let prepared = ServiceCall(target, path, call.interface, call.member, values, timeout: .seconds(10))
                _ = try await connection.call(try prepared.message, timeout: prepared.timeout)
            }
        } catch {
            // It does not signal: it is asked each time, and not whether it does until another process has the name.
            for token in tokens.dropFirst() { await connection.removeMatch(token) }
            tokens.removeLast(tokens.count - 1)
            isListening = false
        }
        let all = tokens
        followed.whenOver {
            cache.end()
            Task { for token in all { await connection.removeMatch(token) } }
        }
        return Made(cache: isListening ? cache : nil)
    }

    /// Who owns a name, until another does.
    private final class Followed: Sendable {
        private struct State {
            var owner: UniqueName?
            var isKnown = false
            var isOver = false
            var then: (@Sendable () -> Void)?
        }

        private let state = Mutex(State())

        var owner: UniqueName? { state.withLock { $0.owner } }

        /// Takes an owner. True: it is another than the first one.
        func isOver(with owner: UniqueName?) -> Bool {
            let (isOver, then) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
                guard state.isKnown else {
                    (state.owner, state.isKnown) = (owner, true)
                    return (false, nil)
                }
                state.isOver = true
                defer { state.then = nil }
                return (true, state.then)
            }
            then?()
            return isOver
        }

        func whenOver(_ then: @escaping @Sendable () -> Void) {
            let isOver = state.withLock { state in
                if !state.isOver { state.then = then }
                return state.isOver
            }
            if isOver { then() }
        }
    }
}
