import CIM
import Synchronization

/// The classes of a broker that a process has met, prepared for decoding. A class is asked for once; all are forgotten when another broker comes,
/// and when a class may have changed.
package final class ClassCache: Sendable {
    private struct Key: Hashable {
        var namespace: CIMNamespaceName
        var className: CIMName
    }

    private struct Guarded {
        /// Counts how often all classes were forgotten: what was asked for before may be what the class was then.
        var generation = 0
        var layouts: [Key: ObjectLayout] = [:]
    }

    /// Past so many classes all are forgotten: to ask for one once more costs less than to keep what nobody needs.
    package static let mostClasses = 8192

    private let guarded = Mutex(Guarded())

    package init() {}

    package func forgetAll() {
        guarded.withLock { guarded in
            guarded.generation += 1
            guarded.layouts = [:]
        }
    }

    /// The layout of a class, as it was kept, or as `ask` gives it. What was asked for before all classes were forgotten is not kept.
    /// - Parameter refreshing: whether it is asked for in any case.
    package func layout(
        of name: String, in namespace: CIMNamespaceName, refreshing: Bool = false, asking ask: () async throws(CIMError) -> CIMClass
    ) async throws(CIMError) -> ObjectLayout {
        let key = Key(namespace: namespace, className: CIMName(name))
        let (known, generation) = guarded.withLock { (refreshing ? nil : $0.layouts[key], $0.generation) }
        if let known { return known }
        let layout = ObjectLayout(decoding: try await ask())
        guarded.withLock { guarded in
            guard guarded.generation == generation else { return }
            if guarded.layouts.count >= Self.mostClasses { guarded.layouts = [:] }
            guarded.layouts[key] = layout
        }
        return layout
    }
}
