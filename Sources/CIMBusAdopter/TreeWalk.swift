import CIMAdoption
import DBus

/// A walk through a service's objects by introspection, for those whose path fits a pattern.
struct TreeWalk {
    /// More objects are not looked at.
    static let mostObjects = 100_000
    /// Objects deeper than this are not looked at, however many the service says there are.
    static let deepest = 64

    private let pattern: PathTemplate
    private let required: Set<String>
    private var waiting: [ObjectPath] = []
    private var seen: Set<ObjectPath> = []
    private(set) var found: [ObjectPath] = []

    init(_ pattern: PathTemplate, _ required: [InterfaceName]) {
        self.pattern = pattern
        self.required = Set(required.map(\.text))
    }

    /// The next paths to be introspected; nil at the end.
    mutating func nextBatch(_ most: Int) -> [ObjectPath]? {
        guard !waiting.isEmpty else { return nil }
        let batch = Array(waiting.suffix(most))
        waiting.removeLast(batch.count)
        return batch
    }

    mutating func take(_ reply: Message, of path: ObjectPath) {
        guard reply.hasSignature("s"), let xml = try? reply.values().first?.text, let object = try? ObjectDescription(xml: xml) else {
            return
        }
        let interfaces = Set(object.interfaces.map(\.name.text))
        if pattern.matches(path), required.isSubset(of: interfaces) { found.append(path) }
        // Some services name their objects' children by the whole path.
        for child in object.children {
            let text = child.hasPrefix("/") ? child : (path.text == "/" ? "/" : path.text + "/") + child
            guard let below = try? ObjectPath(text), below.isEqual(toOrBelow: path), below != path, leads(below),
                seen.count < Self.mostObjects, seen.insert(below).inserted
            else { continue }
            waiting.append(below)
        }
    }

    /// Whether objects of the pattern may be at the path or below it.
    private func leads(_ path: ObjectPath) -> Bool {
        let parts = path.elements
        guard parts.count <= Self.deepest else { return false }
        if case .rest? = pattern.elements.last {
            return zip(pattern.elements, parts).allSatisfy { element, part in
                if case .literal(let literal) = element { literal == part } else { true }
            }
        }
        guard parts.count <= pattern.elements.count else { return false }
        return zip(pattern.elements, parts).allSatisfy { element, part in
            if case .literal(let literal) = element { literal == part } else { true }
        }
    }
}
