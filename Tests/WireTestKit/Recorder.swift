import Synchronization

/// What happened, in order, from anywhere; tests wait until it says what they wait for.
public final class Recorder<Element: Sendable>: Sendable {
    private struct Waiter {
        var isSatisfied: @Sendable ([Element]) -> Bool
        var event: Event<[Element]>
    }

    private struct State {
        var elements: [Element] = []
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Everything so far.
    public var all: [Element] { state.withLock { $0.elements } }

    public func record(_ element: Element) { record(CollectionOfOne(element)) }

    /// Several at once.
    public func record(_ more: some Sequence<Element>) {
        let satisfied = state.withLock { state -> ([Waiter], [Element]) in
            state.elements += more
            let elements = state.elements
            let satisfied = state.waiters.filter { $0.isSatisfied(elements) }
            if !satisfied.isEmpty { state.waiters.removeAll { waiter in satisfied.contains { $0.event === waiter.event } } }
            return (satisfied, elements)
        }
        for waiter in satisfied.0 { waiter.event.send(satisfied.1) }
    }

    /// Waits until the elements satisfy `condition`, and gives them; throws ``DeadlinePassed`` when they do not in time.
    @discardableResult
    public func wait(
        _ awaited: String, within duration: Duration = .seconds(10), until condition: @escaping @Sendable ([Element]) -> Bool
    ) async throws -> [Element] {
        let event = Event<[Element]>(awaited)
        let now = state.withLock { state -> [Element]? in
            if condition(state.elements) { return state.elements }
            state.waiters.append(Waiter(isSatisfied: condition, event: event))
            return nil
        }
        if let now { return now }
        return try await event.value(within: duration)
    }
}
