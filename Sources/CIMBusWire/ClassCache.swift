import CIM
import Synchronization

/// The classes of a broker that a process has met, prepared for decoding. A class is asked for once; all are forgotten when another broker comes,
/// and when a class may have changed. Of a class that was needed for its instances alone, only what they need is kept.
package final class ClassCache: Sendable {
    private struct Key: Hashable {
        var namespace: CIMNamespaceName
        var className: CIMName
    }

    private struct Guarded {
        /// Counts how often all classes were forgotten: what was asked for before may be what the class was then.
        var generation = 0
        var classes: [Key: Kept] = [:]
    }

    private struct Kept {
        let layout: ObjectLayout
        /// Whether the class is as it was declared; else it is what it takes to read its instances.
        let isWhole: Bool
    }

    /// Past so many classes all are forgotten: to ask for one once more costs less than to keep what nobody needs.
    package static let mostClasses = 8192

    private let guarded = Mutex(Guarded())

    package init() {}

    package func forgetAll() {
        guarded.withLock { guarded in
            guarded.generation += 1
            guarded.classes = [:]
        }
    }

    /// The layout of a class, where it was kept.
    /// - Parameter isWhole: as for ``layout(of:in:isWhole:refreshing:asking:)``.
    package func known(_ name: String, in namespace: CIMNamespaceName, isWhole: Bool) -> ObjectLayout? {
        let key = Key(namespace: namespace, className: CIMName(name))
        return guarded.withLock { $0.classes[key] }.flatMap { $0.isWhole || !isWhole ? $0.layout : nil }
    }

    /// The layout of a class, as it was kept, or as `ask` gives it. What was asked for before all classes were forgotten is not kept.
    /// - Parameters:
    ///   - isWhole: whether the class itself is wanted; else what it takes to read its instances is enough.
    ///   - refreshing: whether it is asked for in any case.
    package func layout(
        of name: String, in namespace: CIMNamespaceName, isWhole: Bool = true, refreshing: Bool = false,
        asking ask: () async throws(CIMError) -> CIMClass
    ) async throws(CIMError) -> ObjectLayout {
        let key = Key(namespace: namespace, className: CIMName(name))
        let (known, generation) = guarded.withLock { (refreshing ? nil : $0.classes[key], $0.generation) }
        if let known, known.isWhole || !isWhole { return known.layout }
        let layout = ObjectLayout(decoding: try await ask())
        guarded.withLock { guarded in
            guard guarded.generation == generation else { return }
            if guarded.classes.count >= Self.mostClasses { guarded.classes = [:] }
            guarded.classes[key] = Kept(layout: layout, isWhole: isWhole)
        }
        return layout
    }
}
